"""HTML pages that are one file: made from a room's own template."""

from jinja2 import Environment, PackageLoader, StrictUndefined


def templates(room: str) -> Environment:
    """The templates beside a room's code (`reports`, `audits`); what is put into them is escaped, or known to be."""
    return Environment(
        loader=PackageLoader(f"dropgrid.{room}", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
