"""The command from its words to its files."""

import json
import sys
from pathlib import Path

import pytest
from optimizer_paths import surfaces as folder
from optimizer_paths.command import main
from optimizer_paths.publish import KEPT, PAGE, publish, renewed
from optimizer_paths.tuning import RATES
from PIL import Image

ROOT = Path(__file__).parents[3]

BOWL = '''"""A bowl, made up for a test."""

from optimizer_paths.surface import Surface


def bowl(x, y):
    return x * x + 2 * y * y


SURFACE = Surface(
    title="A bowl", formula="f = x² + 2y²", function=bowl, gauge=bowl, gauged="loss", minimum=(0.0, 0.0),
    window=(-2.0, 2.0, -2.0, 2.0), logarithmic=False, start=(1.0, 1.0), offset=0.0, rate=0.1, steps=20, goal=0.1,
    above=False,
)
'''


@pytest.fixture
def command(tmp_path, capsys):
    """Runs the command; exit code, what it printed, what it complained of."""

    def run(*words):
        code = main([*words, f"paths.outputs={tmp_path}"])
        said = capsys.readouterr()
        return code, said.out, said.err

    run.folder = tmp_path / "optimizer_paths"  # type: ignore[attr-defined]  # for the tests to read
    return run


def test_pictures_animation_numbers_and_statements(command):
    code, out, _ = command("saddle", "--steps", "12", "--rate", "0.02", "--start", "0.5", "0", "--offset", "0.01")
    assert code == 0
    assert sorted(path.name for path in command.folder.iterdir()) == [
        "findings.json",
        "paths.json",
        "saddle.webp",
        "saddle_common.png",
        "saddle_tuned.png",
    ]
    assert all(str(path) in out for path in command.folder.iterdir())
    assert "sam is left out" in out and "From offset 0 nobody leaves" in out and "does not hold" in out
    walked = json.loads((command.folder / "paths.json").read_text())["saddle"]["common"]
    assert {"sgd", "momentum", "nesterov", "adam", "adamw"} <= set(walked) and "sam" not in walked
    assert all(points[0] == [0.5, 0.01] and len(points) <= 13 for points in walked.values())
    assert walked["sgd"][1] == [0.48, 0.0104], "0.02 times the gradient (1, -0.02)"
    found = json.loads((command.folder / "findings.json").read_text())
    assert found["tuning"]["rates"] == list(RATES) and found["tuning"]["rule"] and "sam" in found["left_out"]
    one = found["surfaces"]["saddle"]
    assert (one["start"], one["offset"], one["steps"], one["rate"]) == ([0.5, 0.0], 0.01, 12, 0.02)
    assert one["paths"]["tuned"]["sgd"]["rate"] in RATES
    assert {len(each["loss"]) for each in one["tuning"].values()} == {len(RATES)}
    with Image.open(command.folder / "saddle.webp") as film:
        assert film.n_frames > 5  # type: ignore[attr-defined]  # an animation has it


def test_a_function_in_a_file_of_its_own_is_found_and_drawn(command, tmp_path, monkeypatch):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "bowl.py").write_text(BOWL)
    monkeypatch.setattr(folder, "__path__", [*folder.__path__, str(tmp_path / "more")])
    try:
        code, _, _ = command("bowl")
    finally:
        sys.modules.pop(f"{folder.__name__}.bowl", None)
    assert code == 0
    for name in ("bowl_common.png", "bowl_tuned.png", "bowl.webp"):
        with Image.open(command.folder / name) as shown:
            assert min(shown.size) > 400
    found = json.loads((command.folder / "findings.json").read_text())["surfaces"]
    assert list(found) == ["bowl"] and found["bowl"]["statements"] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["beal"], "there is no surface 'beal'; did you mean 'beale'?"),
        (["--rate", "0"], "--rate must be a number above 0, got 0"),
        (["--rate", "nan"], "--rate must be a number above 0, got nan"),
        (["--rate", "quick"], "invalid float value: 'quick'"),
        (["--steps", "0"], "--steps must be 1 or more, got 0"),
        (["--offset", "inf"], "--offset must be finite, got inf"),
        (["--start", "nan", "0"], "--start must be finite, got nan 0"),
        (["saddle", "--start", "1e9", "0"], "the start (1e+09, 0) is outside the bound of saddle"),
        (["--publish", "beale"], "it goes alone"),
    ],
)
def test_a_mistake_is_one_line_and_code_2(command, words, said):
    code, out, err = command(*words)
    assert code == 2 and out == "" and err.count("\n") == 1 and said in err
    assert not command.folder.exists()


def test_publishing_is_for_a_checkout(tmp_path):
    from dropgrid.errors import UserError

    with pytest.raises(UserError, match="for a checkout"):
        publish(tmp_path, tmp_path)


def test_the_page_says_what_was_found():
    text = (ROOT / PAGE).read_text()
    found = json.loads((ROOT / KEPT / "findings.json").read_text())
    assert renewed(text, found) == text, "python examples/optimizer_paths/run.py --publish renews it"
    assert "<!-- results/optimizer_paths -->" in text
    for path in (ROOT / KEPT).glob("*.*g*"):
        assert path.stat().st_size <= 3_000_000 and (path.suffix == ".json" or path.name in text)
