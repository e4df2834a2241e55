import torch
from torch import nn

from dropgrid.averages.ema import Ema
from dropgrid.averages.swa import Swa
from dropgrid.callbacks.average import Average, reestimate


class Trainer:
    accumulate_grad_batches = 1
    num_training_batches = 5
    global_step = 0


def step(average, learner, trainer, value):
    """A step after which every weight is `value`."""
    with torch.no_grad():
        for parameter in learner.network.parameters():
            parameter.fill_(value)
    trainer.global_step += 1
    average.on_train_batch_end(trainer, learner, None, None, (trainer.global_step - 1) % 5)


def test_swa_leaves_the_mean_of_the_ends_of_epochs_and_validation_sees_it(learner):
    learner.steps = 20
    average, trainer = Average(Swa(start=0.4)), Trainer()
    for value in range(1, 21):
        step(average, learner, trainer, float(value))
        if value == 15:
            average.on_validation_start(trainer, learner)
            assert torch.equal(learner.network.weight, torch.full((2, 2), 12.5))  # of 10 and 15
            average.on_validation_end(trainer, learner)
            assert torch.equal(learner.network.weight, torch.full((2, 2), 15.0))
    average.settle(learner)
    assert torch.allclose(learner.network.weight, torch.tensor(15.0))  # of 10, 15, 20
    assert average.reestimates


def test_its_state_carries_on_to_the_bit(learner):
    learner.steps = 20
    whole, first, trainer = Average(Ema(decay=0.9, warmup=True)), Average(Ema(decay=0.9, warmup=True)), Trainer()
    for value in range(1, 11):
        step(whole, learner, trainer, value**0.5)
    trainer = Trainer()
    for value in range(1, 6):
        step(first, learner, trainer, value**0.5)
    second = Average(Ema(decay=0.9, warmup=True))
    second.load_state_dict(first.state_dict())
    for value in range(6, 11):
        step(second, learner, trainer, value**0.5)
    assert all(torch.equal(value, second.averaged[name]) for name, value in whole.averaged.items())


def test_reestimated_statistics_are_those_of_all_images_with_regularizers_off(learner):
    norm = nn.BatchNorm1d(3)
    learner.network = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), norm)
    images = torch.randint(0, 255, (40, 1, 1, 3), dtype=torch.uint8)
    reestimate(learner, [(part, None) for part in images.split(10)])
    values = images.flatten(1) / 255
    assert torch.allclose(norm.running_mean, values.mean(0), atol=1e-6)
    assert torch.allclose(norm.running_var, torch.stack([p.var(0) for p in values.split(10)]).mean(0), atol=1e-6)
    assert norm.momentum == 0.1 and not norm.training
