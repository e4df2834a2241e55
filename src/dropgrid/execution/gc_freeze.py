"""Imported last by the process that cells are forks of: what is loaded by then is left alone by the collector.

A collection in a cell's process would otherwise visit, and by that copy, every page the cells share: 0.3 s each.
"""

import atexit
import gc

gc.collect()
gc.freeze()
atexit.register(gc.unfreeze)  # extensions look for what was not freed when the process ends, and would complain
