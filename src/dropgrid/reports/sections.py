"""The small tables below the table, for what an ablation asks besides its rows."""

from dropgrid.reports.questions import (
    section_contrasts,
    section_ensembles,
    section_smoothness,
    section_spreads,
    section_targets,
)
from dropgrid.reports.section import Section
from dropgrid.reports.table import Table

KINDS = (section_contrasts, section_ensembles, section_targets, section_spreads, section_smoothness)

BRIEF = (section_contrasts, section_targets)
"""Those that are shown in a terminal and in LaTeX too."""


def brief(table: Table) -> list[Section]:
    """The brief ones that this table has something to say in."""
    return [found for kind in BRIEF if (found := kind.section(table)) is not None]


def sections(table: Table) -> list[Section]:
    """Those that this table has something to say in."""
    return [found for kind in KINDS if (found := kind.section(table)) is not None]
