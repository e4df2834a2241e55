"""Draw what results/benchmarks/*.json hold: `python benchmarks/figures.py`."""

import json

import matplotlib
from measure import RESULTS

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from dropgrid.plotting.palette import palette_png
from dropgrid.plotting.style import png, style

PLAIN = FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
COLORS = {"dropgrid": "#0072B2", "F.dropout": "#999999", "torchvision": "#D55E00"}
PANELS = {
    "op over size": ("cells of x", "ms, forward + backward"),
    "op over block": ("block size", ""),
    "op over p": ("drop_prob", ""),
    "sweep over cells": ("cells", "s, whole sweep"),
    "memory over cells": ("cells", "MiB, largest process"),
    "plan over cells": ("cells", "s to plan"),
    "report over cells": ("cells", "s to report"),
}


def op(axes: Axes, ratios: dict) -> None:
    """Bars: multiples of the floor at block 7, by shape."""
    cases = list(dict.fromkeys(name.partition(": ")[0] for name in ratios if name.startswith("block 7,")))
    cases = [case for case in cases if "bfloat16" not in case]
    for offset, (name, color) in enumerate(COLORS.items()):
        found = [ratios[f"{case}: {name} / floor"] for case in cases]
        places = [index + 0.27 * (offset - 1) for index in range(len(cases))]
        medians = [each["median"] for each in found]
        errors = [[each["median"] - each["low"] for each in found], [each["high"] - each["median"] for each in found]]
        axes.bar(places, medians, 0.25, color=color, label=name, yerr=errors, error_kw={"lw": 0.8})
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(PLAIN)
    axes.axhline(1, color="black", lw=0.8)
    axes.set_ylabel("times x.mul, forward + backward")
    labels = [case.removeprefix("block 7, ").replace(", ", "\n").replace("_", "\n") for case in cases]
    axes.set_xticks(range(len(cases)), labels, fontsize=6.5)
    axes.legend(frameon=False, ncols=3, loc="upper right")
    axes.set_ylim(0.8, 250)


def scaling(axes: Axes, name: str, line: dict) -> None:
    """One line, or one for each op, on logarithmic axes."""
    milliseconds = name.startswith("op")
    for what in (key for key in line if key != "work"):
        label = {"floor": "x.mul"}.get(what, what)
        color = {"floor": "black"}.get(what, COLORS.get(what, COLORS["dropgrid"]))
        values = [value * (1000 if milliseconds else 1) for value in line[what]]
        axes.plot(line["work"], values, "o-", ms=3, lw=1.2, color=color, label=label)
    axes.set_xscale("log")
    if name.startswith("memory"):
        axes.set_ylim(0, 1.2 * max(line["MiB"]))
    else:
        axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PLAIN)
        axis.set_minor_formatter(NullFormatter())
    xlabel, ylabel = PANELS[name]
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    if name == "op over size":
        axes.legend(frameon=False, fontsize=7)


def main() -> None:
    with style():
        ratios = json.loads((RESULTS / "op.json").read_text())["ratios"]
        figure, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
        op(axes, ratios)
        (RESULTS / "op.png").write_bytes(palette_png(png(figure)))
        lines = json.loads((RESULTS / "scaling.json").read_text())["lines"]
        figure, grid = plt.subplots(2, 4, figsize=(10, 4.6), layout="constrained")
        for panel, name in zip(grid.flat, PANELS, strict=False):
            scaling(panel, name, lines[name])
        grid.flat[-1].set_axis_off()
        (RESULTS / "scaling.png").write_bytes(palette_png(png(figure)))


if __name__ == "__main__":
    main()
