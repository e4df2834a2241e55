import pytest

from dropgrid.planning.command_line import read_command_line
from dropgrid.planning.compose import hydra_context
from dropgrid.planning.overrides import parse_override, texts_of, values_of, without_sweep


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
        (["-m", "a=", "b=NULL", "c=x\\"], ["-m", "a=", "b=NULL", "c=x\\"]),
    ],
)  # fmt: skip
def test_what_hydra_is_given(typed, given):
    assert read_command_line(typed).arguments == given


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
        found = parse_override(read_command_line([typed]).arguments[0])
        values_found = [parse_override(f"x={each}").value() for each in values_of(found)]
    assert values_found == (values if isinstance(values, list) else [values])


VALUES = [
    ".9",
    "1e-3",
    "True",
    "'a,b'",
    '"a b"',
    "['a,b', 2]",
    "{a: 'x,y'}",
    r"a\,b",
    "'null'",
    "'1'",
    "int('3')",
    "${a.b}",
]


@pytest.mark.parametrize("value", VALUES)
def test_the_planner_takes_what_hydras_choices_mean(value):
    line = read_command_line(["-m", f"key={value}", "+new=1", "paths.outputs=.5"])
    assert line.hydra_overrides[0] == f"key=choice({value})"
    assert texts_of(line.overrides) == texts_of([without_sweep(parse_override(each)) for each in line.hydra_overrides])
    assert texts_of(read_command_line([f"key={value}"]).overrides) == [f"key={value}"]
