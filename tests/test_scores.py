import numpy as np
import pytest
import torch

from dropgrid.scores import accuracy, calibration_error, nll, predict


def test_accuracy_by_hand():
    logits = torch.tensor([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0], [2.0, 3.0, 1.0]])
    targets = torch.tensor([0, 0, 0])
    assert accuracy(logits, targets) == pytest.approx(1 / 3)
    assert accuracy(logits, targets, top=2) == pytest.approx(2 / 3)
    assert accuracy(logits, targets, top=5) == 1.0  # fewer classes than 5


def test_nll_of_a_uniform_guess():
    assert nll(torch.zeros(4, 10), torch.arange(4)) == pytest.approx(np.log(10))


def test_calibration_error_by_hand():
    # confidence 0.8 and right 6 times of 10: |0.6 - 0.8|
    logits = torch.tensor([[0.8, 0.2]] * 10).log()
    targets = torch.tensor([0] * 6 + [1] * 4)
    assert calibration_error(logits, targets) == pytest.approx(0.2, abs=1e-6)


def test_calibration_error_against_a_slow_reference():
    logits, targets = torch.randn(500, 7) * 2, torch.randint(7, (500,))
    confidence, predicted = logits.softmax(1).max(1)
    total = 0.0
    for low in np.arange(15) / 15:
        inside = [i for i in range(500) if low <= float(confidence[i]) < low + 1 / 15]
        if inside:
            right = np.mean([float(predicted[i] == targets[i]) for i in inside])
            total += len(inside) / 500 * abs(right - np.mean([float(confidence[i]) for i in inside]))
    assert calibration_error(logits, targets) == pytest.approx(total, abs=1e-6)


class Half(torch.nn.Module):
    """Logits that training halves; numbers of the batches it was told of."""

    device = torch.device("cpu")

    def __init__(self):
        super().__init__()
        self.told = []

    def forward(self, images):
        return images / 2 if self.training else images

    def seed_inference(self, batch):
        self.told.append(batch)


def test_predicting_is_no_training():
    learner, images, beats = Half().train(), torch.randn(3, 2, 5), []
    batches = [(each, torch.full((2,), number)) for number, each in enumerate(images)]
    logits, targets = predict(learner, batches, beat=lambda: beats.append(1))
    assert torch.equal(logits, images.flatten(0, 1)) and targets.tolist() == [0, 0, 1, 1, 2, 2]
    assert learner.told == [0, 1, 2] and len(beats) == 3
    assert len(predict(learner, batches, 2)[1]) == 4
