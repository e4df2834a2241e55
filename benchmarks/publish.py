"""Put the kept figures of `results/*.json` into the README: `python benchmarks/publish.py`. Nothing there is typed."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def faults(found: dict) -> str:
    """What `make test-faults` did to a sweep."""
    kills, others = found["kills"], found["others"]
    same = "ended with the same table and the same bits in every weight" if found["identical"] else "ended DIFFERENT"
    return (
        f"`make test-faults` put a sweep of {found['cells']} cells through {sum(kills.values())} SIGKILLs "
        f"({kills['training']} in training steps, {kills['parent']} to the command itself, {kills['validation']} in "
        f"validation, {kills['checkpoint write']} in writing checkpoints, {kills['result write']} in writing results), "
        f"{others['damaged checkpoint']} damaged checkpoints, a file system without room, and the same command started "
        f"twice: after {found['attempts']} attempts and {found['commands']} commands it {same} as a sweep left alone."
    )


def overhead(found: dict) -> str:
    """What a cell costs besides training."""
    outside = found["outside_training_seconds"]
    return (
        f"Outside training a cell of the demo costs {outside['mean']:.2f} s (most: {outside['max']:.2f} s), fork to "
        f"first step and last step to result together; checkpoints as often as is allowed take "
        f"{100 * found['checkpoint_share_of_training']:.1f} % of training time "
        f"({found['machine']['processor']}, {found['machine']['threads']} thread; `benchmarks/overhead.py`)."
    )


def renewed(text: str) -> str:
    """A README whose marked parts say what the kept figures say now."""
    for name, sentence in (("faults", faults), ("overhead", overhead)):
        path = ROOT / "results" / f"{name}.json"
        if path.exists():
            said = sentence(json.loads(path.read_text()))
            marked = re.compile(rf"(<!-- results/{name} -->\n).*?(<!-- end -->)", re.DOTALL)
            text = marked.sub(lambda found, said=said: f"{found[1]}{said}\n{found[2]}", text)
    return text


def main() -> None:
    readme = ROOT / "README.md"
    readme.write_text(renewed(readme.read_text()))


if __name__ == "__main__":
    main()
