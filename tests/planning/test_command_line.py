import pytest

from dropgrid.planning.command_line import arguments
from dropgrid.planning.compose import choices, hydra_context, parse


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        (["a=1"], ["a=1"]),
        (["+ablation=demo"], ["--multirun", "+ablation=demo"]),
        (["ablation=demo", "a=1"], ["--multirun", "+ablation=demo", "a=choice(1)"]),
        (["a=1", "-m", "b=1,2"], ["-m", "a=choice(1)", "b=1,2"]),
        (["-m", "g=[-1]", "+new=1", "~gone", "paths.outputs=x", "hydra/launcher=basic"],
         ["-m", "g=choice([-1])", "+new=1", "~gone", "paths.outputs=x", "hydra/launcher=basic"]),
        (["+ablation=demo", "--cfg", "job"], ["--cfg", "job", "+ablation=demo"]),
        (["--help"], ["--help"]),
        (["-m", "a=[1"], ["-m", "a=[1"]),
    ],
)  # fmt: skip
def test_what_hydra_is_given(typed, given):
    assert arguments(typed) == given


@pytest.mark.parametrize(
    ("home", "typed", "values"),
    [
        ("/home/ada", "data.root=~/pics", "/home/ada/pics"),
        ("/home/ada", "data.root=~/my pics", "/home/ada/my pics"),
        ("/home/jürgen", "data.root=~/pics", "/home/jürgen/pics"),
        ("/home/a,b [c]", "data.root=~/pics", "/home/a,b [c]/pics"),
        ("/home/o'neil", "data.root=~/a,~/b c", ["/home/o'neil/a", "/home/o'neil/b c"]),
        ("/home/ada", "data.root=choice(~/a,/b)", ["/home/ada/a", "/b"]),
        ("/home/ada", "data.root=/a/b", "/a/b"),
    ],
)
def test_a_path_may_begin_with_a_tilde(home, typed, values, monkeypatch):
    monkeypatch.setenv("HOME", home)
    with hydra_context():
        found = parse(arguments([typed])[0])
        values_found = [parse(f"x={each}").value() for each in choices(found)]
    assert values_found == (values if isinstance(values, list) else [values])
