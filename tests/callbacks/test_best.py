import torch

from dropgrid.callbacks.best import Best


def test_the_earliest_epoch_of_the_highest_validation_accuracy(learner, at):
    best = Best()
    for epoch, accuracy in enumerate([0.5, 0.8, 0.8, 0.7]):
        torch.nn.init.constant_(learner.network.weight, epoch)
        learner.row = {"val/acc": accuracy}
        best.on_validation_end(at(epoch), learner)
    assert (best.epoch, best.accuracy) == (1, 0.8)
    assert (best.weights["weight"] == 1).all()  # a copy: training went on


def test_without_validation_there_is_no_best(learner, at):
    best = Best()
    best.on_validation_end(at(), learner)
    assert best.weights == {} and best.epoch == -1
