"""Self-contained HTML pages, rendered from the templates beside a room's code."""

from jinja2 import Environment, PackageLoader, StrictUndefined


def templates(room: str) -> Environment:
    """Return the templates beside a room's code (`reports`, `audits`); values are escaped unless marked as safe."""
    return Environment(
        loader=PackageLoader(f"dropgrid.{room}", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
