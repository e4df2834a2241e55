"""Composing many configs: what is read once gives what Hydra gives."""

from functools import reduce
from itertools import product
from operator import getitem
from typing import Any

import pytest
from hydra import compose
from hydra.errors import HydraException

from dropgrid.errors import UserError
from dropgrid.planning.compose import Composer, hydra_context, launcher_config, resolved_config
from dropgrid.planning.overrides import parse_overrides

LINES = [
    ["regularizer=dropblock", "regularizer.keep_prob=0.8", "optimizer.lr=0.1"],
    ["regularizer=dropblock", "regularizer.keep_prob=0.7", "+regularizer@regularizer_2=drop_path", "seed=3"],
    ["scale=demo", "regularizer=dropblock", "regularizer.block_size=${scale.block_size}", "+model.new=1"],
    ["optimizer=adam", "~optimizer.eps", "data=fake", "paths.outputs=elsewhere"],
    ["+ablation=demo", "~ablation.rows.dropout", "+ablation.rows.mine=[a,b]"],
]


def test_a_config_is_the_one_that_hydra_composes():
    with hydra_context():
        ours = Composer()
        for lines in [*LINES, *LINES]:
            assert resolved_config(ours.compose(lines)) == resolved_config(compose("train", overrides=lines))
        assert len(ours.chosen) < len(LINES) + 1


@pytest.mark.parametrize("lines", [["optimizer.nonesuch=1"], ["regularizer=nonesuch"], ["+optimizer.lr=1"]])
def test_what_hydra_refuses_is_refused(lines):
    with hydra_context():
        for make in (Composer().compose, lambda each: compose("train", overrides=each)):
            with pytest.raises(HydraException):
                make(lines)


NO_PATHS = [
    *product(("paths.cache", "data.root", "init.path"), ("1.5", "7", "true", "[a]", "{a: b}")),
    ("paths.cache", "null"),
    ("paths.outputs", "2026"),
    ("evaluate.data.root", "7"),
]


@pytest.mark.parametrize(("key", "value"), NO_PATHS)
def test_a_path_is_a_text(key, value):
    lines = ["data=cifar10", "init=checkpoint", "+evaluate=other_data", "+data@evaluate.data=cifar10"]
    with hydra_context(), pytest.raises(UserError, match=f"^{key} must be a path, got ") as refused:
        resolved_config(Composer().compose([*lines, f"{key}={value}"]))
    assert (f"; write ./{value}" in str(refused.value)) == (value in ("1.5", "7", "2026"))


@pytest.mark.parametrize("key", ["paths.cache", "data.root", "evaluate.data.root"])
def test_a_path_may_begin_with_a_tilde_in_a_file_too(key, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    lines = ["data=cifar10", "+evaluate=other_data", "+data@evaluate.data=cifar10"]
    with hydra_context():
        found: Any = resolved_config(Composer().compose([*lines, f"{key}='~/x'"]))
    assert reduce(getitem, key.split("."), found) == "/home/ada/x"


def test_the_launcher_of_a_command():
    ours = launcher_config(parse_overrides(["optimizer.lr=1"]))
    assert ours["_target_"] == "hydra_plugins.dropgrid.launcher.DropgridLauncher"
    assert "basic" in launcher_config(parse_overrides(["hydra/launcher=basic", "seed=1"]))["_target_"]
