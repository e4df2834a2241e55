"""Steps that would not be what their config says are refused before anything trains."""

import pytest

from dropgrid import build
from dropgrid.dry_build import dry_build
from dropgrid.errors import UserError
from dropgrid.planning.plan import plans

FAKE = ["data=fake", "data.size=12", "data.train=64", "data.val=16", "data.batch_size=16", "model=resnet14"]


def check(*overrides):
    cell = plans([*FAKE, *overrides])[0].cells[0]
    dry_build(cell.config, cell.local, build.source(cell.config, cell.local).spec())


@pytest.mark.parametrize(
    ("overrides", "batches"),
    [
        ([], 4),
        (["data.train=100"], 6),
        (["data.train=70"], 4),
        (["trainer.limit_train_batches=3"], 3),
        (["trainer.limit_train_batches=0.5"], 2),
        (["data.batch_size=all"], 1),
    ],
)
def test_what_is_accumulated_divides_an_epoch(overrides, batches):
    for micro in range(1, 9):
        line = [*overrides, f"trainer.accumulate_grad_batches={micro}"]
        if batches % micro == 0:
            check(*line)
            continue
        with pytest.raises(UserError, match=f"={micro} does not divide the {batches} batches of an epoch") as refused:
            check(*line)
        assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("micro", ["0", "-1", "1.5", "two", "null"])
def test_what_is_accumulated_is_a_count(micro):
    with pytest.raises(UserError, match="accumulate_grad_batches"):
        check(f"trainer.accumulate_grad_batches={micro}")


ONE = "leaves norm=batch one value a channel"


@pytest.mark.parametrize(
    "overrides",
    [
        ["model=mlp", "norm=batch", "data.batch_size=1"],
        ["model=mlp", "norm=batch", "data.batch_size=2", "trainer=ddp", "trainer.ranks=2"],
        ["model=mlp", "norm=batch", "data.train=1", "data.batch_size=all"],
        ["model=resnet14", "norm=batch", "data.batch_size=1", "data.size=4", "model.strides=[2,2,2]"],
    ],
)
def test_a_batch_of_one_has_no_variance(overrides):
    with pytest.raises(UserError, match=ONE):
        check(*overrides)


@pytest.mark.parametrize(
    "overrides",
    [
        ["model=mlp", "norm=layer", "data.batch_size=1"],
        ["model=mlp", "norm=none", "data.batch_size=1"],
        ["model=mlp", "norm=batch", "data.batch_size=2"],
        ["model=resnet14", "norm=batch", "data.batch_size=1"],
    ],
)
def test_one_image_is_enough_where_no_norm_counts_images(overrides):
    check(*overrides)
