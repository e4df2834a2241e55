"""report.html: an ablation on one self-contained page."""

import base64
from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup

from dropgrid.pages import templates
from dropgrid.paths import tilde
from dropgrid.reports import provenance
from dropgrid.reports.columns import (
    MINUS,
    NOTHING,
    Column,
    evaluation_lines,
    format_interquartile,
    format_interval,
    format_number,
    format_outperforms,
    format_signed,
    format_verdict,
    separate_evaluations,
    table_columns,
)
from dropgrid.reports.comparability import covered_key, own_overrides, row_differences
from dropgrid.reports.comparisons import NATS, shown_value
from dropgrid.reports.figure_index import figure_captions
from dropgrid.reports.footnotes import claim_notes, table_notes
from dropgrid.reports.question import question_sections
from dropgrid.reports.table import Row, Table
from dropgrid.reports.treatment import Site, counted_events
from dropgrid.store.ablation import Block
from dropgrid.store.cell import Cell
from dropgrid.store.config_difference import MISSING
from dropgrid.treatment import DROPPED, MOVED, STANDARD_ERRORS

FACTS = ("claim", "source", "cost", "protocol", "scale")


def render(table: Table, images: Mapping[str, bytes]) -> str:
    """Return the page as HTML: images and script inlined, no addresses, the same bytes for the same cells."""
    environment = templates("reports.formats")
    environment.filters |= {
        "share": format_share,
        "nominal": format_nominal,
        "value": format_config_value,
        "metric": format_row_metric,
        "number": format_number,
    }
    environment.filters |= {"signed": text_or_dash(format_signed), "interval": text_or_dash(format_interval)}
    ablation, stated = table.ablation, claim_notes(table)
    caption = figure_captions(ablation.task)
    page = environment.get_template("page.html.j2").render(
        table=table,
        task=ablation.task,
        about=ablation.about,
        facts=[(key.capitalize(), ablation.about[key]) for key in FACTS if ablation.about.get(key)],
        columns=page_columns(table),
        claims=stated,
        notes=table_notes(table)[len(stated) :],
        row_class=row_class,
        has_differences=any(row.difference for row in table.rows),
        sections=question_sections(table),
        measured=separate_evaluations(table.rows),
        lines_of=evaluation_lines,
        figures=[
            (name, caption.get(name.removesuffix(".png"), name), data_url(content)) for name, content in images.items()
        ],
        metrics=list(dict.fromkeys(name for row in table.rows for name in row.metrics)),
        differences=[
            (block, row_settings(block), row_differences(block, ablation.baseline)) for block, _ in table.blocks
        ],
        shown=lambda cell: format_row_metric(shown_value(cell, ablation.metric)),
        unfinished=[cell for cell in ablation.cells if cell.status != "finished"],
        finished=sum(cell.status == "finished" for cell in ablation.cells),
        seconds=sum(cell_seconds(cell) for cell in {cell.id: cell for cell in ablation.cells}.values()),
        sites=[site for row in table.rows for site in row.sites],
        dropped=DROPPED,
        moved=MOVED,
        standard_errors=STANDARD_ERRORS,
        counted=counted_events([site for row in table.rows for site in row.sites]),
        flagged_sites=sum(len(row.flagged) for row in table.rows),
        environment=provenance.count_environments(ablation),
        nothing=NOTHING,
    )
    return tilde(page)


def page_columns(table: Table) -> list[Column]:
    """Return the table's columns; after the verdict what is robust: seeds above the baseline, interquartile mean."""
    found, more = table_columns(table), []
    if any(row.outperforms for row in table.rows):
        more.append(Column("Seeds above baseline", "% [95 % CI]", format_outperforms))
    if any(row.iqm for row in table.rows):
        more.append(Column("Interquartile mean of differences", "[95 % CI]", format_interquartile))
    after = next(index for index, column in enumerate(found) if column.text is format_verdict) + 1
    return [*found[:after], *more, *found[after:]]


def text_or_dash(text: Callable[[Any], str]) -> Callable[[Any], str]:
    """Return a format function that gives a dash for None."""
    return lambda value: NOTHING if value is None else text(value)


def data_url(png: bytes) -> Markup:
    """Return an image as a data URL."""
    return Markup("data:image/png;base64,") + Markup(base64.b64encode(png).decode())


def row_class(row: Row) -> str:
    """Return the CSS class of a row."""
    named = {True: "above", False: "below", None: ""}
    return "baseline" if row.baseline else "withheld" if row.withheld else named[row.improves]


def row_settings(block: Block) -> dict[str, list[str]]:
    """Return row -> its overrides, without those of all rows and the seed."""
    found = own_overrides(block)
    return {row: [text for text in texts if covered_key(text) != "seed"] for row, texts in found.items()}


def cell_seconds(cell: Cell) -> float:
    """Return the seconds that a finished cell took."""
    return cell.found("timing").get("total_seconds") or 0.0


def format_config_value(any_value: Any) -> str:
    """Return a config's value as in YAML."""
    if any_value is MISSING:
        return NOTHING
    return "null" if any_value is None else str(any_value).lower() if isinstance(any_value, bool) else str(any_value)


def format_share(fraction: float | None) -> str:
    """Return a fraction in percent, with three decimals: the difference of expected and realised is small."""
    return NOTHING if fraction is None else f"{100 * fraction:.3f}".replace("-", MINUS)


def format_nominal(site: Site) -> str:
    """Return a site's setting: a share in percent, or the standard deviation of noise."""
    return f"σ = {site.nominal:.4g}" if site.noisy else format_share(site.nominal)


def format_row_metric(found: float | None, name: str = "") -> str:
    """Return a metric: two decimals in percent, three in nats."""
    return NOTHING if found is None else f"{found:.3f}" if name in NATS else f"{found:.2f}"
