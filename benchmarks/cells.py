"""What a sweep of many cells costs besides training: python benchmarks/cells.py [ROWS] [SEEDS]

ROWS × SEEDS cells (500 × 20) are planned, checked and recorded as by a launch; results that nobody trained are written
for them; then status (once while some seem to run), the report, and the same sweep asked for again are timed, each as
its own command. Seconds, and so of this machine.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from measure import keep

ROOT = Path(__file__).parents[1]
IMAGES, CLASSES = 100, 10
"""Of the fake test set: predictions of each cell are logits of so many."""

RUNNING = 8
"""Cells that seem to run while status is asked once."""


def overrides(rows: int, seeds: int) -> list[str]:
    """A sweep of so many rows: learning rates, and two regularizers to divide them."""
    rates = [round(0.001 * 1.01**number, 7) for number in range(rows // 2)]
    cell = ["data=fake", "data.size=12", "data.train=64", f"data.test={IMAGES}", "data.batch_size=16"]
    swept = [f"optimizer.lr={','.join(map(str, rates))}", "regularizer=none,dropout"]
    return [*cell, "model.width=0.25", "trainer.max_epochs=2", *swept, f"seed=range({seeds})", "name=many"]


def command(outputs: Path, *line: str) -> tuple[dict[str, float], str]:
    """Seconds of a command of ours, by the clock and of processors (machines are busy), and what it printed."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "DROPGRID_OUTPUTS": str(outputs)}
    done = subprocess.run(
        [sys.executable, *line], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(line)[:200]}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processors = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"clock": round(time.perf_counter() - began, 2), "processors": round(processors, 2)}, done.stdout


def plan(outputs: Path, given: Sequence[str]) -> None:
    """Plan, check and record: what a launch does before its first cell. Prints the seconds of each part as JSON."""
    from dropgrid.execution.check import check
    from dropgrid.planning.command_line import read_command_line
    from dropgrid.planning.plan import plans
    from dropgrid.store.manifest import write_plan

    os.environ["DROPGRID_OUTPUTS"] = str(outputs)
    times = [time.process_time()]
    found = plans(read_command_line(["-m", *given]).overrides)
    times.append(time.process_time())
    check(found)
    times.append(time.process_time())
    write_plan(found[0].outputs, found[0].name, found[0].about, found[0].cells)
    times.append(time.process_time())
    for cell in found[0].cells:
        folder = outputs / "runs" / cell.id
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text(yaml.dump(cell.config, Dumper=yaml.CSafeDumper, sort_keys=False))
    names = ("plan", "check", "record")
    print(json.dumps({name: round(times[n + 1] - times[n], 2) for n, name in enumerate(names)}))


def fake(outputs: Path) -> None:
    """Results as training leaves them, of numbers that nobody measured."""
    from dropgrid.store.files import write_json
    from dropgrid.store.identity import FORMAT, source_fingerprint

    lines = json.loads((outputs / "ablations" / "many" / "cells.json").read_text())
    targets = np.random.default_rng(0).integers(0, CLASSES, IMAGES)
    source = source_fingerprint()
    for number, line in enumerate(lines):
        folder = outputs / "runs" / line["cell"]
        random = np.random.default_rng(number)
        logits = (3 * np.eye(CLASSES)[targets] + random.normal(0, 1, (IMAGES, CLASSES))).astype(np.float32)
        accuracy = float((logits.argmax(1) == targets).mean())
        np.savez_compressed(folder / "predictions.npz", last=logits, best=logits, targets=targets)
        epochs = "".join(f"{epoch},{4 * (epoch + 1)},{accuracy}\n" for epoch in range(2))
        (folder / "metrics.csv").write_text("epoch,step,val/acc\n" + epochs)
        metrics = {"test/acc_last": accuracy, "test/acc_best": accuracy, "val/acc_best": accuracy, "train/acc": 1.0}
        timing = {"train_seconds": 1.0, "total_seconds": 1.2}
        about = {"device": "cpu", "source": source, "versions": {"torch": "0"}, "host": "none", "attempts": []}
        result = {"format": FORMAT, "cell": line["cell"], "seed": line["seed"], "metrics": metrics, "epochs": 2}
        result |= {"steps": 8, "parameters": 11166, "treatment": {"sites": [], "flagged": []}, "timing": timing}
        result |= {"weights": {"last": str(number), "best": str(number)}, "reproduce": " ".join(line["overrides"])}
        result |= {"provenance": {**about, "started": 0.0, "finished": 1.0 + number}, "best_epoch": 1}
        write_json(folder / "result.json", result)


@contextmanager
def running(outputs: Path) -> Iterator[None]:
    """Some cells without a result, and under a lease that this process holds."""
    from dropgrid.store.lease import Lease

    lines = json.loads((outputs / "ablations" / "many" / "cells.json").read_text())
    folders = [outputs / "runs" / line["cell"] for line in lines[:RUNNING]]
    leases = [Lease(folder) for folder in folders]
    for folder, lease in zip(folders, leases, strict=True):
        (folder / "result.json").rename(folder / "hidden.json")
        assert lease.acquire()
    yield
    for folder, lease in zip(folders, leases, strict=True):
        lease.release()
        (folder / "hidden.json").rename(folder / "result.json")


def main(rows: int = 500, seeds: int = 20) -> None:
    """The command."""
    with tempfile.TemporaryDirectory(prefix="dropgrid-cells-") as place:
        outputs, given = Path(place), overrides(rows, seeds)
        seconds, text = command(outputs, __file__, "--plan", str(outputs), *given)
        figures: dict[str, Any] = {"rows": rows, "seeds": seeds, "planning": {**seconds, "of which": json.loads(text)}}
        fake(outputs)
        print(json.dumps(figures), file=sys.stderr)
        figures["status"] = command(outputs, "scripts/status.py", "many")[0]
        with running(outputs):
            figures["status_running"] = command(outputs, "scripts/status.py", "many")[0]
        figures["status_all"] = command(outputs, "scripts/status.py")[0]
        print(json.dumps(figures), file=sys.stderr)
        figures["report"] = command(outputs, "scripts/report.py", "many")[0]
        print(json.dumps(figures), file=sys.stderr)
        figures["again"] = command(outputs, "scripts/train.py", "-m", *given)[0]
        sizes = [path.stat().st_size for path in (outputs / "ablations" / "many").iterdir() if path.is_file()]
        figures["ablation_bytes"] = sum(sizes)
    print(json.dumps(figures, indent=1))
    keep("cells", {}, **figures)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--plan"]:
        plan(Path(sys.argv[2]), sys.argv[3:])
    else:
        main(*map(int, sys.argv[1:3]))
