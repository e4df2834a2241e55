"""The fractions that the sites of a row dropped, or moved by noise, over its seeds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dropgrid.store.cell import Cell
from dropgrid.treatment import DROPPED, MOVED, UNEQUAL, as_percent, counted_event, strayed

LISTED = 9
"""The most rows whose doses a note lists; for more it names the lowest and highest."""


@dataclass(frozen=True)
class Site:
    """One site of a row, over its finished seeds: fractions are means over them, in [0, 1].

    `counts` is the counted event: `dropped`, for Gaussian noise `moved by over 1 σ` (then `nominal` is σ), or another.
    `stderr` is the standard error of the mean realised fraction, √(Σ seᵢ²) / n. A site is flagged if any seed flags it,
    or if the means are more than 5 standard errors apart, which detects smaller errors; it is clamped if any seed's is.
    `finding` is what an audit says of it in words.
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
    finding: str = ""

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
        """Whether it fails the drop-rate check, in a cell or over all seeds."""
        return self.flagged_in_a_cell or strayed(self.realised, self.expected, self.stderr)

    @property
    def errors(self) -> float | None:
        """(realised - expected) in standard errors; None if nothing ran or nothing is random."""
        return (self.realised - self.expected) / self.stderr if self.realised is not None and self.stderr > 0 else None


def pooled_sites(row: str, cells: Sequence[Cell]) -> list[Site]:
    """Return the sites of a row's finished cells, in the order of the network."""
    lines: dict[str, list[Mapping[str, Any]]] = {}
    for cell in cells:
        for line in cell.sites:
            lines.setdefault(str(line["site"]), []).append(line)
    return [pool_site(row, site, found) for site, found in lines.items()]


def pool_site(row: str, site: str, lines: Sequence[Mapping[str, Any]]) -> Site:
    """Return one site, pooled over its entries of several seeds."""
    first, n = lines[0], len(lines)
    realised = [line["realised"] for line in lines if line.get("realised") is not None]
    return Site(
        row=row,
        site=site,
        kind=first.get("kind") or "",
        counts=counted_event(first),
        shape=tuple(first.get("shape") or ()),
        schedule=first.get("schedule") or "",
        nominal=math.fsum(line["nominal"] for line in lines) / n,
        expected=math.fsum(line["expected"] for line in lines) / n,
        realised=math.fsum(realised) / len(realised) if realised else None,
        stderr=math.sqrt(math.fsum((line.get("stderr") or 0) ** 2 for line in lines)) / n,
        clamped=any(line.get("clamped") for line in lines),
        flagged_in_a_cell=any(line.get("flagged") for line in lines),
        finding=next((line["finding"] for line in lines if line.get("finding")), ""),
    )


def counted_events(found: Sequence[Site]) -> list[str]:
    """Return the events that some sites count, `dropped` first."""
    return sorted({site.counts for site in found}, key=lambda each: (each != DROPPED, each))


def matched_doses(about: Mapping[str, Any]) -> list[str]:
    """Return what `ablation.match` solved before training, from a plan's or an ablation's `about`."""
    found = about.get("matched") or []
    several = len({str(each["factors"]) for each in found}) > 1
    parts = []
    for each in found:
        factors = ", ".join(f"{key}={value}" for key, value in each["factors"].items())
        where = f" ({factors})" if several else ""
        parts.append(f"“{each['row']}”{where} {each['override']}, expected {as_percent(each['dose'])}")
    return [f"Doses matched before training: {'; '.join(parts)}."] if found else []


MATCHED = "; +ablation.match.dose=NUMBER trains them at one dose"
"""What a user may do about unequal doses, where the rates are ours to solve."""


def unequal_doses(doses: Mapping[str, float | None], block: str, advice: str = MATCHED) -> list[str]:
    """Return a warning if the doses of a block's rows differ by more than a factor of 1.5, with advice."""
    dosed = sorted((dose, name) for name, dose in doses.items() if dose)
    if not dosed or dosed[-1][0] <= UNEQUAL * dosed[0][0]:
        return []
    shown = dosed if len(dosed) <= LISTED else [dosed[0], dosed[-1]]
    each = [f"“{name}” {as_percent(dose)}" for dose, name in shown]
    listed = ", ".join(each) if shown is dosed else f"{len(dosed)} rows from {' to '.join(each)}"
    return [
        f"Doses differ by more than a factor of {UNEQUAL:g}{f' at {block}' if block else ''}: {listed}. Between these "
        f"rows a difference may be one of dose{advice}."
    ]
