"""Comparability check: what the cells of a block may differ in; anything else stops the report."""

from typing import Any

from dropgrid.errors import UserError
from dropgrid.store.ablation import Ablation, Block
from dropgrid.store.cell import Cell
from dropgrid.store.config_difference import differences, listed
from dropgrid.store.identity import OF_THE_LOADER

EVERYWHERE = ("scale", "_global_")
"""Keys that set keys of any axis: a row that overrides one of these may differ in everything."""


def check(ablation: Ablation) -> None:
    """Stop a report whose rows are not comparable.

    The cells of a row may differ in `seed` alone; a row may differ from the baseline of its block only in what its
    own overrides, or the baseline's, set.

    Raises:
        UserError: a line for each row at fault, with the keys, their values and what to do.
    """
    problems = [problem for block in ablation.blocks for problem in unlike(block, ablation.baseline)]
    if problems:
        raise UserError(
            f"{ablation.name}: the rows are not comparable, no report is made:\n  "
            + "\n  ".join(problems)
            + "\n  Plan and train the ablation again, or set these keys in the row."
        )


def unlike(block: Block, baseline: str) -> list[str]:
    """The lines of `check` for one block."""
    where = f" ({block.label})" if block.factors else ""
    problems = []
    for row, cells in block.rows.items():
        configs = [cell for cell in cells if cell.config]
        keys = {key: pair for other in configs[1:] for key, pair in difference(configs[0], other).items()}
        if keys:
            problems.append(f"row {row!r}{where}: its own cells differ in {listed(keys)}")
    overrides = own_overrides(block)
    for row, keys in row_differences(block, baseline).items():
        allowed = [covered_key(text) for text in (*overrides[row], *overrides[baseline])]
        if any(each.startswith("data.") and each.removeprefix("data.") not in OF_THE_LOADER for each in allowed):
            allowed.append("data.fingerprint")  # other arguments, other images
        extra = {key: pair for key, pair in keys.items() if not any(covers(each, key) for each in allowed)}
        if extra:
            problems.append(
                f"row {row!r}{where} differs from {baseline!r} in {listed(extra)}, which neither row's overrides set"
            )
    return problems


def own_overrides(block: Block) -> dict[str, list[str]]:
    """Each row's overrides less those that all rows share: what all share explains no difference."""
    lines = {
        row: list(dict.fromkeys(text for cell in cells for text in cell.overrides)) for row, cells in block.rows.items()
    }
    shared = set.intersection(*(set(each) for each in lines.values())) if len(lines) > 1 else set()
    return {row: [text for text in each if text not in shared] for row, each in lines.items()}


def row_differences(block: Block, baseline: str) -> dict[str, dict[str, tuple[Any, Any]]]:
    """Row -> key -> (baseline's value, row's value), for the rows that have a config, without the baseline."""
    firsts = {row: next((cell for cell in cells if cell.config), None) for row, cells in block.rows.items()}
    reference = firsts.pop(baseline)
    if reference is None:
        return {}
    return {row: difference(reference, cell) for row, cell in firsts.items() if cell is not None}


def difference(one: Cell, other: Cell) -> dict[str, tuple[Any, Any]]:
    """The keys in which two cells' configs differ, `seed` aside, with both values."""
    configs = [{**(cell.config or {}), "seed": None} for cell in (one, other)]
    if configs[0] == configs[1]:  # nearly always: thousands of cells are not flattened to see that
        return {}
    return differences(*configs)


def covered_key(override: str) -> str:
    """The dotted key that a Hydra override sets: `+regularizer@regularizer_2=x` sets regularizer_2."""
    key = override.partition("=")[0].strip().lstrip("+~")
    group, at, package = key.partition("@")
    return (package.rpartition(":")[2] if at else group).replace("/", ".")


def covers(override: str, key: str) -> bool:
    """Whether setting `override` sets `key`: the key itself, one beneath it, or the empty node it was put into."""
    return override in EVERYWHERE or f"{key}.".startswith(f"{override}.") or f"{override}.".startswith(f"{key}.")
