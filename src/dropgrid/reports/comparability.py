"""Comparability check: the report stops if the cells of a block differ in keys in which they may not."""

from typing import Any

from dropgrid.errors import UserError
from dropgrid.store.ablation import Ablation, Block
from dropgrid.store.cell import Cell
from dropgrid.store.config_difference import differences, listed
from dropgrid.store.identity import OF_THE_LOADER

EVERYWHERE = ("scale", "_global_")
"""Keys that set keys of any axis: a row that overrides one of these may differ in any key."""


def check_comparable(ablation: Ablation) -> None:
    """Stop a report whose rows are not comparable.

    The cells of a row may differ only in `seed`; a row may differ from the baseline of its block only in keys that its
    own overrides, or the baseline's, set.

    Raises:
        UserError: one line per differing row, with the keys, their values and what to do.
    """
    problems = [problem for block in ablation.blocks for problem in find_differences(block, ablation.baseline)]
    if problems:
        raise UserError(
            f"{ablation.name}: the rows are not comparable, no report is made:\n  "
            + "\n  ".join(problems)
            + "\n  Plan and train the ablation again, or set these keys in the row."
        )


def find_differences(block: Block, baseline: str) -> list[str]:
    """Return the problems that `check_comparable` reports for one block."""
    where = f" ({block.label})" if block.factors else ""
    problems = []
    for row, cells in block.rows.items():
        configs = [cell for cell in cells if cell.config]
        keys = {key: pair for other in configs[1:] for key, pair in differing_keys(configs[0], other).items()}
        if keys:
            problems.append(f"row {row!r}{where}: its own cells differ in {listed(keys)}")
    overrides = own_overrides(block)
    for row, keys in row_differences(block, baseline).items():
        allowed = [covered_key(text) for text in (*overrides[row], *overrides[baseline])]
        if any(each.startswith("data.") and each.removeprefix("data.") not in OF_THE_LOADER for each in allowed):
            allowed.append("data.fingerprint")  # other arguments, other images
        extra = {key: pair for key, pair in keys.items() if not any(override_covers(each, key) for each in allowed)}
        if extra:
            problems.append(
                f"row {row!r}{where} differs from {baseline!r} in {listed(extra)}, which neither row's overrides set"
            )
    return problems


def own_overrides(block: Block) -> dict[str, list[str]]:
    """Return each row's overrides without those that all rows share, which explain no difference."""
    lines = {
        row: list(dict.fromkeys(text for cell in cells for text in cell.overrides)) for row, cells in block.rows.items()
    }
    shared = set.intersection(*(set(each) for each in lines.values())) if len(lines) > 1 else set()
    return {row: [text for text in each if text not in shared] for row, each in lines.items()}


def row_differences(block: Block, baseline: str) -> dict[str, dict[str, tuple[Any, Any]]]:
    """Return row -> key -> (baseline's value, row's value), for rows with a config, without the baseline."""
    firsts = {row: next((cell for cell in cells if cell.config), None) for row, cells in block.rows.items()}
    reference = firsts.pop(baseline)
    if reference is None:
        return {}
    return {row: differing_keys(reference, cell) for row, cell in firsts.items() if cell is not None}


def differing_keys(one: Cell, other: Cell) -> dict[str, tuple[Any, Any]]:
    """Return the keys in which two cells' configs differ, except `seed`, with both values."""
    configs = [{**(cell.config or {}), "seed": None} for cell in (one, other)]
    if configs[0] == configs[1]:  # nearly always: thousands of cells are not flattened to see that
        return {}
    return differences(*configs)


def covered_key(override: str) -> str:
    """Return the dotted key that a Hydra override sets: `+regularizer@regularizer_2=x` sets regularizer_2, and what
    sets a `_target_` the `option` that configs have instead."""
    key = override.partition("=")[0].strip().lstrip("+~")
    group, at, package = key.partition("@")
    covered = (package.rpartition(":")[2] if at else group).replace("/", ".")
    return f"{covered.removesuffix('_target_')}option" if covered.endswith("._target_") else covered


def override_covers(override: str, key: str) -> bool:
    """Predicate: setting `override` sets `key`: the same key, one beneath it, or the empty node that it is put into."""
    return override in EVERYWHERE or f"{key}.".startswith(f"{override}.") or f"{override}.".startswith(f"{key}.")
