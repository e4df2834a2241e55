"""What every data set must keep, whichever file it is in: over each YAML of the axis, on small files of its kind."""

import inspect
import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from option_nodes import option_node

from dropgrid.augments.context import IGNORED
from dropgrid.data.batches import Order, batches
from dropgrid.data.source import AbstractSource, Spec
from dropgrid.data.split import Memory
from dropgrid.instantiate import instantiate, locate
from dropgrid.store.identity import ABOUT_PLACE_IN, cell_id, divide

TESTS = Path(__file__).parents[1]
FOLDER = TESTS.parent / "conf" / "data"
OPTIONS = sorted(path.stem for path in FOLDER.glob("*.yaml"))
OF_THE_LOADER = {"batch_size", "eval_batch_size", "workers", "normalize", "sampler"}
TINY = SimpleNamespace(**runpy.run_path(str(TESTS / "data" / "tiny.py")))


def node_of(name):
    return option_node("data", name)


def tiny_arguments(name, root, monkeypatch):
    """Arguments that make an option read small files, written here first; nothing for one that reads none."""
    kind = locate("data", node_of(name)["_target_"])
    if name in ("cifar10", "cifar100"):
        return {"root": TINY.cifar(root, monkeypatch, kind), "val": 10}
    if name in ("fashion_mnist", "mnist"):
        return {"root": TINY.idx_files(root, monkeypatch, kind), "val": 10}
    if name == "image_folder":
        return {"root": TINY.tree(root, {"": 20})}
    if name == "imagenet":
        return {"root": TINY.tree(root, {"train": 10, "val": 4}, size=(30, 30)), "val": 4, "crop": 16, "resize": 20}
    if name in ("mask_folder", "voc", "oxford_pet"):
        node = node_of(name)
        values = node["values"] or [*range(len(node["classes"]))]
        return {"root": TINY.masks(root, node["images"], node["masks"], node["lists"], values), "size": 24}
    return {}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("name", OPTIONS)
def test_where_its_files_lie_stays_out_of_a_cells_identity(name, tmp_path, monkeypatch, cache):
    ids = []
    for place in ("one", "two"):
        arguments = tiny_arguments(name, tmp_path / place, monkeypatch)
        node = {**node_of(name), **{k: str(v) if k == "root" else v for k, v in arguments.items()}}
        source = instantiate("data", {k: v for k, v in node.items() if k not in OF_THE_LOADER}, cache=cache)
        ids.append(cell_id(divide({"data": {**node, "fingerprint": source.fingerprint()}})[0]))
    assert ids[0] == ids[1]


@pytest.fixture(params=OPTIONS)
def make(request, tmp_path, monkeypatch, cache):
    """An option's source, built anew at each call."""
    arguments = tiny_arguments(request.param, tmp_path / "data", monkeypatch)
    node = {k: v for k, v in node_of(request.param).items() if k not in OF_THE_LOADER}
    return lambda: instantiate("data", {**node, **arguments}, cache=cache)


def test_there_are_options():
    expected = {
        "mnist5k",
        "digits",
        "cifar10",
        "cifar100",
        "fashion_mnist",
        "image_folder",
        "imagenet",
        "fake",
        "mnist",
    }
    assert expected <= set(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_arguments_bind_to_the_signature(name):
    node = node_of(name)
    kind = locate("data", node["_target_"])
    assert node["_target_"].startswith(f"dropgrid.data.{name}.") and issubclass(kind, AbstractSource)
    assert "_partial_" not in node and not inspect.isabstract(kind)
    parameters = inspect.signature(kind).parameters
    own = {k for k in node if not k.startswith("_")} - OF_THE_LOADER
    assert own | {"cache"} == set(parameters)
    assert all(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in parameters.values()), "defaults live in YAML"


@pytest.mark.parametrize("name", OPTIONS)
def test_the_loaders_keys_are_there(name):
    node = node_of(name)
    assert OF_THE_LOADER <= set(node)
    assert node["batch_size"] >= 1 and node["eval_batch_size"] >= 1 and node["workers"] >= 0
    assert node.get("root") is None, "no place of one machine stands in a config"


def test_spec_is_what_is_loaded(make):
    source = make()
    spec, splits = source.spec(), source.load()
    named = spec.classes[spec.targets == "masks" :]  # class 0 of masks is the background
    assert isinstance(spec, Spec) and list(named) == sorted(set(named))
    assert (len(splits.train), len(splits.val), len(splits.test)) == spec[3:]
    assert splits.mean.shape == splits.std.shape == (spec.channels,)
    assert splits.mean.dtype == splits.std.dtype == torch.float32 and (splits.std > 0).all()
    for split in splits[:3]:
        for images, labels in batches(split, 7, order=None, drop_last=False, workers=0, device="cpu"):
            assert images.shape == (len(labels), spec.channels, *spec.size) and images.dtype == torch.uint8
            assert labels.dtype == torch.int64
            counted = labels[labels != IGNORED] if spec.targets == "masks" else labels
            assert 0 <= counted.min() and counted.max() < len(spec.classes)


def test_spec_decodes_nothing(make, monkeypatch):
    source = make()
    if type(source).__name__ == "Fake":
        pytest.skip("has nothing to decode")
    monkeypatch.setattr("dropgrid.data.cache.arrays", None)
    monkeypatch.setattr("PIL.Image.Image.convert", None)
    source.spec()


def test_the_same_again(make):
    one, two = make(), make()
    assert re.fullmatch("[0-9a-f]{16}", one.fingerprint()) and one.fingerprint() == two.fingerprint()
    one.prepare()
    for split, other in zip(one.load()[:3], two.load()[:3], strict=True):
        pair = [batches(each, 64, order=None, drop_last=False, workers=0, device="cpu") for each in (split, other)]
        for (images, labels), (others, their) in zip(*pair, strict=True):
            assert torch.equal(images, others) and torch.equal(labels, their)


def test_splits_share_no_image(make):
    splits = make().load()
    if isinstance(splits.train, Memory):
        rows = [{(split.pool.data_ptr(), row) for row in split.rows.tolist()} for split in splits[:3]]
    else:
        rows = [set(split.names.tolist()) for split in splits[:3]]
    assert sum(map(len, rows)) == len(set.union(*rows)) == sum(len(split) for split in splits[:3])


def test_an_epoch_of_training(make):
    source = make()
    spec, split = source.spec(), source.load().train
    order = Order(spec.train, 0)
    made = batches(split, 8, order=order, drop_last=True, workers=0, device="cpu")
    one = torch.cat([labels for _, labels in made])
    order.set_epoch(1)
    two = torch.cat([labels for _, labels in made])
    assert len(one) == len(two) == spec.train // 8 * 8 and not torch.equal(one, two)


@pytest.mark.parametrize("name", OPTIONS)
def test_keys_about_place_have_the_names_that_stay_out_of_a_cells_identity(name):
    node = node_of(name)
    assert {k for k in node if k in ("root", "download", "workers")} <= set(ABOUT_PLACE_IN["data"])
