"""The contrasts of rows, as `ablation.contrasts` asks for them."""

from dropgrid.reports.columns import NOTHING, interval, number, signed
from dropgrid.reports.questions.contrasts import Contrast
from dropgrid.reports.section import Section, keys
from dropgrid.reports.table import Table


def section(table: Table) -> Section | None:
    """The contrasts, block by block; None where none is asked for."""
    if not table.contrasts:
        return None
    factors = keys([each.factors for each in table.contrasts])
    head = ["Contrast", "Formula", *factors, "n", "Estimate, points [95 % CI]", "Simultaneous [95 % CI]", "p"]
    lines = [head]
    for each in table.contrasts:
        told = [estimate(each), interval(each.comparison.ci95) if each.comparison else NOTHING, p_value(each)]
        where = [each.factors.get(key, "") for key in factors]
        lines.append([each.name, each.formula, *where, str(each.difference.n), *told])
    return Section("Contrasts", lines, 2 + len(factors), note(table))


def estimate(contrast: Contrast) -> str:
    """The mean and its interval, or why there is none."""
    found = contrast.difference
    if found.mean is None:
        return f"({contrast.withheld})"
    return f"{signed(found.mean)} {interval(found.ci95) if found.ci95 else f'({contrast.withheld})'}"


def p_value(contrast: Contrast) -> str:
    """p of "it is 0", with three decimals."""
    found = contrast.difference.p_value
    return "< 0.001" if found is not None and found < 0.001 else number(found, 3)


def note(table: Table) -> str:
    """What the numbers are and what they cover."""
    family = len({each.name for each in table.contrasts})
    known = [each.comparison for each in table.contrasts if each.comparison]
    covers = (
        "training and the choice of test images"
        if any(each.examples is not None for each in known)
        else "training alone, on these test images"
    )
    together = (
        "this contrast" if family == 1 else f"the {family} contrasts" + (" of a block" if len(table.blocks) > 1 else "")
    )
    level = 100 * (1 - table.ablation.alpha)
    return (
        "Each contrast is computed seed by seed, over the seeds that all its rows have; its interval and p (that it is "
        "0) are Student's, for this one contrast, and cover the randomness of training alone. Simultaneous: Šidák's "
        f"intervals, which hold for {together} together with {level:.4g} %, and cover {covers}."
    ) + (
        " Intervals wait until all rows of a contrast are complete."
        if any(each.withheld == "incomplete" for each in table.contrasts)
        else ""
    )
