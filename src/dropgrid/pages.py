"""Self-contained HTML pages, rendered from the templates beside a room's code."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from dropgrid.printable import printable


def templates(room: str) -> Environment:
    """Return the templates beside a room's code (`reports`, `audits`).

    Values are `printable`, and escaped, unless marked as safe.
    """
    return Environment(
        finalize=lambda value: printable(value) if type(value) is str else value,
        loader=PackageLoader(f"dropgrid.{room}", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
