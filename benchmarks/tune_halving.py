"""What halving saves in tuning, and what it costs: `python benchmarks/tune_halving.py [OUTPUTS]`.

An ablation that tunes every row is swept twice into one outputs folder, with three pilot seeds a setting: once with
every setting trained to the end, once with `sweep.tune_halving=true`. Price: epochs and seconds of the trials, halved
over whole. Loss: what the setting that halving chose has less than the best one on validation, when both are trained to
the end (points; 0 where the choice is the same). The outputs are kept if a folder is named; nothing there trains twice.
"""

import json
import sys
import tempfile
from pathlib import Path
from statistics import fmean
from typing import Any

from measure import RESULTS, command, machine, rounded

from dropgrid.store.ablation import read

ABLATIONS = ("dropout_max_norm",)
SWEEP = ("sweep.tune_seeds=3", "sweep.seeds=1")


def trials(names: list[str], outputs: Path) -> dict[str, float]:
    """Count the trials of some sweeps, their epochs and the seconds of their training."""
    cells = [cell for name in names for cell in read(name, outputs).cells]
    results = [cell.result for cell in cells]
    return {
        "cells": len(cells),
        "epochs": sum(cell.config["trainer"]["max_epochs"] for cell in cells),
        "seconds": sum(each["timing"]["train_seconds"] for each in results if each),
    }


def tuned(name: str, outputs: Path) -> dict[str, Any]:
    """Return what was chosen for each row of a sweep, and the scores of what was tried."""
    found: dict[str, Any] = read(name, outputs).about["tuned"]
    return found


def compare(ablation: str, outputs: Path) -> dict[str, Any]:
    """Sweep an ablation both ways; return the price and the loss of halving."""
    for name, more in ((ablation, []), (f"{ablation}_halved", ["sweep.tune_halving=true"])):
        command("scripts/train.py", f"+ablation={ablation}", *SWEEP, *more, f"name={name}", f"paths.outputs={outputs}")
    whole, halved = tuned(ablation, outputs), tuned(f"{ablation}_halved", outputs)
    first = next(iter(halved.values()))
    rounds = [f"{ablation}_halved+tuning_{n + 1}" for n in range(len(first["rounds"]))]
    spent = {"whole": trials([f"{ablation}+tuning"], outputs), "halved": trials(rounds, outputs)}
    loss = {}
    for row, found in whole.items():
        scores = found["tried"]
        loss[row] = scores[found["chosen"]] - scores[halved[row]["chosen"]]
    return {
        "settings": len(first["tried"]),
        "rows": len(whole),
        "spent": spent,
        "price": {key: spent["halved"][key] / spent["whole"][key] for key in ("epochs", "seconds")},
        "same": sum(found["chosen"] == halved[row]["chosen"] for row, found in whole.items()),
        "loss": {"mean": fmean(loss.values()), "most": max(loss.values())},
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        outputs = Path(sys.argv[1] if len(sys.argv) > 1 else place)
        found = {}
        for ablation in ABLATIONS:
            found[ablation] = compare(ablation, outputs)
            print(ablation, json.dumps(rounded(found[ablation])), flush=True)
    about = rounded({"ablations": found, "machine": machine()})
    (RESULTS / "tune_halving.json").write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    main()
