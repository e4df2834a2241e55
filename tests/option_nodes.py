"""Options of conf as a run has them: the YAML file, and those that it inherits from."""

from copy import deepcopy
from functools import cache
from typing import Any

import hydra
from omegaconf import OmegaConf

from dropgrid.planning.compose import hydra_context


@cache
def composed(axis: str, name: str) -> dict[str, Any]:
    with hydra_context():
        return OmegaConf.to_container(hydra.compose(overrides=[f"+{axis}={name}"])[axis])


def option_node(axis: str, name: str) -> dict[str, Any]:
    """An option's keys and values, with `_target_`; the caller's own copy."""
    return deepcopy(composed(axis, name))
