"""The modes in which a network was handed over, and which of its parts were not trained."""

from collections.abc import Iterator
from typing import Any

from torch import nn


class Handover:
    """The state of a network's modules before the audit changed it.

    Attributes:
        modes: dotted name -> whether the module was in train mode.
        untrained: dotted name -> whether a part in eval mode has parameters, none of which is trained.
    """

    def __init__(self, model: nn.Module):
        self.modes = {name: each.training for name, each in model.named_modules()}
        self.untrained = {
            name: is_untrained(each) for name, each in model.named_modules() if name and not each.training
        }

    def parts_in_eval(self, path: str) -> Iterator[str]:
        """Yield the parts in eval mode that hold a module, or are it; the outermost first, and never the model."""
        depths = range(1, path.count(".") + 2)
        yield from (name for depth in depths if (name := ".".join(path.split(".")[:depth])) in self.untrained)

    def fields(self, path: str) -> dict[str, Any]:
        """Return what was given of the module at a path, as fields of its `Evidence`."""
        part = next(self.parts_in_eval(path), None)
        return {"mode": self.modes[path], "held": part is not None, "frozen": self.untrained.get(part or "", False)}


def is_untrained(module: nn.Module) -> bool:
    """Predicate: a module has parameters, none of which is trained."""
    trained = [each.requires_grad for each in module.parameters()]
    return bool(trained) and not any(trained)
