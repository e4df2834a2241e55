"""The options of conf/model and conf/scale compose to what composed.json holds of them, key by key and in that order.

They inherit from one another: a change of one file may change others. If a change is meant, write the snapshot anew:
`PYTHONPATH=tests python tests/contracts/test_composed.py`.
"""

import json
from pathlib import Path

import hydra
import pytest
import yaml
from omegaconf import OmegaConf
from option_nodes import option_node

from dropgrid.paths import CONF
from dropgrid.planning.compose import group_options, hydra_context

SNAPSHOT = Path(__file__).with_name("composed.json")
BY_SCALE = ("data", "model", "augment", "optimizer", "lr_schedule", "trainer", "report", "scale")
"""Nodes of a run that a scale may set."""


def composed(*overrides, nodes):
    """Some nodes of a run's config; interpolations as they stand, since some need an environment."""
    config = hydra.compose("train", overrides=list(overrides))
    return {node: OmegaConf.to_container(config[node]) for node in nodes}


def found():
    """Option -> its node; scale -> the nodes that it may set."""
    with hydra_context():
        return {
            "model": {name: option_node("model", name) for name in group_options("model")},
            "scale": {name: composed(f"scale={name}", nodes=BY_SCALE) for name in group_options("scale")},
        }


def ordered(node):
    """A node as pairs, so that an order of keys is compared too."""
    return [(key, ordered(value)) for key, value in node.items()] if isinstance(node, dict) else node


def kept():
    return json.loads(SNAPSHOT.read_text())


def test_every_option_composes_to_what_is_kept():
    now = found()
    for axis, nodes in kept().items():
        assert set(nodes) <= set(now[axis])
        assert ordered({name: now[axis][name] for name in nodes}) == ordered(nodes)


def test_every_file_is_kept_but_for_new_networks_that_inherit_from_none():
    for axis in ("model", "scale"):
        new = {path.stem for path in (CONF / axis).glob("*.yaml")} - set(kept()[axis])
        assert not new or (axis == "model" and not any("defaults" in own_keys(name) for name in new))


def own_keys(name):
    """The keys of a network's file, without those that it inherits."""
    return yaml.safe_load((CONF / "model" / f"{name}.yaml").read_text())


ABLATIONS = sorted(path.stem for path in (CONF / "ablation").glob("*.yaml"))
SOME = ["demo", "dropblock_table1"]


@pytest.mark.parametrize("names", [SOME, pytest.param(ABLATIONS, marks=pytest.mark.slow)], ids=["some", "all"])
def test_an_ablation_at_a_scale_has_that_scales_values(names):
    with hydra_context():
        for ablation in names:
            for scale, nodes in kept()["scale"].items():
                node = composed(f"+ablation={ablation}", f"scale={scale}", nodes=["scale"])["scale"]
                assert ordered(node) == ordered(nodes["scale"]), f"{ablation} at {scale}"


if __name__ == "__main__":
    given = found()
    lines = [
        f' "{axis}": {{\n' + ",\n".join(f'  "{name}": {json.dumps(node)}' for name, node in each.items()) + "\n }"
        for axis, each in given.items()
    ]
    SNAPSHOT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
