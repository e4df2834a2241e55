"""Ensembles of a row's cells, as `ablation.ensemble` asks for them."""

from dropgrid.reports.columns import number, plus_minus
from dropgrid.reports.questions.ensembles import MOST, Ensemble
from dropgrid.reports.section import Section, keys
from dropgrid.reports.table import Table


def section(table: Table) -> Section | None:
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
    return Section("Ensembles", lines, 1 + len(factors), note(table))


def subsets(found: Ensemble) -> str:
    """How many, and of how many where that is not all."""
    return str(found.subsets) if found.subsets == found.total else f"{found.subsets} of {found.total}"


def note(table: Table) -> str:
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
