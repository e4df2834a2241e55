"""Sizes against networks built in full, and against what a finished cell really leaves."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from dropgrid import build, sites
from dropgrid.cost.profile import TEXT_BYTES, count_flops, optimizer_bytes, profile_cell
from dropgrid.data.source import Spec
from dropgrid.planning.plan import cells

TINY = ["data=fake", "data.size=12", "model.width=0.25", "trainer.max_epochs=2"]
SPEC = Spec(("a", "b"), 3, (5, 7), 10, 0, 10)


@pytest.fixture(autouse=True)
def outputs(tmp_path, monkeypatch):
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))


def built(cell):
    return build.network(cell.config, build.source(cell.config, cell.local).spec())


@pytest.mark.parametrize("model", ["resnet14", "resnet18", "resnet14_mnist"])
def test_parameters_and_sites_are_the_networks(model):
    (cell,) = cells(["data=fake", f"model={model}", "regularizer=dropblock"])
    found, net = profile_cell(cell), built(cell)
    assert found.parameters == sum(each.numel() for each in net.parameters())
    assert found.sites == len(sites.drops(net)) > 0


def test_no_regularizer_has_no_sites():
    assert profile_cell(cells(TINY)[0]).sites == 0


def test_a_multiply_add_is_two_flops():
    with torch.device("meta"):
        assert count_flops(nn.Conv2d(3, 8, 3, padding=1), SPEC) == 2 * (3 * 3 * 3) * 8 * 5 * 7
        assert count_flops(nn.Sequential(nn.Flatten(), nn.Linear(105, 4), nn.ReLU()), SPEC) == 2 * 105 * 4
        assert count_flops(nn.Conv2d(3, 6, 3, stride=2, groups=3), SPEC) == 2 * 9 * 6 * 2 * 3


def test_a_resnet18s_flops_are_the_published_ones():
    with torch.device("meta"):
        (cell,) = cells(["data=fake", "model=resnet18", "data.size=224"])
        assert profile_cell(cell).flops / 2 == pytest.approx(1.81e9, rel=0.01)  # torchvision's table, multiply-adds


@pytest.mark.parametrize(("optimizer", "moments"), [("sgd", 0), ("momentum", 1), ("nesterov", 1), ("adamw", 2)])
def test_an_optimizer_keeps_its_moments(optimizer, moments):
    (cell,) = cells([*TINY, f"optimizer={optimizer}"])
    with torch.device("meta"):
        net = built(cell)
    parameters = sum(each.numel() * 4 for each in net.parameters())
    count = len(list(net.parameters()))
    assert optimizer_bytes(cell, net) - moments * parameters in (0, 4 * count)  # Adam counts its steps too


def test_files_are_what_is_written(tmp_path):
    (cell,) = cells(TINY)
    net, spec = built(cell), build.source(cell.config, cell.local).spec()
    save_file(net.state_dict(), tmp_path / "last.safetensors")
    logits = np.random.default_rng(0).normal(size=(spec.test, 10)).astype(np.float32)
    np.savez_compressed(tmp_path / "p.npz", last=logits, best=logits, targets=np.arange(spec.test) % 10)
    really = 2 * (tmp_path / "last.safetensors").stat().st_size + (tmp_path / "p.npz").stat().st_size
    assert 0 < profile_cell(cell).files - really < TEXT_BYTES + 5000
