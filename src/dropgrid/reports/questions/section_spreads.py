"""How much accuracy varies over seeds, as `ablation.spread` asks for it."""

from dropgrid.reports.columns import number
from dropgrid.reports.questions.seed_variance import FEWEST
from dropgrid.reports.section import Section, keys, with_interval
from dropgrid.reports.table import Table


def section(table: Table) -> Section | None:
    """A line a row and epoch; None where nothing is asked for, or no two cells have it."""
    if not table.spreads:
        return None
    factors = keys([each.factors for each in table.spreads])
    values = ["Mean, %", "Standard deviation, points [95 % CI]", "Of the baseline’s, × [95 % CI]"]
    lines = [["Row", *factors, "Epoch", "n", *values]]
    for each in table.spreads:
        where = [each.factors.get(key, "") for key in factors]
        baseline = each.row == table.ablation.baseline
        ratio = "baseline" if baseline else with_interval(each.ratio, each.ratio_ci95)
        told = [number(each.mean), with_interval(each.std, each.ci95), ratio]
        lines.append([each.row, *where, str(each.epoch), str(each.n), *told])
    return Section(
        "Spread over seeds",
        lines,
        1 + len(factors),
        "Standard deviation over seeds of the validation accuracy after so many epochs, and its ratio to the "
        "baseline’s at the same epoch. Intervals: Bonett’s (2006), which do not lean on normality, one comparison at a "
        f"time, of {FEWEST} seeds or more; the seeds of two rows count as independent.",
    )
