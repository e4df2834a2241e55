"""What to measure, from a command's overrides and from an ablation's YAML, and that it is measured after training."""

import json

import pytest
from in_process import command

from dropgrid.errors import UserError
from dropgrid.execution.check import check
from dropgrid.planning.evaluations import compose_evaluation, requested_evaluations
from dropgrid.planning.plan import plans
from dropgrid.planning.types import Plan

TINY = ["data.train=50", "data.val=50", "data.test=60", "trainer.max_epochs=1", "model.width=0.25", "seed=0"]


def plan_of(evaluate, outputs):
    """A plan of no cells whose ablation asks for something."""
    return Plan("tiny", {"evaluate": evaluate}, [], outputs, 1, [])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["evaluate=noise", "optimizer.lr=1"], "only evaluate\\.\\* keys can be overridden here"),
        (["evaluate=noise,corruption"], "one evaluation at a time"),
        (["evaluate=noise", "evaluate.seed=1,2"], "one evaluation at a time"),
        (["evaluate=noise", "evaluate.weights=first"], "evaluate.weights must be last or best, got 'first'"),
        (["evaluate=other_data", "evaluate.data=image_folder", "evaluate.data.root=/nowhere"], "/nowhere"),
    ],
)
def test_overrides_are_of_the_evaluation_alone(tmp_path, words, told):
    with pytest.raises(UserError, match=told):
        compose_evaluation(words, tmp_path)


def test_the_label_names_what_is_not_the_default_and_is_no_list(tmp_path):
    made = {
        words: compose_evaluation(words.split(), tmp_path)[0]
        for words in (
            "evaluate=noise",
            "evaluate=noise evaluate.seed=0",
            "evaluate=noise evaluate.sigmas=[1]",
            "+evaluate=noise evaluate.seed=2 evaluate.weights=best",
        )
    }
    plain, same, levels, other = made.values()
    assert [each.label for each in made.values()] == ["noise"] * 3 + ["noise[seed=2,weights=best]"]
    assert plain.id == same.id and len({plain.id, levels.id, other.id}) == 3


def test_an_ablation_lists_options_with_their_overrides_as_the_command_has_them(tmp_path):
    texts = [
        "cam",
        "dropblock_inference evaluate.block_sizes=[1, 3] evaluate.skip=false",
        "  noise   evaluate.sigmas=[0.5] +evaluate.weights=best ",
    ]
    cam, blocks = requested_evaluations(plan_of(texts[:2], tmp_path))
    assert (cam.name, cam.label) == ("cam", "cam")
    assert blocks.label == "dropblock_inference[skip=False]"
    assert blocks.node["block_sizes"] == [1, 3] and blocks.node["skip"] is False
    words = ["evaluate=dropblock_inference", "evaluate.block_sizes=[1,3]", "evaluate.skip=false"]
    assert blocks == compose_evaluation(words, tmp_path)[0]
    with pytest.raises(UserError, match="evaluate.weights exists already"):
        requested_evaluations(plan_of(texts[2:], tmp_path))
    assert requested_evaluations(plan_of(None, tmp_path)) == requested_evaluations(plan_of([], tmp_path)) == []


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        (["camm"], "ablation.evaluate, 'camm': evaluate has no option 'camm'; did you mean 'cam'?"),
        (["cam evaluate.imagse=3"], "did you mean 'evaluate.images'?"),
        (["noise optimizer.lr=1"], "ablation.evaluate, 'noise optimizer.lr=1': after the option come its keys alone"),
        (["noise sweep.jobs=1"], "after the option come its keys alone"),
        (["noise evaluate.weights=first"], "evaluate.weights must be last or best, got 'first'"),
        (["noise evaluate.sigmas=[1]", "noise evaluate.sigmas=[2]"], "ablation.evaluate lists noise twice"),
        ("cam", "ablation.evaluate lists evaluations, as in .*, got 'cam'"),
        ([{"cam": 3}], "ablation.evaluate lists evaluations"),
    ],
)
def test_what_is_wrong_there_is_found_when_the_plan_is_checked(tmp_path, listed, told):
    with pytest.raises(UserError, match=told):
        check([plan_of(listed, tmp_path)])


def test_lists_of_the_scale_may_be_interpolated(tmp_path, monkeypatch):
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))
    text = "dropblock_inference evaluate.keep_probs=${scale.keep_probs} evaluate.block_sizes=[1,${scale.block_size}]"
    (plan,) = plans(["+ablation=dropblock_robustness", f"ablation.evaluate=['{text}']"])
    (found,) = requested_evaluations(plan)
    assert found.node["block_sizes"] == [1, 3] and found.node["keep_probs"] == [0.95, 0.9, 0.8, 0.7, 0.5]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A real ablation that asks for two measurements, and what it printed."""
    outputs = tmp_path_factory.mktemp("outputs")
    listed = "ablation.evaluate=[cam, 'noise evaluate.sigmas=[0.5]']"
    done = command("train", "+ablation=dropblock_cam", *TINY, listed, "name=tiny", outputs=outputs)
    assert done.returncode == 0, done.stdout + done.stderr
    return outputs, done


def evaluations(outputs):
    table = json.loads((outputs / "ablations" / "tiny" / "table.json").read_text())
    return [set(row["evaluations"]) for row in table["rows"]]


def test_after_training_the_cells_are_measured_and_the_table_has_it(trained):
    outputs, done = trained
    assert evaluations(outputs) == [{"cam/spread", "cam/regions", "noise/gaussian_noise_0.5"}] * 3
    assert done.stdout.index("3 of 3 done") < done.stdout.index("cam: 3 cells") < done.stdout.index("noise: 3 cells")
    assert "CAM area above 0.5 of its maximum" in done.stdout
    assert (outputs / "ablations" / "tiny" / "figure_cam.png").exists()


@pytest.mark.slow
def test_asked_again_nothing_is_measured_twice(trained):
    outputs, _ = trained
    before = {path: path.stat().st_mtime_ns for path in outputs.glob("runs/*/evaluations/*")}
    again = command("train", "+ablation=dropblock_cam", *TINY, "name=tiny", outputs=outputs)
    assert again.returncode == 0 and "cam: 3 cells, 3 already measured" in again.stdout
    assert {path: path.stat().st_mtime_ns for path in outputs.glob("runs/*/evaluations/*")} == before


def test_a_measurement_that_fails_is_said_and_hides_neither_table_nor_the_others(trained):
    outputs, _ = trained
    listed = "ablation.evaluate=['noise evaluate.sigmas=[-1]', 'noise evaluate.seed=1 evaluate.sigmas=[0.25]']"
    done = command("train", "+ablation=dropblock_cam", *TINY, listed, "name=tiny", outputs=outputs)
    assert done.returncode == 1 and "noise: 3 failed" in done.stdout and "must be a number, 0 or more" in done.stdout
    assert "table.md" in done.stdout
    assert all("noise[seed=1]/gaussian_noise_0.25" in each for each in evaluations(outputs))


@pytest.mark.parametrize("script", ["train", "plan"])
def test_a_slip_is_found_before_anything_is_trained(tmp_path, script):
    done = command(script, "+ablation=dropblock_cam", *TINY, "ablation.evaluate=[camm]", outputs=tmp_path)
    assert done.returncode == 2 and "did you mean 'cam'?" in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_under_another_launcher_too(tmp_path):
    """Hydra's own launcher, one cell after another."""
    words = ["-m", "+ablation=dropblock_cam", *TINY, "~ablation.rows.dropblock_large", "name=tiny"]
    done = command("train", *words, "hydra/launcher=basic", outputs=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert evaluations(tmp_path) == [{"cam/spread", "cam/regions"}] * 2
