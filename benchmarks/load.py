"""What many cells cost their reader: `python benchmarks/load.py [CELLS …]`, by default 500 2000 10000.

Four rows of tiny cells are trained at one seed. Copies of their folders stand for all other seeds, each with its own
config, id and metrics, so that the files are real ones in kind and size. Then, for each count of cells: CPU seconds (of
all processes, their start included) and the largest memory of a process, for `report.py`, for the same command asked
again (nothing is left to train; with the answer that is kept, and without), and for `status.py`. Linear in cells if
seconds a thousand stay level.
"""

import argparse
import json
import random
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from measure import RESULTS, command, machine, rounded

from dropgrid.planning.overrides import parse_override
from dropgrid.planning.plan import plans
from dropgrid.store.records import seal

ROWS = "regularizer=none,dropout,drop_path,dropblock"
TINY = ["data=fake", "data.size=12", "data.train=64", "data.batch_size=16", "model=resnet14", "model.width=0.25"]
TINY += ["trainer.max_epochs=2", "name=load"]
METRICS = ("test/acc_last", "test/acc_best", "val/acc_last", "val/acc_best", "train/acc")


def fill(outputs: Path, templates: Path, seeds: int) -> list[str]:
    """Write the folders of all seeds of the four rows; return the command's overrides."""
    line = [*TINY, ROWS, f"seed=range(0,{seeds})", f"paths.outputs={outputs}"]
    (plan,) = plans([parse_override(each) for each in line])
    known = {cell.row: cell for cell in plan.cells if (templates / cell.id).exists()}
    noise = random.Random(0)
    for cell in plan.cells:
        template = templates / known[cell.row].id
        shutil.copytree(template, cell.folder)
        text = cell.run.config.read_text()
        cell.run.config.write_text(re.sub(r"^seed: \d+$", f"seed: {cell.seed}", text, flags=re.MULTILINE))
        result: dict[str, Any] = json.loads(cell.run.result.read_text())
        moved = min(max(noise.gauss(0.8, 0.02), 0), 1)
        metrics = {**result["metrics"], **dict.fromkeys(METRICS, moved)}
        about = {"cell": cell.id, "seed": cell.seed, "metrics": metrics, "files": {}}
        made = {**result, **about}
        cell.run.result.write_text(json.dumps({**made, "seal": seal(made)}))
    return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cells", nargs="*", type=int, default=[500, 2000, 10000])
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as place:
        first = Path(place) / "first"
        command("scripts/train.py", "-m", *TINY, ROWS, "seed=0", f"paths.outputs={first}")
        for cells in parser.parse_args().cells:
            outputs = Path(place) / str(cells)
            line = fill(outputs, first / "runs", cells // 4)
            command("scripts/train.py", "-m", *line)  # writes the plan, and reports once
            asked = command("scripts/train.py", "-m", *line)
            shutil.rmtree(outputs / ".cache" / "answers")
            found[str(cells)] = {
                "report": command("scripts/report.py", "load", f"paths.outputs={outputs}"),
                "asked again": asked,
                "asked again, no answer kept": command("scripts/train.py", "-m", *line),
                "status": command("scripts/status.py", f"paths.outputs={outputs}"),
            }
            print(cells, json.dumps(found[str(cells)]), flush=True)
            shutil.rmtree(outputs)
    (RESULTS / "load.json").write_text(json.dumps(rounded({"cells": found, "machine": machine()}), indent=1) + "\n")


if __name__ == "__main__":
    main()
