"""What a cell costs besides training: `python benchmarks/overhead.py [RESULTS.json]`.

Two sweeps of real runs on the embedded digits. The demo's eight rows, one after another: seconds from the fork to the
first step, and from the last step to the result. A longer run with a checkpoint as often as the share of 1 % allows:
seconds of writing them / seconds of training. Compare shares within a run; the machine's seconds are its own.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def results(outputs: Path, *overrides: str) -> list[dict]:
    """Train, one cell at a time, and read what it leaves."""
    line = [sys.executable, "scripts/train.py", *overrides, "sweep.jobs=1", f"paths.outputs={outputs}"]
    subprocess.run(line, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return [json.loads(path.read_text()) for path in outputs.glob("runs/*/result.json")]


def spread(values: list[float]) -> dict[str, float]:
    """Smallest, mean, largest, rounded to milliseconds."""
    return {"min": min(values), "mean": sum(values) / len(values), "max": max(values)}


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        demo = [each["timing"] for each in results(Path(place) / "demo", "+ablation=demo", "seed=0")]
        long = ["scale=demo", "regularizer=dropblock", "regularizer.block_size=3", "trainer.max_epochs=150"]
        (run,) = results(Path(place) / "long", *long, "sweep.checkpoint.minutes=0.01")
        machine = json.loads(next(Path(place).glob("long/runs/*/environment.json")).read_text())
    found = {
        "fork_to_first_step_seconds": spread([each["fork_to_first_step_seconds"] for each in demo]),
        "last_step_to_result_seconds": spread([each["last_step_to_result_seconds"] for each in demo]),
        "outside_training_seconds": spread(
            [each["fork_to_first_step_seconds"] + each["last_step_to_result_seconds"] for each in demo]
        ),
        "train_seconds": spread([each["train_seconds"] for each in demo]),
        "checkpoint_share_of_training": run["timing"]["checkpoint_seconds"] / run["timing"]["train_seconds"],
        "load_average": os.getloadavg()[0],
        "machine": {key: machine[key] for key in ("processor", "cores", "threads", "device", "python", "versions")},
    }
    text = json.dumps(json.loads(json.dumps(found), parse_float=lambda x: round(float(x), 4)), indent=1)
    print(text)
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text + "\n")


if __name__ == "__main__":
    main()
