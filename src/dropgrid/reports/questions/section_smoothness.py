"""The landscape along the gradient, where cells recorded it."""

from dropgrid.reports.section import Section, keys, with_interval
from dropgrid.reports.table import Table

NAMES = {
    "range": "Range of the loss, nats",
    "change": "Gradient predictiveness",
    "smoothness": "Effective β-smoothness",
}


def section(table: Table) -> Section | None:
    """A line a row and measure; None where no cell recorded any."""
    if not table.smoothness:
        return None
    factors = keys([each.factors for each in table.smoothness])
    lines = [["Measure", "Row", *factors, "n", "Mean ± SD", "Of the baseline’s, × [95 % CI]"]]
    for each in table.smoothness:
        where = [each.factors.get(key, "") for key in factors]
        spread = "" if each.value.std is None else f" ± {each.value.std:.3g}"
        baseline = each.row == table.ablation.baseline
        ratio = "baseline" if baseline else with_interval(each.ratio, each.ci95)
        lines.append([NAMES[each.measure], each.row, *where, str(each.n), f"{each.value.mean:.3g}{spread}", ratio])
    return Section(
        "Along the gradient",
        lines,
        2 + len(factors),
        "Along w - ηg from each recorded moment, over its steps η: highest loss less lowest, highest change of the "
        "gradient ‖g(w) - g(w - ηg)‖, and highest change per distance. Of each cell the median over training; mean ± "
        "standard deviation over cells; the ratio to the baseline is a geometric mean over seeds, its interval "
        "Student’s of the logarithms, one comparison at a time.",
    )
