"""The result of an audit, and its page as text or HTML."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dropgrid.files import write_atomically
from dropgrid.pages import templates

WIDTH = 120
HEADS = ("layer", "class", "input", "on", "p", "expected, %", "realised, %", "±", "eval")
LEFT = 3
"""The number of leading columns that hold text; the others hold numbers."""

METHOD = (
    "Realised: of the cells that were not 0 before a layer in train mode, the share that was 0 behind it, on real "
    "batches; ± is one standard error, from independent draws and not from cells. Expected: exact, where the law of "
    "the library's layer is known, for the cells that were counted. Flagged: more than 5 standard errors apart; never "
    "run; the identity in train mode, or not in eval mode; a block larger than its map; a probability that stays while "
    "its schedule is advanced."
)


@dataclass(frozen=True)
class Layer:
    """One drop layer: fractions in [0, 1], of the cells that were not 0 before.

    `nominal` is the mean of the layer's own probability, `levels` its first and last value. `expected` is exact if the
    law of the library's layer is known. Unknown values are None. `flags` are errors, `notes` are remarks.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    calls: int
    levels: tuple[float | None, float | None]
    nominal: float | None
    expected: float | None
    realised: float | None
    stderr: float | None
    clamped: bool
    identity_in_train: bool | None
    identity_in_eval: bool | None
    flags: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def on(self) -> bool:
        """Predicate: the layer changed its input in train mode."""
        return self.calls > 0 and self.identity_in_train is False


@dataclass(frozen=True)
class Audit:
    """The drop layers of a network, in order, calls of functions that drop, and the counts of batches and examples."""

    model: str
    layers: tuple[Layer, ...]
    functions: tuple[tuple[str, float, int], ...]
    batches: int
    examples: int
    notes: tuple[str, ...] = ()
    """Remarks on the network itself."""

    @property
    def flags(self) -> list[str]:
        """All flags, each with its layer's name."""
        return [f"{layer.name}: {flag}" for layer in self.layers for flag in layer.flags]

    @property
    def verdict(self) -> str:
        """A summary in one line."""
        on = sum(layer.on for layer in self.layers)
        unclear = sum(layer.identity_in_train is None for layer in self.layers)
        if not on and not self.functions and not unclear:
            return "Nothing drops in this network in training." if self.layers else "This network has no drop layer."
        beside = f", and {len(self.functions)} kinds of calls drop beside layers" if self.functions else ""
        wrong = sum(bool(layer.flags) for layer in self.layers)
        judged = f"{wrong} flagged" if wrong else "none is flagged"
        inconclusive = f" and {unclear} inconclusive" if unclear else ""
        return f"{on} of {len(self.layers)} drop layers are on{inconclusive}{beside}; {judged}."

    @property
    def text(self) -> str:
        """The page as text."""
        return as_text(self)

    @property
    def html(self) -> str:
        """The page as one HTML file."""
        return as_html(self)

    def write(self, path: str | Path) -> Path:
        """Write the page: HTML if the name ends in .html or .htm, else text."""
        path = Path(path)
        content = self.html if path.suffix in (".html", ".htm") else self.text
        write_atomically(path, lambda beside: beside.write_text(content, encoding="utf-8"))
        return path

    def __str__(self) -> str:
        return self.text


def table_row(layer: Layer) -> list[str]:
    """Return a layer's row of the table."""
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
        percent(layer.expected),
        percent(layer.realised),
        percent(layer.stderr),
        still,
    ]


def percent(value: float | None) -> str:
    """Return a fraction in percent, with two digits."""
    return "–" if value is None else f"{100 * value:.2f}"


def summary_line(audit: Audit) -> str:
    """Return the model and the counts of batches and examples."""
    return f"{audit.model}, {audit.batches} batches, {audit.examples} examples"


def function_lines(audit: Audit) -> list[str]:
    """Return a line for each function that drops outside of drop layers."""
    return [
        f"{name} at p = {rate:g}, outside of any drop layer: {count} calls" for name, rate, count in audit.functions
    ]


def note_lines(audit: Audit) -> list[str]:
    """Return the notes, each once, with the layers that it concerns."""
    about: dict[str, list[str]] = {}
    for layer in audit.layers:
        for note in layer.notes:
            about.setdefault(note, []).append(layer.name)
    return [*audit.notes, *(f"{shortened(names)}: {note}" for note, names in about.items())]


def shortened(names: Sequence[str]) -> str:
    """Return the names, or the first few and how many more."""
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} more"


def as_text(audit: Audit) -> str:
    """Return the page as text."""
    rows = [list(HEADS), *map(table_row, audit.layers)]
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
    remarks = [*flagged, *(f"- {each}" for each in [*function_lines(audit), *note_lines(audit)])]
    parts = ["Drop-rate audit", summary_line(audit), "", audit.verdict, "", *table, *([""] if table else []), *remarks]
    return "\n".join(each.rstrip() for each in [*parts, "", *textwrap.wrap(METHOD, WIDTH)]) + "\n"


def as_html(audit: Audit) -> str:
    """Return the page as one HTML file without scripts and addresses; names from the model are escaped."""
    page = templates("audits").get_template("page.html.j2")
    return page.render(
        audit=audit,
        seen=summary_line(audit),
        heads=HEADS,
        left=LEFT,
        lines=[(layer, table_row(layer)) for layer in audit.layers],
        functions=function_lines(audit),
        notes=note_lines(audit),
        method=METHOD,
    )
