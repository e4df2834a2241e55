"""Composing many configs: what is read once gives what Hydra gives."""

import os
from functools import reduce
from itertools import product
from operator import getitem
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose
from hydra.errors import HydraException
from omegaconf import OmegaConf

from dropgrid.errors import UserError
from dropgrid.planning.compose import Composer, hydra_context, launcher_config, resolved_config, shared_composer
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


@pytest.fixture
def own(tmp_path: Path, monkeypatch) -> Path:
    """The YAML file of an option of one's own, trainer=mine."""
    monkeypatch.setenv("DROPGRID_CONF", str(tmp_path))
    path = tmp_path / "trainer" / "mine.yaml"
    path.parent.mkdir()
    path.write_text("defaults: [cpu, _self_]\nmax_epochs: 3\n")
    return path


def rewrite(path: Path, old: str, new: str) -> None:
    """Replace text of a file by another of the same length, as if within one tick of the clock."""
    assert len(old) == len(new) and old in path.read_text()
    before = path.stat()
    path.write_text(path.read_text().replace(old, new))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_mtime_ns, path.stat().st_size) == (before.st_mtime_ns, before.st_size)


@pytest.mark.parametrize(
    "make", [lambda lines: compose("train", overrides=lines), lambda lines: shared_composer().compose(lines)]
)
def test_an_edited_file_is_read_again(make, own):
    with hydra_context():
        assert make(["trainer=mine"]).trainer.max_epochs == 3
        rewrite(own, "max_epochs: 3", "max_epochs: 4")
        assert make(["trainer=mine"]).trainer.max_epochs == 4
        own.write_text("max_epochs: [\n")
        with pytest.raises(yaml.YAMLError, match="mine.yaml"):
            make(["trainer=mine"])
        own.unlink()
        with pytest.raises(HydraException):
            make(["trainer=mine"])


@pytest.mark.parametrize("text", ["max_epochs: [\n", "a: 1\na: 2\n", "a: *b\n", "- !!python/name:os.system\n"])
def test_a_file_that_cannot_be_parsed_has_the_error_of_its_parser_each_time(text, own):
    own.write_text(text)
    with pytest.raises(yaml.YAMLError) as alone:
        OmegaConf.load(own)
    for _ in range(2):
        with hydra_context(), pytest.raises(yaml.YAMLError) as refused:
            compose("train", overrides=["trainer=mine"])
        assert str(refused.value) == str(alone.value)


def test_a_change_of_a_composed_config_is_not_in_the_next_one(own):
    with hydra_context():
        for make in (lambda lines: compose("train", overrides=lines), shared_composer().compose):
            first = make(["trainer=mine"])
            text = OmegaConf.to_yaml(first)
            OmegaConf.set_struct(first, False)
            first.trainer.max_epochs, first.model = 5, None
            del first["data"]
            assert OmegaConf.to_yaml(make(["trainer=mine"])) == text


def test_a_composer_is_shared_until_a_file_or_a_variable_changes(own, monkeypatch):
    def found() -> Composer:
        with hydra_context():
            return shared_composer()

    composers = [found()]
    assert found() is composers[0]
    monkeypatch.setenv("HOME", "/home/ada")
    assert found() is composers[0]
    rewrite(own, "max_epochs: 3", "max_epochs: 4")
    composers.append(found())
    own.with_name("ours.yaml").write_text("")
    composers.append(found())
    own.with_name("ours.yaml").rename(own.with_name("yours.yaml"))
    composers.append(found())
    monkeypatch.setenv("DROPGRID_TRAINER", "mine")
    composers.append(found())
    assert len({*map(id, composers)}) == len(composers) == 5
    rewrite(own, "max_epochs: 4", "max_epochs: 3")
    own.with_name("yours.yaml").unlink()
    monkeypatch.delenv("DROPGRID_TRAINER")
    assert found() is composers[0]


def test_an_unreadable_file_that_is_not_chosen_is_no_mistake(own):
    own.with_name("folder.yaml").mkdir()
    own.with_name("lost.yaml").symlink_to("nowhere.yaml")
    own.with_name("latin.yaml").write_bytes(b"a: \xe9")
    with hydra_context():
        assert shared_composer().compose(["trainer=mine"]).trainer.max_epochs == 3


def test_a_text_is_parsed_once(own, monkeypatch):
    parsed = []
    real = yaml.load
    monkeypatch.setattr(yaml, "load", lambda stream, Loader: parsed.append(stream.name) or real(stream, Loader))
    with hydra_context():
        for number in (8, 8, 9, 8):
            own.write_text(f"defaults: [cpu, _self_]\nmax_epochs: {number}\n")
            assert compose("train", overrides=["trainer=mine"]).trainer.max_epochs == number
    assert parsed.count(str(own)) == 2 and len(parsed) == len({*parsed}) + 1
