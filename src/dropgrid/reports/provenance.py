"""The devices and code versions that trained the cells, and what the reader must know of them."""

from collections import Counter
from collections.abc import Mapping

from dropgrid.store.ablation import Ablation, Block


def mixed(ablation: Ablation) -> list[str]:
    """A remark for each block whose finished cells were trained on several devices or by several code versions."""
    remarks = []
    for block in ablation.blocks:
        where = f" ({block.label})" if block.factors else ""
        for key, how in (("device", "on another device"), ("source", "by a different version of the code")):
            found = {cell.id: (cell.row, cell.found("provenance").get(key)) for cell in block.cells if cell.result}
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


def without_effect(block: Block, baseline: str) -> list[str]:
    """The rows whose last weights are the baseline's, bit for bit, in every seed that both have finished."""
    reference = weights(block, baseline)
    found = []
    for row in block.rows:
        own = weights(block, row)
        common = own.keys() & reference.keys()
        if row != baseline and common and all(own[seed] == reference[seed] for seed in common):
            found.append(row)
    return found


def weights(block: Block, row: str) -> dict[int, str]:
    """Seed -> hash of the last weights of a row's finished cells."""
    found = {cell.seed: cell.found("weights").get("last") for cell in block.rows[row]}
    return {seed: value for seed, value in found.items() if value}


def environment(ablation: Ablation) -> list[tuple[str, Mapping[str, int]]]:
    """Fact -> value -> how many finished cells: device, source, host, and each package's version."""
    facts: dict[str, Counter[str]] = {}
    for cell in {cell.id: cell for cell in ablation.cells if cell.result}.values():
        about = cell.found("provenance")
        named = {"device": about.get("device"), "host": about.get("host"), "source": about.get("source")}
        for fact, value in {**named, **(about.get("versions") or {})}.items():
            if value is not None:
                facts.setdefault(fact, Counter())[str(value)] += 1
    return list(facts.items())
