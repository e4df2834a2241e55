"""What a cell is. `dropgrid.runs.load_cell(id)` is the network of a finished one; asking for it imports torch."""

from typing import Any


def __getattr__(name: str) -> Any:
    if name == "load_cell":
        from dropgrid.runs.load import load_cell

        return load_cell
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
