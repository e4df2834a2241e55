"""The result of an audit, one row per drop layer and graded findings, and its page as text or HTML."""

import dataclasses
import json
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dropgrid.files import write_atomically
from dropgrid.json_output import finite_or_none
from dropgrid.pages import templates

WIDTH = 120
HEADS = (
    *("grade", "layer", "class", "input", "mask per"),
    *("on", "p", "expected, %", "realised, %", "±", "out/in", "eval"),
)
LEFT = 5
"""The number of leading columns that hold text; the others hold numbers."""

METHOD = (
    "Realised: of the elements that were not 0 before a layer in train mode, the fraction that was 0 behind it, on "
    "real batches (on ones, if those were 0); ± is one standard error, from independent draws and not from elements. "
    "Expected: exact, if the law of the layer is known, for the elements that were counted. Out/in: the mean output "
    "in train mode for ones. Grade: the worst finding. A finding that could be chance is reported if fewer than one "
    "in a million tests gives one as extreme."
)

GRADES = ("error", "warning", "note")
"""How serious a finding is: certainly not what was configured; probably not what is wanted; good to know."""


@dataclass(frozen=True)
class Finding:
    """One statement about a layer (`about` is its name) or the network (`about` is empty); `grade` is in `GRADES`.

    What could not be determined is a note that begins with "inconclusive".
    """

    grade: str
    about: str
    message: str

    def __str__(self) -> str:
        return f"{self.about}: {self.message}" if self.about else self.message


@dataclass(frozen=True)
class Layer:
    """One drop layer, or one line of code that calls a function which drops. Unknown values are None.

    Fractions are in [0, 1]. `nominal` is the mean of the layer's own probability, `levels` its first and last value.
    `realised` is the fraction dropped of the cells that were not 0 before; `expected` is exact, if the layer's law is
    known. `unit` is what one draw decides, `scale` is E[output] / E[input] in train mode, on ones. `on`: it changes
    its input in train mode. `in_eval` is `identity`, `fixed` (changed, but not at random) or `random`.
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
    unit: str
    scale: float | None
    on: bool | None
    in_eval: str | None


@dataclass(frozen=True)
class Audit:
    """The drop layers of a network in order, what was found, most serious first, and how much data was passed."""

    model: str
    layers: tuple[Layer, ...]
    findings: tuple[Finding, ...]
    batches: int
    examples: int

    def graded(self, grade: str) -> list[Finding]:
        """Return the findings of a grade: `error`, `warning` or `note`."""
        if grade not in GRADES:
            raise ValueError(f"grade must be one of {', '.join(GRADES)}, got {grade!r}")
        return [each for each in self.findings if each.grade == grade]

    def worst(self, name: str) -> str | None:
        """Return the most serious grade of the findings about a layer; None if there are none."""
        return next((each.grade for each in self.findings if each.about == name), None)

    @property
    def verdict(self) -> str:
        """A summary in one line."""
        counts = [count_noun(len(self.graded(grade)), grade) for grade in GRADES]
        unclear = sum(layer.on is None for layer in self.layers)
        on = sum(layer.on is True for layer in self.layers)
        inconclusive = f", {unclear} inconclusive" if unclear else ""
        what = f"{on} of {count_noun(len(self.layers), 'drop layer')} on{inconclusive}"
        if not self.layers:
            what = "no drop layer was found"
        elif not on and not unclear:
            what = "nothing drops in training"
        return f"{what[0].upper()}{what[1:]}: {', '.join(counts)}."

    @property
    def text(self) -> str:
        """The page as text."""
        return as_text(self)

    @property
    def html(self) -> str:
        """The page as one HTML file."""
        return as_html(self)

    @property
    def json(self) -> str:
        """All fields as JSON; a value that is not a finite number is null."""
        return json.dumps(
            {"verdict": self.verdict, **finite_or_none(dataclasses.asdict(self))}, indent=1, ensure_ascii=False
        )

    def write(self, path: str | Path) -> Path:
        """Write the page: HTML if the name ends in .html or .htm, JSON if in .json, else text."""
        path = Path(path)
        content = {".html": "html", ".htm": "html", ".json": "json"}.get(path.suffix, "text")
        write_atomically(path, lambda file: file.write(getattr(self, content).encode()))
        return path

    def __str__(self) -> str:
        return self.text


def count_noun(number: int, thing: str) -> str:
    """Return a number with its noun: `1 error`, `2 errors`, `no errors`."""
    return f"{number or 'no'} {thing}{'' if number == 1 else 's'}"


def table_row(audit: Audit, layer: Layer) -> list[str]:
    """Return a layer's row of the table."""
    first, last = (None if each is None else f"{each:.4g}" for each in layer.levels)
    rate = "–" if first is None else first if first == last else f"{first} → {last}"
    return [
        audit.worst(layer.name) or "–",
        layer.name,
        f"{layer.kind.partition('.')[0]}.{layer.kind.rpartition('.')[2]}",
        "×".join(map(str, layer.shape[1:])) or "–",
        layer.unit or "–",
        {True: "yes", False: "no", None: "–"}[layer.on],
        rate,
        format_percent(layer.expected),
        format_percent(layer.realised),
        format_percent(layer.stderr),
        "–" if layer.scale is None else f"{layer.scale:.3f}",
        layer.in_eval or "–",
    ]


def format_percent(value: float | None) -> str:
    """Return a fraction in percent, with two digits."""
    return "–" if value is None else f"{100 * value:.2f}"


def summary_line(audit: Audit) -> str:
    """Return the model and the counts of batches and examples."""
    return f"{audit.model}, {audit.batches} batches, {audit.examples} examples"


def finding_lines(audit: Audit) -> list[tuple[str, str]]:
    """Return (grade, statement), each statement once, with the layers that it concerns."""
    about: dict[tuple[str, str], list[str]] = {}
    for each in audit.findings:
        about.setdefault((each.grade, each.message), []).append(each.about)
    return [
        (grade, f"{shorten_list(names)}: {message}" if names[0] else message)
        for (grade, message), names in about.items()
    ]


def as_text(audit: Audit) -> str:
    """Return the page as text."""
    rows = [list(HEADS), *(table_row(audit, layer) for layer in audit.layers)]
    sizes = [max(len(row[i]) for row in rows) for i in range(len(HEADS))]
    padded = [
        "  ".join(
            cell.ljust(size) if i < LEFT else cell.rjust(size)
            for i, (cell, size) in enumerate(zip(row, sizes, strict=True))
        )
        for row in rows
    ]
    table = [padded[0], "-" * len(padded[0]), *padded[1:], ""] if audit.layers else []
    found = [f"{grade:<7}  {statement}" for grade, statement in finding_lines(audit)]
    parts = ["Drop-rate audit", summary_line(audit), "", audit.verdict, "", *table, *found]
    return "\n".join(each.rstrip() for each in [*parts, "", *textwrap.wrap(METHOD, WIDTH)]) + "\n"


def as_html(audit: Audit) -> str:
    """Return the page as one HTML file without scripts and addresses; names from the model are escaped."""
    return (
        templates("audits")
        .get_template("page.html.j2")
        .render(
            audit=audit,
            seen=summary_line(audit),
            heads=HEADS,
            left=LEFT,
            lines=[(audit.worst(layer.name), table_row(audit, layer)) for layer in audit.layers],
            findings=finding_lines(audit),
            method=METHOD,
        )
    )


def shorten_list(names: Sequence[str]) -> str:
    """Return the names, or the first few and how many more."""
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} more"
