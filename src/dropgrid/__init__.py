"""Ablations of network training, from DropBlock outwards. Names are imported when asked for: none needs torch before.

`dropgrid.audit` measures what the drop layers of any network really drop; `dropgrid.compare` judges results that were
trained elsewhere; `dropgrid.load` reads an ablation as a DataFrame; `dropgrid.load_cell` rebuilds the network of a
finished cell; `dropgrid.build_model` builds that of a config.
"""

from importlib import import_module
from typing import Any

PUBLIC = {
    "DropBlock1d": "dropgrid.regularizers.dropblock_nd",
    "DropBlock2d": "dropgrid.regularizers.dropblock",
    "DropBlock3d": "dropgrid.regularizers.dropblock_nd",
    "DropSchedule": "dropgrid.callbacks.schedule",
    "audit": "dropgrid.audits.audit",
    "build_model": "dropgrid.cli.train",
    "compare": "dropgrid.reports.compare",
    "drop_block1d": "dropgrid.regularizers.dropblock_nd",
    "drop_block2d": "dropgrid.regularizers.dropblock",
    "drop_block3d": "dropgrid.regularizers.dropblock_nd",
    "load": "dropgrid.store.ablation",
    "load_cell": "dropgrid.saved_network",
}
"""Name -> the module that defines it."""


def __getattr__(name: str) -> Any:
    if name not in PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *PUBLIC])
