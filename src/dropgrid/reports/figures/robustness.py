"""figure_robustness.png: the headline metric with DropBlock on at inference, a panel per block size, a line per row."""

import re
from collections.abc import Sequence

from matplotlib.figure import Figure

from dropgrid.plotting.mean_lines import MeanPanel, describe_marks, mean_lines_figure
from dropgrid.plotting.series import Point
from dropgrid.reports.table import Row, Table
from dropgrid.statistics.samples import Sample
from dropgrid.store.ablation import Block
from dropgrid.tasks.description import TaskDescription

ORDER = 90
CAPTION = "{quantity} with DropBlock on at inference, a panel a block size"

METRIC = re.compile(r"(dropblock_inference(?:\[.*\])?)/block_(\d+)_keep_prob_(.+)")


def draw(table: Table) -> Figure | None:
    """Draw means with 95 % intervals over keep_prob on its true scale; None if it was not evaluated."""
    task = table.ablation.task
    found = [each for block, rows in table.blocks for each in panels_of(block, rows, task)]
    if not found:
        return None
    interval, aside = describe_marks(found)
    caption = (
        f"{interval} Each network is tested with DropBlock on, whatever it was trained with, norms in eval mode; the "
        f"lower keep_prob, the more is dropped, at 1 nothing. {aside}"
    )
    return mean_lines_figure(f"{task.quantity} with DropBlock switched on at inference", found, caption)


def panels_of(block: Block, rows: Sequence[Row], task: TaskDescription) -> list[MeanPanel]:
    """Return a block's panels, by evaluation and block size; keep_prob falls to the right, where more is dropped."""
    found: dict[tuple[str, int], dict[str, dict[float, Sample]]] = {}
    for row in rows:
        for name, each in row.evaluations.items():
            part = METRIC.fullmatch(name)
            if part:
                curves = found.setdefault((part[1], int(part[2])), {})
                curves.setdefault(row.name, {})[float(part[3])] = each.sample
    made = []
    up = f"{task.title(task.metric('test', 'last'))}, {task.unit}"
    for (label, size), curves in sorted(found.items()):
        arguments = label.partition("[")[2].rstrip("]")
        title = ", ".join(filter(None, [block.label, f"block {size} at inference", arguments]))
        points = [
            (row.name, [Point(x, each, each.n == row.planned) for x, each in sorted(curves[row.name].items())])
            for row in rows
            if row.name in curves
        ]
        made.append(MeanPanel(block.label, title, "keep_prob at inference", up, "", points, falls=True))
    return made
