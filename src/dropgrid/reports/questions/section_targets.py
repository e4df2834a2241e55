"""Steps to an accuracy, as `ablation.target` asks for them."""

from dropgrid.reports.columns import plus_minus
from dropgrid.reports.questions.steps_to_accuracy import OF, parted
from dropgrid.reports.section import Section, keys, with_interval
from dropgrid.reports.table import Table

SEEN = {"train": ", of its images as they were trained on"}


def section(table: Table) -> Section | None:
    """A line a row; None where no target is asked for or nothing is finished."""
    if not any(each.n for each in table.targets):
        return None
    factors = keys([each.factors for each in table.targets])
    lines = [["Row", *factors, "n", "Reached it", "Steps", "Steps of the baseline, × [95 % CI]"]]
    for each in table.targets:
        where = [each.factors.get(key, "") for key in factors]
        baseline = each.row == table.ablation.baseline
        ratio = "baseline" if baseline else with_interval(each.ratio, each.ci95)
        steps = plus_minus(each.steps.mean, each.steps.std, 0)
        lines.append([each.row, *where, str(each.n), str(each.reached), steps, ratio])
    of, percent = parted(table.ablation.about["target"])
    target = f"{percent:g} % {OF[of]} accuracy"
    return Section(
        f"Steps to {target}",
        lines,
        1 + len(factors),
        f"The steps of training after the first epoch with {target} or more{SEEN.get(of, '')}: mean ± standard "
        "deviation over the cells that reached it. The ratio to the baseline is a geometric mean over seeds, its "
        "interval Student's of the logarithms; it is not given where some cell of either row never reached the target.",
    )
