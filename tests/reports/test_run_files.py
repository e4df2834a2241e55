"""Runs of other tools, written by those tools where they are installed."""

import json
import os
import sqlite3
import subprocess
import sys

import pandas as pd
import pytest
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger

from dropgrid.errors import UserError
from dropgrid.reports.run_files import read_runs


def values(table, *columns):
    return table[list(columns)].values.tolist()


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".json"])
def test_a_table_is_read_as_it_is(tmp_path, ending):
    lines = [{"method": "none", "seed": 0, "acc": 0.5}, {"method": "dropout", "seed": 1, "acc": 0.75}]
    path = tmp_path / f"runs{ending}"
    if ending in (".csv", ".tsv"):
        pd.DataFrame(lines).to_csv(path, index=False, sep="\t" if ending == ".tsv" else ",")
    else:
        path.write_text("\n".join(map(json.dumps, lines)) if ending == ".jsonl" else json.dumps(lines))
    assert values(read_runs([path, path]), "method", "seed", "acc") == 2 * [["none", 0, 0.5], ["dropout", 1, 0.75]]


def test_runs_of_lightnings_csv_logger(tmp_path):
    for seed in (0, 1):
        logger = CSVLogger(tmp_path, name="runs")
        for step, value in enumerate((0.1, 0.2 + seed)):
            logger.log_metrics({"val/acc": value}, step)
        logger.save()
        (tmp_path / f"runs/version_{seed}/hparams.yaml").write_text(f"seed: {seed}\noptim: {{lr: 0.1}}\n")
    table = read_runs([tmp_path])
    assert values(table, "run", "seed", "optim.lr", "val/acc") == [
        ["runs/version_0", 0, 0.1, 0.2],
        ["runs/version_1", 1, 0.1, 1.2],
    ]


WANDB = """
import sys, wandb
for seed in (0, 1):
    config = {"seed": seed, "optim": {"lr": 0.1}}
    run = wandb.init(project="p", dir=sys.argv[1], name=f"r{seed}", config=config, mode="offline")
    for step in range(300):
        run.log({"val/acc": step / 300 + seed, "text": "x" * 200})
    run.finish()
"""


def test_offline_runs_of_wandb_past_a_block_of_their_log(tmp_path):
    subprocess.run([sys.executable, "-c", WANDB, tmp_path], check=True, capture_output=True, timeout=300)
    assert all(path.stat().st_size > 2 * 32768 for path in tmp_path.rglob("*.wandb"))
    found = sorted(values(read_runs([tmp_path]), "name", "seed", "optim.lr", "val/acc"))
    assert found == [["r0", 0, 0.1, pytest.approx(299 / 300)], ["r1", 1, 0.1, pytest.approx(299 / 300 + 1)]]


def test_runs_of_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    for seed in (0, 1):
        logger = TensorBoardLogger(tmp_path, name="runs", version=f"seed{seed}")
        logger.log_hyperparams({"seed": seed, "method": "none"}, {"hp_metric": 0})
        for step in range(3):
            logger.log_metrics({"val/acc": step + seed}, step)
        logger.finalize("success")
    table = read_runs([tmp_path])
    assert values(table, "run", "seed", "method", "val/acc") == [
        ["runs/seed0", 0, "none", 2],
        ["runs/seed1", 1, "none", 3],
    ]


def test_runs_of_mlflows_file_store(tmp_path):
    own = tmp_path / "mlruns/1/abc"
    for path, text in {"meta.yaml": "name: a", "params/seed": "3", "metrics/val/acc": "1 0.5 0\n2 0.75 1\n"}.items():
        (own / path).parent.mkdir(parents=True, exist_ok=True)
        (own / path).write_text(text)
    assert values(read_runs([tmp_path]), "run", "seed", "val/acc") == [["mlruns/1/abc", 3, 0.75]]


def test_runs_of_mlflows_database(tmp_path):
    with sqlite3.connect(tmp_path / "mlflow.db") as store:
        store.execute("create table runs (run_uuid, name, lifecycle_stage)")
        store.execute("create table params (run_uuid, key, value)")
        store.execute("create table latest_metrics (run_uuid, key, value)")
        store.executemany("insert into runs values (?, ?, ?)", [("a", "first", "active"), ("b", "gone", "deleted")])
        store.executemany("insert into params values (?, 'seed', '3')", [("a",), ("b",)])
        store.executemany("insert into latest_metrics values (?, 'val/acc', 0.5)", [("a",), ("b",)])
    assert values(read_runs([tmp_path]), "run", "seed", "val/acc") == [["first", 3, 0.5]]


def test_a_database_s_path_is_a_path_and_no_address(tmp_path):
    folder = tmp_path / "q" / "x.db?mode=rwc&z="
    folder.mkdir(parents=True)
    (folder / "mlflow.db").touch()
    with pytest.raises(UserError, match="cannot read .*mlflow.db: no such table"):
        read_runs([tmp_path])
    assert [path.name for path in (tmp_path / "q").iterdir()] == [folder.name]


BOMB = "a: &a [1, 1]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("hparams", "told"),
    [("- a", "not keys and values"), (BOMB, "too large"), ("x: " + "[" * 3000, "too deep")],
)
def test_hyperparameters_that_are_none_are_one_line(tmp_path, hparams, told):
    (tmp_path / "metrics.csv").write_text("acc\n0.5\n")
    (tmp_path / "hparams.yaml").write_text(hparams)
    with pytest.raises(UserError, match=rf"cannot read .*hparams.yaml: .*{told}"):
        read_runs([tmp_path])


def test_a_parameter_that_is_no_text_is_one_line(tmp_path):
    for name, content in (("meta.yaml", b""), ("params/a", b"\xff\xfe"), ("metrics/acc", b"0 0.5 0\n")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=r"cannot read .*params/a: "):
        read_runs([tmp_path])


def test_a_pipe_is_not_waited_for(tmp_path):
    for name in ("runs.csv", "metrics.csv", "mlflow.db"):
        os.mkfifo(tmp_path / name)
    with pytest.raises(UserError, match="neither a file nor a folder"):
        read_runs([tmp_path / "runs.csv"])
    with pytest.raises(UserError, match="no runs in"):
        read_runs([tmp_path])


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("runs.csv", "", "cannot read .*runs.csv"),
        ("runs.csv", "a,b\n", "has no line"),
        ("runs.jsonl", "{", "cannot read .*runs.jsonl"),
        ("runs.jsonl", "[1]", "cannot read .*runs.jsonl"),
        ("runs.parquet", "no", "runs.parquet"),
        ("runs.xlsx", "no", "a table ends in .csv"),
        ("folder/notes.txt", "no", "no runs in"),
        ("folder/metrics.csv", "", "cannot read .*metrics.csv"),
        ("folder/run-1.wandb", "no", "cannot read .*run-1.wandb"),
        ("folder/mlflow.db", "no", "cannot read .*mlflow.db"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path, name, text, told):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    with pytest.raises(UserError, match=told) as refused:
        read_runs([path if path.parent == tmp_path else path.parent])
    assert "\n" not in str(refused.value)
