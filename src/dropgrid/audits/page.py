"""An audit as one page, of text or of HTML."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dropgrid.pages import templates

if TYPE_CHECKING:
    from dropgrid.audits.audit import Audit, Layer

WIDTH = 120
HEADS = ("layer", "class", "input", "on", "p", "expected, %", "realised, %", "±", "eval")
LEFT = 3
"""Columns of text, the others of numbers."""

METHOD = (
    "Realised: of the cells that were not 0 before a layer in train mode, the share that was 0 behind it, on real "
    "batches; ± is one standard error, from independent draws and not from cells. Expected: exact, where the law of "
    "the library's layer is known, for the cells that were counted. Flagged: more than 5 standard errors apart; never "
    "run; the identity in train mode, or not in eval mode; a block larger than its map; a probability that stays while "
    "its schedule is advanced."
)


def line(layer: "Layer") -> list[str]:
    """A layer's cells of the table."""
    first, last = (None if each is None else f"{each:.4g}" for each in layer.levels)
    rate = "–" if first is None else first if first == last else f"{first} → {last}"
    still = {True: "identity", False: "random", None: "–"}[layer.identity_in_eval]
    shape = "×".join(map(str, layer.shape[1:])) or "–"
    on = "–" if layer.identity_in_train is None else "yes" if layer.on else "no"
    return [
        layer.name,
        f"{layer.kind.partition('.')[0]}.{layer.kind.rpartition('.')[2]}",
        shape,
        on,
        rate,
        share(layer.expected),
        share(layer.realised),
        share(layer.stderr),
        still,
    ]


def share(value: float | None) -> str:
    """Percent with two digits."""
    return "–" if value is None else f"{100 * value:.2f}"


def seen(audit: "Audit") -> str:
    """What was looked at."""
    return f"{audit.model}, {audit.batches} batches, {audit.examples} examples"


def functions(audit: "Audit") -> list[str]:
    """What drops beside layers, a line each."""
    return [
        f"{name} at p = {rate:g}, outside of any drop layer: {count} calls" for name, rate, count in audit.functions
    ]


def notes(audit: "Audit") -> list[str]:
    """What should be known, each once with the layers that it is about."""
    about: dict[str, list[str]] = {}
    for layer in audit.layers:
        for note in layer.notes:
            about.setdefault(note, []).append(layer.name)
    return [*audit.notes, *(f"{shortened(names)}: {note}" for note, names in about.items())]


def shortened(names: Sequence[str]) -> str:
    """The first few of many."""
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} more"


def text(audit: "Audit") -> str:
    """The page as plain text."""
    rows = [list(HEADS), *map(line, audit.layers)]
    sizes = [max(len(row[i]) for row in rows) for i in range(len(HEADS))]
    padded = [
        "  ".join(
            cell.ljust(size) if i < LEFT else cell.rjust(size)
            for i, (cell, size) in enumerate(zip(row, sizes, strict=True))
        )
        for row in rows
    ]
    table = [padded[0], "-" * len(padded[0]), *padded[1:]] if audit.layers else []
    flagged = [f"! {flag}" for flag in audit.flags]
    told = [*flagged, *(f"- {each}" for each in [*functions(audit), *notes(audit)])]
    parts = ["Treatment audit", seen(audit), "", audit.verdict, "", *table, *([""] if table else []), *told]
    return "\n".join(each.rstrip() for each in [*parts, "", *textwrap.wrap(METHOD, WIDTH)]) + "\n"


def html(audit: "Audit") -> str:
    """The page as one file: no script, no address; whatever came from the model is escaped."""
    page = templates("audits").get_template("page.html.j2")
    return page.render(
        audit=audit,
        seen=seen(audit),
        heads=HEADS,
        left=LEFT,
        lines=[(layer, line(layer)) for layer in audit.layers],
        functions=functions(audit),
        notes=notes(audit),
        method=METHOD,
    )
