"""Reading cells, and the tidy DataFrame."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from dropgrid.errors import Damaged, UserError
from dropgrid.files import file_hash
from dropgrid.store import files
from dropgrid.store import records as module
from dropgrid.store.ablation import load, read
from dropgrid.store.evaluations import kept, measured
from dropgrid.store.files import read_yaml
from dropgrid.store.layout import RunFolder
from dropgrid.store.records import read_result


def test_load_gives_a_line_a_cell_whatever_its_status(fake):
    fake.add(["baseline", "dropout"], seeds=2, factors={"optimizer.lr": "0.1"})
    for cell, status in zip(fake.cells, ("finished", "failed", "running", "pending"), strict=True):
        cell["status"] = status
    frame = load(fake.write(), fake.outputs)
    assert list(frame["status"]) == ["finished", "failed", "running", "pending"]
    assert list(frame["row"]) == ["baseline", "baseline", "dropout", "dropout"]
    assert list(frame["seed"]) == [0, 1, 0, 1]
    assert set(frame["factor:optimizer.lr"]) == {"0.1"}
    metrics = fake.cells[0]["result"]["metrics"]
    assert frame.loc[0, list(metrics)].to_dict() == metrics
    assert frame["test/acc_last"].isna().tolist() == [False, True, True, True]
    assert frame.loc[0, "parameters"] == 174_970
    assert frame.loc[1, "failure"] == "ValueError: loss is not finite at step 31"


def test_a_metric_of_the_name_of_a_column_of_ours_replaces_none(fake):
    cell = fake.add(["baseline"], seeds=1, factors={"optimizer.lr": "0.1"}).cells[0]
    cell["result"]["metrics"] |= {"seed": 77.0, "steps": 3.0, "factor:optimizer.lr": 5.0}
    frame = load(fake.write(), fake.outputs)
    assert frame.loc[0, ["seed", "factor:optimizer.lr"]].tolist() == [0, "0.1"]
    assert frame.loc[0, ["metric:seed", "metric:steps", "metric:factor:optimizer.lr"]].tolist() == [77.0, 3.0, 5.0]
    assert frame.loc[0, "steps"] == cell["result"]["steps"]


def test_load_names_keep_prob_and_drop_prob_and_what_was_dropped(fake):
    frame = load(fake.add(["baseline", "spatial_dropout"], seeds=1).write(), fake.outputs)
    sites = fake.cells[1]["result"]["treatment"]["sites"]
    assert frame.loc[1, "keep_prob"] + frame.loc[1, "drop_prob"] == pytest.approx(1)
    assert frame.loc[1, "drop_realised"] == pytest.approx(sum(site["realised"] for site in sites) / len(sites))
    assert frame.loc[0, ["keep_prob", "drop_expected"]].isna().all()


def test_rows_and_blocks_keep_the_order_of_cells_json(fake):
    for lr in ("0.1", "0.05"):
        fake.add(["dropout", "baseline"], seeds=1, factors={"optimizer.lr": lr})
    ablation = read(fake.write(), fake.outputs)
    assert [block.label for block in ablation.blocks] == ["optimizer.lr=0.1", "optimizer.lr=0.05"]
    assert [list(block.rows) for block in ablation.blocks] == [["dropout", "baseline"]] * 2


def test_a_metric_that_is_not_finite_is_none(fake):
    fake.add(["baseline"], seeds=1).cells[0]["result"]["metrics"]["test/nll_last"] = float("nan")
    assert read(fake.write(), fake.outputs).cells[0].value("test/nll_last") is None


def test_unknown_name_says_which_there_are_and_which_was_meant(fake):
    fake.add(["baseline"], seeds=1).write()
    with pytest.raises(UserError, match=r"no ablation 'dmeo'.*did you mean 'demo'\?; there are: demo"):
        read("dmeo", fake.outputs)
    with pytest.raises(UserError, match=r"no ablation 'zzz' in .*ablations; there are: demo"):
        read("zzz", fake.outputs)
    with pytest.raises(UserError, match="none was run yet"):
        read("demo", fake.outputs / "elsewhere")


def test_an_unreadable_file_is_named(fake):
    fake.add(["baseline"], seeds=1).write()
    (fake.outputs / "ablations" / "demo" / "cells.json").write_text('{"half": [')
    with pytest.raises(UserError, match="cells.json"):
        read("demo", fake.outputs)


def fifo(path):
    path.unlink()
    os.mkfifo(path)


def device(path):
    path.unlink()
    path.symlink_to("/dev/zero")


def folder(path):
    path.unlink()
    path.mkdir()


DAMAGED = ["", "{}", "[]", "5", "NaN", "null", "{", "[" * 100_000, '{"metrics": 1, "reproduce": ""}', '{"metrics": {}}']


@pytest.mark.parametrize("damage", [*DAMAGED, fifo, device, folder])
def test_a_damaged_result_is_no_result_and_its_cell_says_so(fake, damage):
    fake.add(["baseline"], seeds=2).write()
    path = fake.outputs / "runs" / fake.cells[0]["line"]["cell"] / "result.json"
    damage(path) if callable(damage) else path.write_text(damage)
    cell, other = read("demo", fake.outputs).cells
    assert (cell.status, cell.result, other.status) == ("failed", None, "finished")
    assert cell.failure["class"] == "DamagedResult" and "the same command trains it again" in cell.failure["message"]
    assert len(cell.failure["message"].splitlines()) == 1


def test_a_result_of_another_cell_is_no_result(fake):
    fake.add(["baseline"], seeds=2)
    for cell in fake.cells:
        cell["result"]["cell"] = cell["line"]["cell"]
    fake.write()
    one, other = (fake.outputs / "runs" / cell["line"]["cell"] for cell in fake.cells)
    assert [cell.status for cell in read("demo", fake.outputs).cells] == ["finished"] * 2
    one.rename(fake.outputs / "aside"), other.rename(one), (fake.outputs / "aside").rename(other)
    for cell in read("demo", fake.outputs).cells:
        assert (cell.status, cell.result, cell.failure["class"]) == ("failed", None, "DamagedResult")
        assert "it is the result of cell" in cell.failure["message"]


def test_files_swapped_between_finished_cells_are_noticed(fake):
    fake.add(["baseline"], seeds=3)
    runs = [RunFolder(fake.outputs / "runs" / cell["line"]["cell"]) for cell in fake.cells]
    fake.write()
    for number, (run, cell) in enumerate(zip(runs, fake.cells, strict=True)):
        run.metrics.write_text(f"epoch,val/acc\n0,0.{number}\n")
        np.savez(run.predictions, last=np.full(3, number))
        files = {path.name: file_hash(path) for path in (run.metrics, run.predictions)}
        run.result.write_text(json.dumps({**cell["result"], "files": files}))
    assert [cell.status for cell in read("demo", fake.outputs).cells] == ["finished"] * 3
    runs[0].metrics.write_bytes(runs[1].metrics.read_bytes())
    runs[2].predictions.unlink()
    one, whole, other = read("demo", fake.outputs).cells
    assert [cell.status for cell in (one, whole, other)] == ["failed", "finished", "failed"]
    for cell, name in ((one, "metrics.csv"), (other, "predictions.npz")):
        assert f"{name}: it is not the file that result.json was written with" in cell.failure["message"]


def test_an_evaluation_copied_from_another_cell_is_refused(fake):
    fake.add(["baseline"], seeds=2)
    fake.write()
    one, other = (RunFolder(fake.outputs / "runs" / cell["line"]["cell"]) for cell in fake.cells)
    about = {"evaluate": "tta", "metrics": {"acc": 0.5}, "headings": {"acc": ["accuracy", "%"]}, "config": {}}
    place = one.evaluation("0123456789abcdef")
    place.folder.mkdir(parents=True)
    place.result.write_text(json.dumps({**about, "cell": one.folder.name}))
    assert measured(one, {})["tta/acc"].value == 0.5
    shutil.copytree(one.evaluations, other.evaluations)
    with pytest.raises(Damaged, match=f"it was measured on cell {one.folder.name}"):
        measured(other, {})


def test_a_result_that_may_not_be_read_is_not_called_damaged(fake, monkeypatch):
    fake.add(["baseline"], seeds=1).write()

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files, "open_to_read", refuse)
    with pytest.raises(UserError, match="cannot read .*Permission denied"):
        read_result(RunFolder(fake.outputs / "runs" / fake.cells[0]["line"]["cell"]))


def test_a_config_is_read_when_asked_for(fake):
    fake.add(["baseline"], seeds=1).write()
    (fake.outputs / "runs" / fake.cells[0]["line"]["cell"] / "config.yaml").write_text('{"half": [')
    (cell,) = read("demo", fake.outputs).cells
    with pytest.raises(UserError, match=r"config\.yaml"):
        cell.config  # noqa: B018


def test_a_baseline_that_is_no_row_is_an_error(fake):
    fake.add(["dropout"], seeds=1).write()
    with pytest.raises(UserError, match="baseline 'baseline' is no row; rows: dropout"):
        read("demo", fake.outputs)


def test_a_report_needs_no_torch(fake):
    name = fake.add(["baseline", "dropout"], seeds=2).write()
    code = (
        "import sys, json; from dropgrid.reports.report import write_report; write_report(*sys.argv[1:]);"
        "print(json.dumps(sorted({m.partition('.')[0] for m in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code, name, fake.outputs], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout)
    assert "matplotlib" in loaded
    assert not {"torch", "hydra", "pytorch_lightning", "omegaconf", "wandb", "pandas"} & set(loaded)


def test_configs_of_a_row_are_parsed_once_and_are_those_of_their_files(fake, monkeypatch):
    fake.add(["baseline", "dropout"], seeds=3)
    for cell in fake.cells:
        cell["config"]["seed"] = cell["line"]["seed"]
    name = fake.write()
    parsed = []
    monkeypatch.setattr(module, "read_yaml", lambda path: parsed.append(path) or read_yaml(path))
    found = read(name, fake.outputs)
    assert parsed == []
    assert [cell.config for cell in found.cells] == [read_yaml(cell.folder / "config.yaml") for cell in found.cells]
    assert len(parsed) == 2


@pytest.mark.parametrize("line", ["inf,0.5", "nan,0.5", "1,much", f"1,{'9' * 200_000}"])
def test_damaged_metrics_are_a_line(fake, line):
    fake.add(["baseline"], seeds=1)
    fake.write()
    (cell,) = read("demo", fake.outputs).cells
    (cell.folder / "metrics.csv").write_text(f"epoch,val/acc\n{line}\n")
    with pytest.raises(UserError, match=r"cannot read .*metrics\.csv: "):
        cell.curve("val/acc")


def test_of_evaluations_of_one_label_the_one_asked_for_last_counts_and_no_other(fake):
    fake.add(["baseline"], seeds=1).write()
    run = RunFolder(fake.outputs / "runs" / fake.cells[0]["line"]["cell"])
    run.evaluations.mkdir()
    for id, metrics in (("aa", {"mean": 0.2, "noise": 0.2}), ("bb", {"mean": 0.7, "blur": 0.7})):
        headings = {name: [name, "%"] for name in metrics}
        about = {"evaluate": "corruption", "config": {"evaluate": "corruption"}, "arrays": ["x"]}
        run.evaluation(id).result.write_text(json.dumps({**about, "metrics": metrics, "headings": headings}))
        run.evaluation(id).arrays.touch()
    for id, names in (("aa", {"mean", "noise"}), ("bb", {"mean", "blur"})):
        ids = {"corruption": id}
        (fake.outputs / "ablations/demo/evaluations.json").write_text(json.dumps({"asked": ["corruption"], "ids": ids}))
        (cell,) = read("demo", fake.outputs).cells
        assert set(cell.evaluations) == {f"corruption/{name}" for name in names}
        assert kept(run, cell.asked, "corruption")["corruption"][0].stem == id
    assert len(measured(run, {})) == 2 and not measured(run, {"corruption": "cc"})
