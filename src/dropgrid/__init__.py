"""Ablations of network training. `dropgrid.audit(model, loader)` looks at anyone's; asking for it imports torch."""

from typing import Any


def __getattr__(name: str) -> Any:
    if name == "audit":
        from dropgrid.audits.audit import audit

        return audit
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
