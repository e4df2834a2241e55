"""Every cell is built on the meta device before the first trains; what would not train is said in one line."""

import pytest
import torch

from dropgrid import build
from dropgrid.errors import UserError
from dropgrid.sweeps.check import check
from dropgrid.sweeps.plan import plans

FAKE = ["data=fake", "trainer.max_epochs=1"]


@pytest.fixture(autouse=True)
def outputs(tmp_path, monkeypatch):
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["regularizer=dropblock", "regularizer.keep_prob=0"],
            r"regularizer: keep_prob must be a number in \(0, 1\], got 0",
        ),
        (["regularizer=dropblock", "regularizer.keep_prob=abc"], "keep_prob must be .* got 'abc'"),
        (["regularizer=dropblock", "regularizer.block_size=0"], "block_size must be a whole number .* got 0"),
        (["regularizer=dropblock", "regularizer.block_size=2.5"], "block_size must be a whole number .* got 2.5"),
        (["regularizer=dropblock", "regularizer.groups=[4]"], "group 4, but this model has groups 1 to 3"),
        (
            ["regularizer=dropblock", "regularizer.groups=[]"],
            "regularizer: dropblock acts on no site .* it would be off",
        ),
        (["regularizer=dropblock", "+regularizer.nonsense=3"], "unexpected keyword argument 'nonsense'"),
        (["+regularizer@regularizer_2=dropout", "regularizer_2.keep_prob=2"], "regularizer_2: keep_prob must be"),
        (["data.batch_size=501"], "data.batch_size=501 is larger than the training set of 500 images"),
        (["data.batch_size=0"], "data.batch_size must be a whole number"),
        (["trainer.max_epochs=0"], "trainer.max_epochs must be a whole number"),
        (["trainer.limit_test_batches=0"], "trainer.limit_test_batches must be a count of batches"),
        (["trainer.precision=foo"], "trainer: Precision 'foo' is invalid"),
        (["trainer=gpu"], "trainer: No supported gpu backend found"),
        (["optimizer.lr=abc"], "optimizer.lr must be a number above 0, got 'abc'"),
        (["lr_schedule.warmup=1"], "lr_schedule.warmup must be"),
        (["init.mode=abc"], "init.mode must be"),
        (["norm=group", "norm.groups=5"], "5 does not divide 16"),
        (["augment=crop_flip", "augment.padding=99"], "augment.padding must be"),
        (["model.stem=foo"], "model.stem must be"),
    ],
)
def test_what_would_not_train_is_said_before_anything_does(overrides, message, tmp_path):
    if "trainer=gpu" in overrides and torch.cuda.is_available():
        overrides, message = ["trainer=gpu", "trainer.precision=foo"], "Precision 'foo'"
    with pytest.raises(UserError, match=message) as caught:
        check(plans([*FAKE, *overrides]))
    assert len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / "runs").exists()


def test_all_errors_of_all_cells_come_together_with_their_rows():
    bad = ["regularizer=dropblock", "regularizer.block_size=3,0,-1", "optimizer.lr=0.1,0"]
    with pytest.raises(UserError) as caught:
        check(plans([*FAKE, *bad]))
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert sum("block_size" in line.partition("(row")[0] for line in lines) == 2
    assert sum(line.startswith("optimizer.lr must be") and "(row" in line for line in lines) == 1


def test_the_network_has_the_weights_of_its_seed():
    first, second, other = (plans([*FAKE, f"seed={seed}"])[0].cells[0] for seed in (0, 0, 1))
    nets = []
    for cell in (first, second, other):
        net = build.network(cell.config, build.source(cell.config, cell.local).spec())
        build.initialise(cell.config, net)
        nets.append(net)
    same = [torch.equal(a, b) for a, b in zip(nets[0].parameters(), nets[1].parameters(), strict=True)]
    assert all(same)
    assert not torch.equal(nets[0].conv1.weight, nets[2].conv1.weight)


def test_augmentations_stack_in_their_order():
    config = {
        "augment": {"_target_": "dropgrid.augments.crop_flip.crop_flip", "_partial_": True, "padding": 0, "flip": True},
        "augment_2": {"_target_": "dropgrid.augments.none.none", "_partial_": True},
    }
    assert list(build.options(config, "augment")) == ["augment", "augment_2"]
    images, targets = torch.rand(8, 1, 6, 6), torch.arange(8)
    both, _ = build.augment(config)(images, targets, generator=torch.Generator().manual_seed(3))
    alone, _ = build.options(config, "augment")["augment"](images, targets, generator=torch.Generator().manual_seed(3))
    assert torch.equal(both, alone) and not torch.equal(both, images)
