"""figure_levels.png: evaluations at several levels, one panel per measure, one line per row."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from dropgrid.plotting.mean_lines import MeanPanel, describe_marks, mean_lines_figure
from dropgrid.plotting.series import Point
from dropgrid.reports.comparisons import values_by_seed
from dropgrid.reports.measurements import Measurement, order_metrics, split_level
from dropgrid.reports.table import Row, Table
from dropgrid.statistics.samples import describe
from dropgrid.store.ablation import Block
from dropgrid.store.cell import Cell
from dropgrid.store.evaluations import SHARE, evaluation_of
from dropgrid.tasks.description import TaskDescription

ORDER = 100
CAPTION = "{quantity} and NLL after training, by level of noise, occlusion, attack, or number of passes"

FEWEST = 3
"""The fewest levels of a line, including the unchanged test images."""

ELSEWHERE = ("dropblock_inference",)
"""Evaluations that have a figure of their own."""

HEADING = re.compile(r"(?P<what>.+?)(?: (?P<symbol>\S+) =)? [×+]?[-+.\de]+(?:×[.\d]+)?")
"""The pattern of headings such as `Gaussian noise σ = 0.1`, `Occlusion 8×8`, `Contrast ×0.4`."""

WIDE = 16
"""The ratio of highest to lowest level from which the horizontal axis is logarithmic."""


@dataclass(frozen=True)
class LevelKind:
    """An evaluation at levels: its `name` in the title, the level's label, and its sentence in the caption.

    `plain`: level 0 is the headline metric on the unchanged test images. `doubling`, `tenfold`: the horizontal or the
    vertical axis is logarithmic. `without` is the metric that belongs to no level, and its name on the axis.
    """

    name: str
    across: str
    caption: str
    plain: bool = False
    doubling: bool = False
    tenfold: bool = False
    without: tuple[str, str] | None = None


KINDS: Mapping[str, LevelKind] = {
    "noise": LevelKind(
        "noise",
        "σ of the noise; white is 1",
        "Noise: Gaussian, on the test images, the same for all cells.",
        plain=True,
    ),
    "occlusion": LevelKind(
        "occlusion",
        "side of the square, pixels",
        "Occlusion: a square covers part of each test image, the same for all cells.",
        plain=True,
    ),
    "adversarial": LevelKind(
        "adversarial images",
        "ε, the most a value is changed; white is 1",
        "FGSM (one step) and PGD (several): each cell's test images are changed so as to raise its own loss.",
        plain=True,
    ),
    "monte_carlo": LevelKind(
        "Monte-Carlo inference",
        "T, passes averaged",
        "Monte Carlo: the row's own regularizer left on, the probabilities of T passes averaged; off: one plain pass.",
        doubling=True,
        without=("deterministic", "off"),
    ),
    "gradient_variance": LevelKind(
        "gradient variance",
        "B, images in a batch",
        "Gradient variance: E‖g_B - g‖² / ‖g‖², g of all training images.",
        doubling=True,
        tenfold=True,
    ),
}
"""Known evaluations at levels; others are drawn too."""


def draw(table: Table) -> Figure | None:
    """Draw means with 95 % intervals over the level; None if nothing was evaluated at three levels."""
    found = [each for block, rows in table.blocks for each in panels_of(block, rows, table.ablation.task)]
    if not found:
        return None
    kinds = list(dict.fromkeys(find_kind(each.scale) for each in found))
    interval, aside = describe_marks(found)
    zero = ["Level 0: the plain test images."] if any(each.plain for each in kinds) else []
    captions = [each.caption for each in kinds if each.caption]
    title = f"After training: {', '.join(each.name for each in kinds)}"
    return mean_lines_figure(title, found, " ".join([interval, *captions, *zero, aside]))


def find_kind(label: str) -> LevelKind:
    """Return the kind of an evaluation, by its label or the name of one of its metrics."""
    option = re.split(r"[\[/]", label)[0]
    return KINDS.get(option) or LevelKind(option.replace("_", " "), "", "")


def panels_of(block: Block, rows: Sequence[Row], task: TaskDescription) -> list[MeanPanel]:
    """Return a block's panels, in the order of the table's columns."""
    stems: dict[str, dict[float, str]] = {}
    for name in order_metrics(name for row in rows for name in row.evaluations):
        stem, level = split_level(name)
        if stem != name and math.isfinite(level) and re.split(r"[\[/]", stem)[0] not in ELSEWHERE:
            stems.setdefault(stem, {})[level] = name
    found = [panel_of(block, rows, stem, names, task) for stem, names in stems.items()]
    return [each for each in found if len(each.values) - (each.alone is not None) >= FEWEST]


def panel_of(
    block: Block, rows: Sequence[Row], stem: str, names: Mapping[float, str], task: TaskDescription
) -> MeanPanel:
    """Return the panel of one measure over its levels (level -> metric), for the rows that have it."""
    label, known = evaluation_of(stem), find_kind(stem)
    example = next(row.evaluations[name] for name in names.values() for row in rows if name in row.evaluations)
    arguments = label.partition("[")[2].rstrip("]")
    part = HEADING.fullmatch(example.heading.removesuffix(f" ({arguments})"))
    what, symbol = (part["what"], part["symbol"]) if part else (stem.rpartition("/")[2].replace("_", " "), None)
    test = f"{task.title(task.metric('test', 'last'))}, {task.unit}"
    up = test if known.across and example.unit == SHARE else example.unit
    doubling = known.doubling or (not known.plain and min(names) > 0 and max(names) >= WIDE * min(names))
    alone = None
    if known.without:
        metric, text = known.without
        least = min(names)
        alone = (least / 2, text) if doubling else (least - 1, text)
        names = {alone[0]: f"{stem}_{metric}", **names}
    add = known.plain and 0 not in names and example.unit == SHARE
    weights = "best" if re.search(r"\bweights=best\b", arguments) else "last"
    curves = []
    for row in rows:
        there = {level: row.evaluations[name] for level, name in names.items() if name in row.evaluations}
        if there:
            start = clean_metric(block.rows.get(row.name, ()), row, stem, task.metric("test", weights)) if add else []
            curves.append((row.name, start + level_points(row, there)))
    return MeanPanel(
        block=block.label,
        title=", ".join(filter(None, [block.label, what, arguments])),
        across=known.across or symbol or "level",
        up="NLL, nats" if up == "nats" and "nll" in stem else up,
        scale=f"{label}/{example.unit}",
        curves=curves,
        doubling=doubling,
        tenfold=known.tenfold,
        alone=alone if any(alone and point.x == alone[0] for _, each in curves for point in each) else None,
    )


def level_points(row: Row, there: Mapping[float, Measurement]) -> list[Point]:
    """Return a row's measurements, from the lowest level up."""
    return [Point(level, there[level].sample, there[level].sample.n == row.planned) for level in sorted(there)]


def clean_metric(cells: Sequence[Cell], row: Row, stem: str, metric: str) -> list[Point]:
    """Return the metric on the unchanged test images, of the evaluated cells."""
    own = [cell for cell in cells if any(split_level(name)[0] == stem for name in cell.evaluations)]
    found = values_by_seed(own, metric)
    sample = describe([found[seed] for seed in sorted(found)])
    return [Point(0.0, sample, sample.n == row.planned)] if sample.n else []
