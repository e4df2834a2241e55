"""Reading cells, and the tidy DataFrame."""

import json
import os
import subprocess
import sys

import pytest

from dropgrid.errors import UserError
from dropgrid.store import records as module
from dropgrid.store.ablation import load, read
from dropgrid.store.files import read_yaml


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


@pytest.mark.parametrize("file", ["runs/{id}/result.json", "ablations/demo/cells.json"])
def test_an_unreadable_file_is_named(fake, file):
    fake.add(["baseline"], seeds=1).write()
    path = fake.outputs / file.format(id=fake.cells[0]["line"]["cell"])
    path.write_text('{"half": [')
    with pytest.raises(UserError, match=path.name):
        read("demo", fake.outputs)


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
        "import sys, json; from dropgrid.reports.report import write; write(*sys.argv[1:]);"
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


def test_a_pipe_is_not_waited_for(fake):
    fake.add(["baseline"], seeds=1)
    fake.write()
    (cell,) = read("demo", fake.outputs).cells
    (cell.folder / "result.json").unlink()
    os.mkfifo(cell.folder / "result.json")
    with pytest.raises(UserError, match=r"cannot read .*result\.json"):
        read("demo", fake.outputs)
