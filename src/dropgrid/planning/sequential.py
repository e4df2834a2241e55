"""`sweep.seeds=auto`: more seeds for the rows whose answer is still open, up to the last interim analysis."""

from dataclasses import replace

from dropgrid.planning.types import Plan
from dropgrid.reports.table import Row, is_futile_row, tabulate
from dropgrid.statistics.samples import OPEN
from dropgrid.store.ablation import Ablation, read


def needs_seeds(ablation: Ablation, row: Row) -> bool:
    """Predicate: a complete row's verdict is open, and more seeds might settle it."""
    return row.complete and row.verdict == OPEN and not is_futile_row(ablation, row)


def with_more_seeds(plan: Plan) -> Plan | None:
    """Return the plan with the cells that the rows still open and their baselines need for the next interim analysis.

    None if there is no next one. A row with a failed cell gets no more: its statistics wait for the cells that it has.
    """
    counts = plan.about.get("looks")
    if not counts:
        return None
    table = tabulate(read(plan.name, plan.outputs))
    wanted: dict[tuple[str, str], int] = {}
    for block, rows in table.blocks:
        open_rows = [row for row in rows if needs_seeds(table.ablation, row)]
        upto = [next((n for n in counts if n > row.sample.n), 0) for row in open_rows]
        for row, seeds in zip(open_rows, upto, strict=True):
            wanted[str(dict(block.factors)), row.name] = seeds
        if any(upto):
            wanted[str(dict(block.factors)), table.ablation.baseline] = max(upto)
    have = {(str(cell.factors), cell.row, cell.seed): cell for cell in plan.cells}
    for (factors, name, _), cell in list(have.items()):
        for seed in range(wanted.get((factors, name), 0)):
            have.setdefault((factors, name, seed), cell.at(seed))
    if len(have) == len(plan.cells):
        return None
    order = {pair: place for place, pair in enumerate(dict.fromkeys((str(c.factors), c.row) for c in plan.cells))}
    return replace(plan, cells=sorted(have.values(), key=lambda c: (order[str(c.factors), c.row], c.seed)))
