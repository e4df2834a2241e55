import pytest
import torch
from torch import nn

from dropgrid.errors import UserError
from dropgrid.execution.check import check
from dropgrid.optimizers.gradient_descent import gradient_descent
from dropgrid.planning.plan import plans

WHOLE = ["scale=demo", "optimizer=gradient_descent", "trainer.max_epochs=1", "seed=0"]


def test_the_loss_on_all_images_falls_at_each_step():
    layer, images, wanted = nn.Linear(4, 1), torch.randn(64, 4), torch.randn(64, 1)
    optimizer = gradient_descent(layer, lr=0.1, weight_decay=0.0, decay_all=False)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = (layer(images) - wanted).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses == sorted(losses, reverse=True) and losses[-1] < losses[0]


def test_a_batch_of_all_is_the_training_set_and_the_same_cell_as_its_count():
    (whole,), (counted,) = (plans([*WHOLE, f"data.batch_size={size}"])[0].cells for size in ("all", 500))
    assert whole.config["data"]["batch_size"] == 500 and whole.id == counted.id


def test_all_images_in_several_batches_are_one_step(tmp_path):
    outputs = f"paths.outputs={tmp_path}"
    check(plans([*WHOLE, "data.batch_size=100", "trainer.accumulate_grad_batches=5", outputs]))
    check(plans([*WHOLE, "data.batch_size=all", outputs]))


def test_a_step_on_fewer_images_is_an_error_that_says_what_to_type(tmp_path):
    with pytest.raises(UserError, match="all 500 training images, got data.batch_size=50; say data.batch_size=all"):
        check(plans([*WHOLE, f"paths.outputs={tmp_path}"]))
