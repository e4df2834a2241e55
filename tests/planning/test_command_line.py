import pytest

from dropgrid.errors import UserError
from dropgrid.planning.command_line import read_command_line
from dropgrid.planning.compose import hydra_context
from dropgrid.planning.overrides import parse_override, texts_of, values_of, without_sweep


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        (["a=1", "hydra.verbose=true"], ["a=1", "hydra.verbose=true"]),
        (["+ablation=demo"], ["--multirun"]),
        (["ablation=demo", "a=1"], ["--multirun"]),
        (["a=1", "-m", "b=1,2"], ["--multirun"]),
        (["-m", "+new=1", "~gone", "a=null", "b=", "c=x\\", "+hydra.launcher.x=1", "paths.outputs=x", "hydra/y=z"],
         ["--multirun", "+hydra.launcher.x=1", "paths.outputs=x", "hydra/y=z"]),
        (["-m", "hydra/sweeper=basic", "g=[-1]", "+new=1", "~gone", "paths.outputs=x", "hydra/y=z"],
         ["--multirun", "hydra/sweeper=basic", "g=choice([-1])", "+new=1", "~gone", "paths.outputs=x", "hydra/y=z"]),
        (["-m", "hydra/sweeper=basic", "a=", "b=NULL", "c=x\\", "d=[1"],
         ["--multirun", "hydra/sweeper=basic", "a=", "b=NULL", "c=x\\", "d=[1"]),
        (["+ablation=demo", "--cfg", "job"], ["--cfg=job", "+ablation=demo"]),
        (["--config-dir", "a=1", "a=1"], ["--config-dir=a=1", "a=1"]),
        (["-cd", "+ablation=demo", "+ablation=demo", "-i"],
         ["--config-dir=+ablation=demo", "--info=all", "+ablation=demo"]),
        (["--help"], ["--help"]),
    ],
)  # fmt: skip
def test_what_hydra_is_given(typed, given):
    assert read_command_line(typed).arguments == given


WITH_A_VALUE = ["-cd", "-cp", "-cn", "-c", "-p", "--experimental-rerun", "--conf", "--package"]


@pytest.mark.parametrize(
    "typed",
    [
        *([flag] for flag in WITH_A_VALUE),
        *(["a=1", flag, "-m", "b=2"] for flag in WITH_A_VALUE),
        *([flag, "--"] for flag in WITH_A_VALUE),
        ["--nonsense"], ["-x"], ["--nonsense=1", "a=1"], ["-m=3"], ["-c", "x"], ["-i=x"], ["--help=1"],
        ["-m", "--cfg", "job"], ["-r", "-m"], ["--cfg=job", "-i"], ["--resolve"], ["-p", "x"],
        ["--experimental-rerun", "config.pickle"],
        ["-sc"], ["-sc", "install=csh"], ["-sc", "install=bash", "a=1"], ["-sc", "query=bash"],
    ],
)  # fmt: skip
def test_flags_that_cannot_be_meant_are_a_line(typed, monkeypatch, capsys):
    monkeypatch.delenv("COMP_LINE", raising=False)
    with pytest.raises(UserError) as refused:
        read_command_line(typed)
    assert len(str(refused.value).splitlines()) == 1 and capsys.readouterr() == ("", "")


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
        ("/home/ada", "data.root=/données/été", "/données/été"),
        ("/home/ada", "data.root=~/données", "/home/ada/données"),
        ("/home/ada", "data.root=/Fotos von Jürgen/1", "/Fotos von Jürgen/1"),
        ("/home/ada", "data.root=/a,/写真,b c,~/ü", ["/a", "/写真", "b c", "/home/ada/ü"]),
        ("/home/ada", "data.root=choice(/a,/写真)", ["/a", "/写真"]),
        ("/home/ada", "data.root='/写真, b'", "/写真, b"),
        ("/home/ada", "data.root=C:/写真", "C:/写真"),
    ],
)
def test_a_path_may_begin_with_a_tilde(home, typed, values, monkeypatch):
    monkeypatch.setenv("HOME", home)
    with hydra_context():
        found = parse_override(read_command_line([typed]).arguments[0])
        values_found = [parse_override(f"x={each}").value() for each in values_of(found)]
    assert values_found == (values if isinstance(values, list) else [values])


def test_other_letters_stand_in_lists_too():
    assert parse_override(read_command_line(["model.x=[ü,[é],a]"]).typed[0]).value() == ["ü", ["é"], "a"]


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
    line = read_command_line(["hydra/sweeper=basic", "-m", f"key={value}", "+new=1", "paths.outputs=.5"])
    assert line.hydra_overrides[1] == f"key=choice({value})"
    assert texts_of(line.overrides) == texts_of([without_sweep(parse_override(each)) for each in line.hydra_overrides])
    assert texts_of(read_command_line([f"key={value}"]).overrides) == [f"key={value}"]
