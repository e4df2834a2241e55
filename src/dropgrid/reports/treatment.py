"""The fractions that the sites of a row really dropped, or moved by noise, over its seeds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dropgrid.store.cell import Cell, counts
from dropgrid.treatment import DROPPED, MOVED, strayed


@dataclass(frozen=True)
class Site:
    """One site of a row over its finished seeds: fractions are means over them, in [0, 1].

    `counts` says of what: `dropped`, of Gaussian noise `moved by over 1 σ`, where `nominal` is σ, no fraction, or else.
    `stderr` is the standard error of the mean realised fraction, √(Σ seᵢ²) / n. Flagged: in any seed, or more than 5
    of these apart; many seeds see what one cannot. Clamped: in any seed.
    """

    row: str
    site: str
    kind: str
    counts: str
    shape: tuple[int, ...]
    schedule: str
    nominal: float
    expected: float
    realised: float | None
    stderr: float
    clamped: bool
    flagged_in_a_cell: bool

    @property
    def drops(self) -> bool:
        """Whether it drops."""
        return self.counts == DROPPED

    @property
    def noisy(self) -> bool:
        """Whether it adds Gaussian noise."""
        return self.counts == MOVED

    @property
    def flagged(self) -> bool:
        """Whether the site did not do what it should have."""
        return self.flagged_in_a_cell or strayed(self.realised, self.expected, self.stderr)

    @property
    def errors(self) -> float | None:
        """How many standard errors realised and expected are apart; None if nothing ran or nothing is random."""
        return (self.realised - self.expected) / self.stderr if self.realised is not None and self.stderr > 0 else None


def sites(row: str, cells: Sequence[Cell]) -> list[Site]:
    """The sites of a row's finished cells, in the order of the network."""
    lines: dict[str, list[Mapping[str, Any]]] = {}
    for cell in cells:
        for line in cell.sites:
            lines.setdefault(str(line["site"]), []).append(line)
    return [pooled(row, site, found) for site, found in lines.items()]


def pooled(row: str, site: str, lines: Sequence[Mapping[str, Any]]) -> Site:
    """One site's lines of several seeds as one."""
    first, n = lines[0], len(lines)
    realised = [line["realised"] for line in lines if line.get("realised") is not None]
    return Site(
        row=row,
        site=site,
        kind=first.get("kind") or "",
        counts=counts(first),
        shape=tuple(first.get("shape") or ()),
        schedule=first.get("schedule") or "",
        nominal=math.fsum(line["nominal"] for line in lines) / n,
        expected=math.fsum(line["expected"] for line in lines) / n,
        realised=math.fsum(realised) / len(realised) if realised else None,
        stderr=math.sqrt(math.fsum((line.get("stderr") or 0) ** 2 for line in lines)) / n,
        clamped=any(line.get("clamped") for line in lines),
        flagged_in_a_cell=any(line.get("flagged") for line in lines),
    )


def counted(found: Sequence[Site]) -> list[str]:
    """The things that some sites count, `dropped` first."""
    return sorted({site.counts for site in found}, key=lambda each: (each != DROPPED, each))
