"""Finished cells → statistics → tables, figures, page; `load` gives an ablation as a DataFrame."""

from dropgrid.reports.cells import load

__all__ = ["load"]
