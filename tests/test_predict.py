import torch

from dropgrid.learner import Learner
from dropgrid.predict import predict
from dropgrid.tasks.classification import Classification


class Half(torch.nn.Module):
    """Logits that training halves; numbers of the batches it was told of."""

    device = torch.device("cpu")
    predict_step = Learner.predict_step

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
    logits, targets = predict(learner, Classification(), batches, beat=lambda: beats.append(1))
    assert torch.equal(logits, images.flatten(0, 1)) and targets.tolist() == [0, 0, 1, 1, 2, 2]
    assert learner.told == [0, 1, 2] and len(beats) == 3
    assert len(predict(learner, Classification(), batches, 2)[1]) == 4
