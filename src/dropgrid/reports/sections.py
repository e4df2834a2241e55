"""The small tables below the table, for what an ablation asks besides its rows: contrasts and ensembles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dropgrid.reports.columns import NOTHING, interval, number, plus_minus, signed
from dropgrid.reports.contrasts import Contrast
from dropgrid.reports.ensembles import MOST, Ensemble
from dropgrid.reports.table import Table


@dataclass(frozen=True)
class Section:
    """A table as people read it, headings first, the first `left` columns of words; its title, and a note on it."""

    title: str
    lines: Sequence[Sequence[str]]
    left: int
    note: str


def sections(table: Table) -> list[Section]:
    """Those that this table has something to say in."""
    return [each for each in (contrasts(table), ensembles(table)) if each is not None]


def contrasts(table: Table) -> Section | None:
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
    return Section("Contrasts", lines, 2 + len(factors), contrasts_note(table))


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


def contrasts_note(table: Table) -> str:
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


def ensembles(table: Table) -> Section | None:
    """Scores against K, row by row; None where nothing is asked for or nothing can be averaged."""
    if not table.ensembles:
        return None
    factors = keys([each.factors for each in table.ensembles])
    score = ["Error, %", "its members’", "NLL, nats", "its members’", "Brier", "its members’"]
    lines = [["Row", *factors, "Cells", "K", "Subsets", *score, "Error above its members’"]]
    for each in table.ensembles:
        told = [
            text
            for found, decimals in ((each.error, 2), (each.nll, 3), (each.brier, 3))
            for text in (plus_minus(found.mean, found.std, decimals), number(found.members, decimals))
        ]
        where = [each.factors.get(key, "") for key in factors]
        counts = [str(each.n) if each.n == each.planned else f"{each.n}/{each.planned}", str(each.k)]
        lines.append([each.row, *where, *counts, subsets(each), *told, f"{100 * each.above:.0f} %"])
    return Section("Ensembles", lines, 1 + len(factors), ensembles_note(table))


def subsets(found: Ensemble) -> str:
    """How many, and of how many where that is not all."""
    return str(found.subsets) if found.subsets == found.total else f"{found.subsets} of {found.total}"


def ensembles_note(table: Table) -> str:
    """What the numbers are, what their spread is not, and what is missing."""
    parts = [
        "The softmax probabilities of K of a row's cells are averaged, on the test images; mean ± standard deviation "
        f"over all subsets of K cells, or {MOST} of them at random. Subsets share cells: they are not independent, "
        "their spread shrinks to nothing at K = all cells by construction, and it is no confidence interval. Members’: "
        "the mean over the single cells of the same subsets. NLL and Brier score of an ensemble are never above it "
        "(Jensen); the error may be: the last column says in how many of the subsets."
    ]
    lacking = [
        f"“{name}”{f' ({block.label})' if block.factors else ''}"
        for block, _ in table.blocks
        for name in block.rows
        if not any(each.row == name and each.factors == block.factors for each in table.ensembles)
    ]
    if lacking:
        parts.append(
            f"No ensemble, for want of cells or of their predictions of the same images: {', '.join(lacking)}."
        )
    asked = table.ablation.about.get("ensemble")
    large = [str(k) for k in asked if k > max(each.n for each in table.ensembles)] if isinstance(asked, list) else []
    if large:
        parts.append(f"More than there are cells of a row: K = {', '.join(large)}.")
    return " ".join(parts)


def keys(found: Sequence[Mapping[str, str]]) -> list[str]:
    """The factors, as columns."""
    return list(dict.fromkeys(key for each in found for key in each))
