"""What a plan says of data that are not here."""

import json

import pytest

from dropgrid.cli.plan import main

SMALL = ["model=resnet14", "model.width=0.25", "regularizer=none,dropblock", "regularizer.block_size=3", "seed=0,1"]


@pytest.fixture
def plan(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("dropgrid.cost.price.measure_paces", None)  # nothing is timed

    def run(*words):
        code = main([*words, f"paths.outputs={tmp_path / 'outputs'}"])
        printed = capsys.readouterr()
        assert not (tmp_path / "outputs").exists()
        return code, printed.out, printed.err

    return run


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (
            ["data=imagenet", "data.crop=64", "data.resize=70"],
            "data=imagenet is not here: 1,271,167 training, 10,000 validation and 50,000 test images of 64 × 64 pixels",
        ),
        (
            ["data=imagenet", "data.val=test", "data.train=1000"],
            "1,000 training, 50,000 validation and 50,000 test images of 224 × 224 pixels in 1,000 classes",
        ),
        (
            ["data=cifar100"],
            "45,000 training, 5,000 validation and 10,000 test images of 32 × 32 pixels in 100 classes",
        ),
    ],
)
def test_published_sizes_stand_in(plan, data, says):
    code, out, _ = plan(*data, *SMALL, "--json")
    assert code == 0
    found = json.loads(out)
    assert says in found["assumed"] and "no time is measured" in found["assumed"]
    (priced,) = found["plans"]
    assert (priced["cells"], priced["todo"], priced["seconds"]) == (4, 4, None)
    assert [row["seconds"] for row in priced["rows"]] == [None, None]
    assert priced["rows"][1]["facts"]["sites"] > 0 and priced["rows"][0]["facts"]["parameters"] > 10_000


def test_the_table_says_what_is_assumed(plan):
    code, out, _ = plan("data=imagenet", *SMALL)
    assert code == 0 and "4 cells, 4 to train: time unknown" in out and "assumed, as data=imagenet is not here" in out
    assert "regularizer.block_size is not a key of regularizer=none" in out and "data=fake" not in out


@pytest.mark.slow
def test_table_1_is_priced_at_its_scale(plan):
    code, out, _ = plan("+ablation=dropblock_table1", "scale=imagenet")
    assert code == 0 and "45 cells" in out and "25,557,032" in out and "1,281,167 training" in out


def test_table_4_is_priced_at_its_scale(plan):
    code, out, _ = plan("+ablation=dropblock_voc", "scale=voc", "seed=0")
    assert code == 0 and "11 cells" in out and "assumed, as data=voc is not here" in out
    assert "10,582 training, 0 validation and 1,449 test images of 513 × 513 pixels in 21 classes" in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["data=image_folder"], "needs data.root=FOLDER; to price it without: data=fake data.size=PIXELS"),
        (["data=imagenet", "data.root=/nowhere"], "/nowhere is not a folder"),
        (["data=imagenet", "sweep.budget=2h"], "sweep.budget needs measured times"),
        (["data=imagenet", "optimizer.nonsense=1"], "there is no key 'optimizer.nonsense'"),
        (["data=imagenet", "regularizer=dropblock", "regularizer.keep_prob=7"], "keep_prob"),
    ],
)
def test_what_cannot_be_assumed_is_a_line(plan, words, says):
    code, _, err = plan(*words, "model=resnet14")
    assert code == 2 and says in err and err.count("\n") == 1
