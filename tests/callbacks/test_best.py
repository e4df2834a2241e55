import torch

from dropgrid.callbacks.best import Best


def test_the_earliest_epoch_of_the_highest_validation_accuracy(learner, at):
    best = Best("val/acc")
    for epoch, accuracy in enumerate([0.5, 0.8, 0.8, 0.7]):
        torch.nn.init.constant_(learner.network.weight, epoch)
        learner.row = {"val/acc": accuracy}
        best.on_validation_end(at(epoch), learner)
    assert (best.epoch, best.value) == (1, 0.8)
    assert (best.weights["weight"] == 1).all()  # a copy: training went on


def test_without_validation_there_is_no_best(learner, at):
    best = Best("val/acc")
    best.on_validation_end(at(), learner)
    assert best.weights == {} and best.epoch == -1


def test_one_that_goes_on_knows_what_was_best(learner, at, tmp_path):
    before, after = Best("val/acc"), Best("val/acc")
    torch.nn.init.constant_(learner.network.weight, 7)
    learner.row = {"val/acc": 0.8}
    before.on_validation_end(at(2), learner)
    torch.save(before.state_dict(), tmp_path / "state")
    after.load_state_dict(torch.load(tmp_path / "state", weights_only=True))
    torch.nn.init.constant_(learner.network.weight, 9)
    for epoch, accuracy in ((3, 0.8), (4, 0.7)):
        learner.row = {"val/acc": accuracy}
        after.on_validation_end(at(epoch), learner)
    assert (after.epoch, after.value) == (2, 0.8) and (after.weights["weight"] == 7).all()
    learner.row = {"val/acc": 0.9}
    after.on_validation_end(at(5), learner)
    assert (after.epoch, after.value) == (5, 0.9) and (after.weights["weight"] == 9).all()
