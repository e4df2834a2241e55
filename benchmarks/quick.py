"""The quick set, compared with the committed ratios: `make bench`, under 5 minutes.

Runs each benchmark that has a --quick, and prints every ratio that is also in results/benchmarks, with those that have
moved marked: the middle halves of the rounds, then and now, lie apart, and the medians differ by more than a tenth.
Nothing fails: a machine has its days, and another machine its own ratios.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from measure import RESULTS

QUICK = ("op", "step", "loop", "augment")
APART = 0.1


def moved(then: Mapping[str, float], now: Mapping[str, float]) -> bool:
    """Whether a ratio is another one now."""
    overlap = now["low"] <= then["high"] and then["low"] <= now["high"]
    return not overlap and abs(now["median"] / then["median"] - 1) > APART


def compared(then: Mapping[str, Mapping[str, float]], now: Mapping[str, Mapping[str, float]]) -> list[str]:
    """A line for each ratio that both have."""
    lines = []
    for name in (each for each in now if each in then):
        mark = "MOVED" if moved(then[name], now[name]) else ""
        spread = f"[{now[name]['low']:.3g}, {now[name]['high']:.3g}]"
        lines.append(f"{then[name]['median']:8.3g} → {now[name]['median']:<8.3g} {spread:18} {mark:6} {name}")
    return lines


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        for name in QUICK:
            line = [sys.executable, str(Path(__file__).parent / f"{name}.py"), "--quick"]
            print(f"{name}: committed → now [middle half of the rounds]", flush=True)
            done = subprocess.run(line, env={**os.environ, "BENCH_RESULTS": place}, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"{name}.py failed:\n{done.stderr[-2000:]}")
            now, kept = (json.loads((folder / f"{name}.json").read_text()) for folder in (Path(place), RESULTS))
            print("\n".join(compared(kept["ratios"], now["ratios"])), flush=True)
    print(f"committed on {kept['machine']['processor']}, {kept['machine']['cores']} cores")


if __name__ == "__main__":
    main()
