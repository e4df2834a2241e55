"""Cells that nobody trained: files as a sweep leaves them, with plausible numbers of a fixed seed."""

import csv
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml

ROWS = {  # name: (overrides, effect on accuracy in points, sites)
    "baseline": (["regularizer=none"], 0.0, []),
    "dropout": (["regularizer=dropout", "regularizer.keep_prob=0.9"], 0.35, ["head"]),
    "spatial_dropout": (
        ["regularizer=spatial_dropout", "regularizer.keep_prob=0.9"],
        -0.3,
        ["g2.b2.conv2", "g3.b2.conv2"],
    ),
    "drop_path": (["regularizer=drop_path", "regularizer.keep_prob=0.9"], 0.5, ["g1.b2", "g2.b2", "g3.b1", "g3.b2"]),
    "dropblock_last": (["regularizer=dropblock", "regularizer.groups=[-1]"], 0.7, ["g3.b1.conv1", "g3.b1.conv2"]),
    "dropblock_last_two": (["regularizer=dropblock", "regularizer.skip=false"], 0.9, ["g2.b1.conv1", "g3.b1.conv1"]),
    "dropblock_last_two_skip": (
        ["regularizer=dropblock"],
        1.1,
        ["g2.b1.conv1", "g2.b1.skip", "g3.b1.conv1", "g3.b1.skip"],
    ),
    "dropblock_fixed_keep_prob": (
        ["regularizer=dropblock", "regularizer.schedule=constant"],
        -1.6,
        ["g2.b1.conv1", "g2.b1.skip", "g3.b1.conv1", "g3.b1.skip"],
    ),
    "dropblock_strong": (["regularizer=dropblock", "regularizer.keep_prob=0.7"], 0.1, ["g3.b1.conv1", "g3.b1.skip"]),
}
ABOUT = {
    "name": "demo",
    "ablation": "demo",
    "title": "Ways of dropping, on 500 digits",
    "question": "Which way of dropping helps a small residual net that has seen 500 digits?",
    "claim": "DropBlock on the last two groups with the skip connection, keep_prob scheduled, is best.",
    "cost": "9 rows × 5 seeds, about 2 minutes on 2 CPU cores",
    "command": "python scripts/train.py +ablation=demo",
    "baseline": "baseline",
    "scale": "demo",
    "metric": "test/acc_last",
    "published": {},
    "protocol": None,
    "swept": [],
}


class Fake:
    """Writes an ablation's folders under `outputs`; edit its parts, then `write()`."""

    def __init__(self, outputs: Path):
        self.outputs = outputs
        self.about: dict[str, Any] = dict(ABOUT)
        self.cells: list[dict] = []

    def add(self, rows=ROWS, seeds=5, factors=None, status="finished") -> "Fake":
        """A block of cells; `rows` as ROWS, or a list of its names."""
        rows = {name: ROWS[name] for name in rows} if isinstance(rows, list) else rows
        for index, (row, (overrides, effect, sites)) in enumerate(rows.items()):
            for seed in range(seeds):
                self.cells.append(self.cell(index, row, overrides, effect, sites, seed, factors or {}, status))
        return self

    def cell(self, index, row, overrides, effect, sites, seed, factors, status) -> dict:
        """One cell's line and files, as plain values."""
        random = np.random.default_rng([index, seed, len(self.cells)])
        shared = np.random.default_rng(seed).normal(0, 0.35)
        accuracy = round((94.8 + effect + shared + random.normal(0, 0.3)) * 25) / 2500
        keep_prob = {} if not sites else {"keep_prob": 0.7 if "strong" in row else 0.9}
        chosen = overrides[0].partition("=")[2]
        config = {
            "seed": seed,
            "model": {"option": "ResNet", "depth": 14, "width": [16, 32, 64]},
            "regularizer": {"option": chosen, **keep_prob, "row": row},
            "optimizer": {"lr": 0.05, "momentum": 0.9},
            "trainer": {"max_epochs": 15},
            "data": {"train": 500, "fingerprint": "ab12"},
        }
        for key, value in factors.items():
            axis, _, name = key.partition(".")
            config[axis][name] = value
        lines = []
        for number, site in enumerate(sites):
            expected = (1 - keep_prob["keep_prob"]) * 0.42 / (1 + 3 * (site.startswith("g2"))) * (1 + 0.07 * number)
            stderr = 0.0006 * (1 + number)
            realised = expected + stderr * random.normal()
            facts = {"kind": "DropBlock2d", "shape": [64, 7, 7], "schedule": "linear", "nominal": expected * 1.19}
            lines.append(
                {"site": site, **facts, "expected": expected, "realised": realised, "stderr": stderr}
                | {"clamped": False, "flagged": False}
            )
        metrics = {"test/acc_last": accuracy, "test/acc_best": accuracy - 0.001, "test/top5_last": 0.998}
        metrics |= {
            "test/nll_last": 0.21,
            "test/ece_last": 0.012,
            "train/acc": 0.9992,
            "val/acc_best": accuracy + 0.004,
        }
        metrics |= {"val/acc_last": accuracy + 0.001}
        epochs = np.arange(15)
        curve = accuracy - 0.75 * np.exp(-epochs / 2.2) + random.normal(0, 0.008, 15) * np.exp(-epochs / 6)
        identity = hashlib.sha256(f"{self.about['name']} {len(self.cells)}".encode()).hexdigest()[:16]
        return {
            "line": {
                "row": row,
                "factors": factors,
                "seed": seed,
                "cell": identity,
                "overrides": [*overrides, f"seed={seed}"],
            },
            "status": status,
            "config": config,
            "result": {
                "format": 1,
                "cell": identity,
                "seed": seed,
                "metrics": metrics,
                "best_epoch": 11,
                "epochs": 15,
                "steps": 150,
                "parameters": 174_970,
                "treatment": {"sites": lines, "flagged": []},
                "weights": {"last": f"{row}{seed}", "best": f"{row}{seed}b"},
                "reproduce": f"python scripts/train.py scale=demo {' '.join(overrides)} seed={seed}",
                "timing": {"train_seconds": 2.5 + 0.1 * index, "total_seconds": 2.9 + 0.1 * index},
                "provenance": {
                    "device": "cpu",
                    "source": "0123456789ab",
                    "versions": {"torch": "2.11.0", "dropgrid": "0.1.0"},
                    "host": "bench",
                    "started": 1_790_000_000.0 + seed,
                    "finished": 1_790_000_003.0 + seed,
                },
            },
            "failure": {"class": "ValueError", "message": "loss is not finite at step 31", "log": "log.txt"},
            "curve": [
                {"epoch": e, "step": 10 * (e + 1), "val/acc": float(v)} for e, v in zip(epochs, curve, strict=True)
            ],
        }

    def of(self, row, **factors) -> list[dict]:
        """The cells of a row, to edit."""
        return [c for c in self.cells if c["line"]["row"] == row and factors.items() <= c["line"]["factors"].items()]

    def predict(self, images=200, classes=10, sharp=5.0) -> "Fake":
        """Predictions of all cells so far: logits of which each cell gets some images wrong, and the accuracy of that.

        What an image makes hard is shared by all cells, more by those of one row, so that ensembles gain something.
        """
        targets = np.random.default_rng(1).integers(0, classes, images)
        right = sharp * np.eye(classes)[targets]
        for cell in self.cells:
            row = list(map(ord, cell["line"]["row"] + str(cell["line"]["factors"])))
            parts = (np.random.default_rng(seed) for seed in ([2], [3, *row], [4, *row, cell["line"]["seed"]]))
            logits = right + sum(each.normal(size=(images, classes)) for each in parts)
            cell["predictions"] = {"last": logits.astype(np.float32), "best": logits.astype(np.float32)}
            cell["predictions"]["targets"] = targets
            accuracy = float((logits.argmax(1) == targets).mean())
            cell["result"]["metrics"] |= {"test/acc_last": accuracy, "test/acc_best": accuracy}
        return self

    def write(self) -> str:
        """Write everything; the ablation's name."""
        folder = self.outputs / "ablations" / self.about["name"]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "ablation.json").write_text(json.dumps(self.about))
        (folder / "cells.json").write_text(json.dumps([cell["line"] for cell in self.cells]))
        for cell in self.cells:
            self.write_cell(cell)
        return self.about["name"]

    def asked(self, label: str) -> None:
        """That an evaluation was asked of this ablation."""
        path = self.outputs / "ablations" / self.about["name"] / "evaluations.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        before = json.loads(path.read_text())["asked"] if path.exists() else []
        path.write_text(json.dumps({"asked": [*before, label]}))

    def write_cell(self, cell: dict) -> None:
        """One run's folder; a pending cell has none."""
        if cell["status"] == "pending":
            return
        run = self.outputs / "runs" / cell["line"]["cell"]
        run.mkdir(parents=True, exist_ok=True)
        (run / "config.yaml").write_text(yaml.safe_dump(cell["config"]))
        state = {"phase": "training", "epoch": 5, "epochs": 15, "step": 60, "steps": 150, "loss": 0.25}
        about = {"host": "elsewhere", "pid": 4711}
        files = {
            "finished": {"result.json": cell["result"]},
            "failed": {"failure.json": cell["failure"]},
            "interrupted": {"state.json": state | about},
            "running": {"lease": {"machine": "another", "time": time.time(), **about}, "state.json": state | about},
        }
        for name, value in files[cell["status"]].items():
            (run / name).write_text(json.dumps(value))
        if cell["status"] == "finished" and "predictions" in cell:
            np.savez_compressed(run / "predictions.npz", **cell["predictions"])
        (run / "log.txt").write_text(f"training {cell['line']['row']}\n", errors="replace")
        with open(run / "metrics.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, list(cell["curve"][0]))
            writer.writeheader()
            writer.writerows(cell["curve"])
