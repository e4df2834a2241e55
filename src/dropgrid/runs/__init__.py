"""What a cell is; `load_cell` gives the network of a finished one."""

from dropgrid.runs.load import load_cell

__all__ = ["load_cell"]
