"""The devices, instruction sets and code versions that trained the cells."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from dropgrid.store.ablation import Ablation, Block
from dropgrid.store.cell import Cell

WAYS = {
    ("device",): "on another device",
    ("capability",): "with another instruction set or processor, which rounds otherwise",
    ("source",): "by a different version of the code",
}
"""A part of a cell's provenance, by its keys -> how cells with another one were trained."""

ALWAYS_RECORDED = (("device",), ("source",))
"""Parts without which a cell is another. Cells from before the others were recorded, or that do not reach a module of
one's own, may have any."""


def mixed_provenance(ablation: Ablation) -> list[str]:
    """Return a note for each block whose finished cells differ in device, instruction set or code version."""
    remarks = []
    for block in ablation.blocks:
        where = f" ({block.label})" if block.factors else ""
        cells = {cell.id: cell for cell in block.cells if cell.result}.values()
        own = dict.fromkeys(name for cell in cells for name in cell.found("provenance").get("modules") or {})
        ways = WAYS | {("modules", name): f"by a different version of the code, in {name}" for name in own}
        for keys, how in ways.items():
            found = {cell.id: (cell.row, part_of(cell, keys)) for cell in cells}
            if keys not in ALWAYS_RECORDED:
                found = {id: each for id, each in found.items() if each[1] is not None}
            common = Counter(value for _, value in found.values()).most_common(1)
            others = [(row, value) for row, value in found.values() if value != common[0][0]]
            if others:
                values = ", ".join(dict.fromkeys(str(value) for _, value in others))
                rows = ", ".join(dict.fromkeys(row for row, _ in others))
                verb = "was" if len(others) == 1 else "were"
                remarks.append(
                    f"{len(others)} of {len(found)} cells {verb} trained {how}{where}: {values}, "
                    f"the rest: {common[0][0]}. Rows: {rows}."
                )
    return remarks


def trained_on(ablation: Ablation) -> str:
    """Return `Trained on one instruction set (AVX512, AMD).`, or each with its number of cells, GPUs with their names;
    empty if no cell recorded its own.
    """
    places: Counter[str] = Counter()
    for cell in {cell.id: cell for cell in ablation.cells if cell.result}.values():
        device, capability = part_of(cell, ("device",)), part_of(cell, ("capability",))
        if capability is not None:
            places[capability if device == "cpu" else f"{device}, {capability}"] += 1
    if len(places) < 2:
        return "".join(f"Trained on one instruction set ({only})." for only in places)
    counted = "; ".join(f"{name}: {count} cell{'s' if count > 1 else ''}" for name, count in places.items())
    return f"Trained on {len(places)} instruction sets ({counted})."


def part_of(cell: Cell, keys: tuple[str, ...]) -> Any:
    """A part of a cell's provenance, by its keys; None if it was not recorded."""
    about: Any = cell.found("provenance")
    for key in keys:
        about = (about or {}).get(key)
    return about


def rows_without_effect(block: Block, baseline: str) -> list[str]:
    """Return the rows whose last weights are bit-identical to the baseline's, in every seed that both have finished."""
    reference = weight_hashes(block, baseline)
    found = []
    for row in block.rows:
        own = weight_hashes(block, row)
        common = own.keys() & reference.keys()
        if row != baseline and common and all(own[seed] == reference[seed] for seed in common):
            found.append(row)
    return found


def weight_hashes(block: Block, row: str) -> dict[int, str]:
    """Return seed -> hash of the last weights of a row's finished cells."""
    found = {cell.seed: cell.found("weights").get("last") for cell in block.rows[row]}
    return {seed: value for seed, value in found.items() if value}


def count_environments(ablation: Ablation) -> list[tuple[str, Mapping[str, int]]]:
    """Return fact -> value -> number of finished cells: device, instruction set, host, source and package versions."""
    facts: dict[str, Counter[str]] = {}
    for cell in {cell.id: cell for cell in ablation.cells if cell.result}.values():
        about = cell.found("provenance")
        named = {key: about.get(key) for key in ("device", "capability", "host", "source")}
        for fact, value in {**named, **(about.get("versions") or {})}.items():
            if value is not None:
                facts.setdefault(fact, Counter())[str(value)] += 1
    return list(facts.items())
