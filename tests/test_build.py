"""Every cell is built on the meta device before the first trains; what would not train is said in one line."""

import pytest
import torch

from dropgrid import build
from dropgrid.errors import UserError
from dropgrid.execution.check import check
from dropgrid.planning.plan import plans

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
            "acts on no site .* it would be off; the model offers: input, conv, skip, branch, head",
        ),
        (["regularizer=dropblock", "+regularizer.nonsense=3"], "unexpected keyword argument 'nonsense'"),
        (["+regularizer@regularizer_2=dropout", "regularizer_2.keep_prob=2"], "regularizer_2: keep_prob must be"),
        (["data.batch_size=501"], "data.batch_size=501 is larger than the training set of 500 images"),
        (["data.batch_size=0"], "data.batch_size must be a whole number"),
        (["trainer.max_epochs=0"], "trainer.max_epochs must be a whole number"),
        (["trainer.limit_test_batches=0"], "trainer.limit_test_batches must be a count of batches"),
        (["trainer.precision=foo"], "trainer: Precision 'foo' is invalid"),
        (["trainer=gpu"], "trainer: No supported gpu backend found"),
        (["model=mlp", "regularizer=dropblock"], "acts on no site .* the model offers: input, hidden, head, weight"),
        (["model=fractal", "regularizer=drop_path", "regularizer.mode=all"], "regularizer.mode must be local, global"),
        (["regularizer=drop_path", "regularizer.mode=global"], "mode=global needs joins of several paths"),
        (["penalty=l2"], "penalty: L2 and optimizer.weight_decay=0.0005 would both decay the weights"),
        (["optimizer=sgd", "penalty=l2"], "penalty: L2 and optimizer.weight_decay=0.0005 would both decay the weights"),
        (["lr_schedule=plateau", "data.val=0"], "lr_schedule=plateau needs validation: data.val above 0"),
        (["+penalty@penalty_2=elastic"], "penalty_2: Elastic and optimizer.weight_decay=0.0005 would both decay"),
        (["penalty=l1", "penalty.strength=0"], "penalty.strength must be a number above 0, got 0"),
        (["average=ema", "average.decay=1"], r"average.decay must be a number in \[0, 1\), got 1"),
        (["model=cifar_quick", "data.size=11"], "needs images of 12×12 or more"),
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
        build.initialise(cell.config, cell.local, net)
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


def config(*overrides):
    return plans([*FAKE, *overrides])[0].cells[0].config


def test_stacked_augmentations_act_in_their_order():
    """A square of half the image, cut in before the crop, is moved by it; cut in after it, it is where it was drawn."""

    def through(*stack):
        made = build.augment(config("data.size=28", *stack))
        return made(torch.full((64, 1, 28, 28), 0.5), torch.zeros(64), generator=torch.Generator().manual_seed(3))[0]

    cut, padding = ["size=14", "inside=true", "fill=white"], 8
    last = through(
        "augment=crop_flip", f"augment.padding={padding}", "+augment@augment_2=cutout", *(f"augment_2.{c}" for c in cut)
    )
    first = through(
        "augment=cutout", *(f"augment.{c}" for c in cut), "+augment@augment_2=crop_flip", f"augment_2.padding={padding}"
    )
    whole = [(images == 1).sum((1, 2, 3)) == 14 * 14 for images in (last, first)]
    assert whole[0].all() and not whole[1].all()


def test_stacked_penalties_are_summed_and_project_in_their_order():
    stack = ["penalty=l1", "penalty.strength=0.5", "+penalty@penalty_2=l1", "penalty_2.strength=0.25"]
    made = build.penalty(config(*stack, "+penalty@penalty_3=max_norm", "penalty_3.radius=1"))
    net = torch.nn.Linear(3, 2)
    net.weight.data.mul_(20)
    assert torch.isclose(made.term(net), 0.75 * net.weight.abs().sum())
    made.project(net)
    assert (net.weight.norm(dim=1) <= 1 + 1e-5).all()


def test_stacked_regularizers_draw_masks_of_their_own():
    """Two dropouts at every site: the second's mask is independent of the first's, and both count what they do."""
    from dropgrid import sites, streams

    both = config("regularizer=dropout", "+regularizer@regularizer_2=dropout", "regularizer_2.keep_prob=0.5")
    net = build.network(both, build.source(both, plans([*FAKE])[0].cells[0].local).spec())
    drops = sites.drops(net)
    for name, drop in drops.items():
        drop.advance_hashed(drop.full_level, streams.key(0, "regularizer", 0, 0, name))
    pairs = [name for name in drops if f"{name}#2" in drops]
    x = torch.ones(50, 8, 12, 12)
    zeros = [[(drops[name](x) == 0).double().flatten() for name in (pair, f"{pair}#2")] for pair in pairs]
    assert len(pairs) > 4
    for one, other in zeros:
        assert abs(torch.corrcoef(torch.stack([one, other]))[0, 1]) < 5 / len(one) ** 0.5
