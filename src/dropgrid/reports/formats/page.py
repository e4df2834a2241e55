"""report.html: everything about an ablation on one page that needs nothing else."""

import base64
from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup

from dropgrid.pages import templates
from dropgrid.paths import tilde
from dropgrid.reports import provenance
from dropgrid.reports.columns import MINUS, NOTHING, columns, interval, lines_of, number, separate_evaluations, signed
from dropgrid.reports.comparability import covered_key, own_overrides, row_differences
from dropgrid.reports.figure_index import captions
from dropgrid.reports.footnotes import claims, notes
from dropgrid.reports.question import sections
from dropgrid.reports.table import NATS, Row, Table
from dropgrid.reports.treatment import Site, counted
from dropgrid.statistics.samples import ABOVE, BELOW
from dropgrid.store.ablation import Block
from dropgrid.store.cell import Cell
from dropgrid.store.config_difference import MISSING
from dropgrid.treatment import DROPPED, MOVED, STANDARD_ERRORS

FACTS = ("claim", "cost", "protocol", "scale")


def render(table: Table, images: Mapping[str, bytes]) -> str:
    """The page as HTML: images and script inlined, no address, the same bytes for the same cells."""
    environment = templates("reports.formats")
    environment.filters |= {"share": share, "nominal": nominal, "value": value, "metric": metric, "number": number}
    environment.filters |= {"signed": or_nothing(signed), "interval": or_nothing(interval)}
    ablation, stated = table.ablation, claims(table)
    caption = captions(ablation.task)
    page = environment.get_template("page.html.j2").render(
        table=table,
        task=ablation.task,
        about=ablation.about,
        facts=[(key.capitalize(), ablation.about[key]) for key in FACTS if ablation.about.get(key)],
        columns=columns(table),
        claims=stated,
        notes=notes(table)[len(stated) :],
        row_class=row_class,
        has_differences=any(row.difference for row in table.rows),
        sections=sections(table),
        measured=separate_evaluations(table.rows),
        lines_of=lines_of,
        figures=[
            (name, caption.get(name.removesuffix(".png"), name), inline(content)) for name, content in images.items()
        ],
        metrics=list(dict.fromkeys(name for row in table.rows for name in row.metrics)),
        differences=[(block, settings(block), row_differences(block, ablation.baseline)) for block, _ in table.blocks],
        shown=lambda cell: metric(None if (found := cell.value(ablation.metric)) is None else 100 * found),
        unfinished=[cell for cell in ablation.cells if cell.status != "finished"],
        finished=sum(cell.status == "finished" for cell in ablation.cells),
        seconds=sum(seconds(cell) for cell in {cell.id: cell for cell in ablation.cells}.values()),
        sites=[site for row in table.rows for site in row.sites],
        dropped=DROPPED,
        moved=MOVED,
        standard_errors=STANDARD_ERRORS,
        counted=counted([site for row in table.rows for site in row.sites]),
        flagged_sites=sum(len(row.flagged) for row in table.rows),
        environment=provenance.environment(ablation),
        nothing=NOTHING,
    )
    return tilde(page)


def or_nothing(text: Callable[[Any], str]) -> Callable[[Any], str]:
    """A format that shows None too."""
    return lambda value: NOTHING if value is None else text(value)


def inline(png: bytes) -> Markup:
    """An image as a data address."""
    return Markup("data:image/png;base64,") + Markup(base64.b64encode(png).decode())


def row_class(row: Row) -> str:
    """The CSS class of a line of the table."""
    named = {ABOVE: "above", BELOW: "below"}
    return "baseline" if row.baseline else "withheld" if row.withheld else named.get(row.verdict or "", "")


def settings(block: Block) -> dict[str, list[str]]:
    """Row -> the overrides that make it what it is: not those of all rows, nor the seed."""
    found = own_overrides(block)
    return {row: [text for text in texts if covered_key(text) != "seed"] for row, texts in found.items()}


def seconds(cell: Cell) -> float:
    """The seconds that a finished cell took."""
    return cell.found("timing").get("total_seconds") or 0.0


def value(any_value: Any) -> str:
    """A config's value as YAML's reader would write it."""
    if any_value is MISSING:
        return NOTHING
    return "null" if any_value is None else str(any_value).lower() if isinstance(any_value, bool) else str(any_value)


def share(fraction: float | None) -> str:
    """A fraction in percent, three decimals: what separates expected from realised."""
    return NOTHING if fraction is None else f"{100 * fraction:.3f}".replace("-", MINUS)


def nominal(site: Site) -> str:
    """What was set at a site: a share in percent, or the standard deviation of noise."""
    return f"σ = {site.nominal:.4g}" if site.noisy else share(site.nominal)


def metric(found: float | None, name: str = "") -> str:
    """A metric of the table: two decimals in percent, three in nats."""
    return NOTHING if found is None else f"{found:.3f}" if name in NATS else f"{found:.2f}"
