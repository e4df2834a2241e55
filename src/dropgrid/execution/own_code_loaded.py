"""Imported by the process that cells are forks of, after modules of one's own: their files are read as
they were loaded.

What a cell then records is the code that trains it, whatever becomes of the files meanwhile.
"""

from dropgrid.store.own_code import LOADED

LOADED.read_loaded()
