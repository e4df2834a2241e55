"""What the benchmarks share: calls timed in turn, ratios with their spread, and one JSON file for each benchmark.

Ratios carry from machine to machine, seconds do not: a file holds ratios, and the machine they were found on.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results" / "benchmarks"


def arguments(description: str | None, *flags: str, threads: bool = False) -> argparse.Namespace:
    """The command line of a benchmark, its docstring the help; torch on as many threads as asked for, 1 by default."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    for flag in flags:
        parser.add_argument(flag, action="store_true")
    if threads:
        parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads if threads else 1)
    return given


def interleaved(calls: Mapping[str, Callable[[], Any]], rounds: int, warmup: int = 2) -> dict[str, list[float]]:
    """Seconds of each call in each round; the calls of a round one after the other, so that all meet the same noise."""
    for call in calls.values():
        for _ in range(warmup):
            call()
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and quartiles."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return {"median": middle, "low": low, "high": high}


def ratio(over: Sequence[float], under: Sequence[float]) -> dict[str, float]:
    """Median and quartiles of over / under, round by round."""
    return spread([a / b for a, b in zip(over, under, strict=True)])


def machine() -> dict[str, Any]:
    """On what it was measured."""
    from dropgrid.store.environment import environment

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    about = environment(device, {})
    named = ("processor", "capability", "cores", "threads", "device", "python", "versions")
    return {**{key: about[key] for key in named}, "load_average": os.getloadavg()[0]}


def rounded(tree: Any) -> Any:
    """Numbers to four figures."""
    if isinstance(tree, float):
        return float(f"{tree:.4g}")
    if isinstance(tree, Mapping):
        return {key: rounded(value) for key, value in tree.items()}
    return [rounded(each) for each in tree] if isinstance(tree, list | tuple) else tree


def keep(name: str, ratios: Mapping[str, Mapping[str, float]], **more: Any) -> None:
    """`<name>.json` in $BENCH_RESULTS, else results/benchmarks: ratios by name, each with median, low and high."""
    folder = Path(os.environ.get("BENCH_RESULTS", RESULTS))
    folder.mkdir(parents=True, exist_ok=True)
    found = rounded({"ratios": ratios, **more, "machine": machine()})
    (folder / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")


def show(ratios: Mapping[str, Mapping[str, float]]) -> None:
    """Print them: median, and the middle half of the rounds."""
    for name, found in ratios.items():
        print(f"{found['median']:8.3g}  [{found['low']:.3g}, {found['high']:.3g}]  {name}", flush=True)


USAGE = """
import json, resource, subprocess, sys, time
began = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
seconds, usage = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
cpu = usage.ru_utime + usage.ru_stime
print(json.dumps({"cpu_seconds": cpu, "seconds": seconds, "memory_mb": usage.ru_maxrss / 1024}))
"""
"""Runs a command in a small process of its own: a command's memory begins with the mark of the one that starts it."""


def command(*line: str) -> dict[str, float]:
    """Run a command of the project; CPU seconds, seconds, and the largest memory in MB."""
    whole = [sys.executable, "-c", USAGE, sys.executable, *line]
    found: dict[str, float] = json.loads(subprocess.run(whole, cwd=ROOT, check=True, capture_output=True).stdout)
    return found
