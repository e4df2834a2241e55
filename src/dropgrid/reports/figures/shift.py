"""figure_shift.png: the variance shift of each batch-norm layer, one line per row, if it was evaluated."""

from collections.abc import Mapping, Sequence
from functools import partial

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropgrid.plotting.layer_lines import LayerLine, describe_bands, draw_layer_lines, layer_line, ratio_axis
from dropgrid.plotting.layout import Panel, assemble_figure, panel_rows
from dropgrid.reports.evaluation_arrays import EvaluationArrays, arrays_by_seed, find_evaluation_arrays
from dropgrid.reports.table import Table

ORDER = 140
CAPTION = "Variance shift by batch-norm layer"

OPTION = "variance_shift"
HEIGHT = 2.9
"""Height of a panel, in inches."""

KINDS = {
    "masks": (
        "The shift that the masks make",
        "with a row's masks at their full rate, norms in eval mode",
    ),
    "stored": (
        "The shift that inference meets",
        "the moving variance from training, which also holds augmentation and the last steps of training: a row that "
        "drops nothing is the measure of it",
    ),
}
"""Kind of shift -> its title, and what is compared with inference."""


def draw(table: Table) -> Figure | None:
    """Draw left masks on against off, right the moving variance against inference; None if no cell has either."""
    found = [each for block, rows in table.blocks if (each := find_evaluation_arrays(block, rows, OPTION)) is not None]
    if not found:
        return None
    names = list(dict.fromkeys(row.name for each in found for row, _ in each.rows))
    shifts = [lines_by_kind(each) for each in found]
    across = max(len(each) for each in shifts)
    sections = [
        panel_rows(shift_panels(own, names), HEIGHT, across, each.block.label)
        for each, own in zip(found, shifts, strict=True)
    ]
    return assemble_figure("Variance shift by batch-norm layer", sections, explanation(found[0], shifts), names)


def lines_by_kind(measured: EvaluationArrays) -> dict[str, list[LayerLine]]:
    """Return a block's lines, for each kind of shift that has any."""
    arrays = [(row.name, arrays_by_seed(seeds)) for row, seeds in measured.rows]
    made = {}
    for kind in KINDS:
        there = [(name, [each[kind] for each in seeds if kind in each]) for name, seeds in arrays]
        curves = [each for name, values in there if values and (each := layer_line(name, values)) is not None]
        if curves:
            made[kind] = curves
    return made


def shift_panels(found: Mapping[str, Sequence[LayerLine]], names: Sequence[str]) -> list[Panel]:
    """Return one panel per kind."""

    def paint(axes: Axes, curves: Sequence[LayerLine]) -> None:
        draw_layer_lines(axes, curves, names)
        ratio_axis(axes, curves)

    return [
        Panel(
            KINDS[kind][0],
            "Batch-norm layer, from input to output",
            "" if column else "Ratio of variances",
            partial(paint, curves=curves),
        )
        for column, (kind, curves) in enumerate(found.items())
    ]


def explanation(measured: EvaluationArrays, shifts: Sequence[Mapping[str, Sequence[LayerLine]]]) -> str:
    """Return the caption: which variances, and what lines and bands are."""
    kinds = [kind for kind in KINDS if any(kind in each for each in shifts)]
    sides = ("Left: ", "Right: ") if len(kinds) == 2 else ("Compared: ",)
    compared = " ".join(f"{side}{KINDS[kind][1]}." for side, kind in zip(sides, kinds, strict=True))
    more = f" Measured with {measured.arguments}." if measured.arguments else ""
    return (
        "Variance of what reaches each batch norm against that in inference, when nothing is dropped: the larger by "
        f"the smaller, mean over channels; 1 is no shift (Li et al. 2019, Fig. 4). {compared}{more} "
        f"{describe_bands([line for each in shifts for curves in each.values() for line in curves])}"
    )
