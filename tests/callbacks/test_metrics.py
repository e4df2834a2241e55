from types import SimpleNamespace

from dropgrid.callbacks.metrics import Metrics


def test_every_logger_gets_the_epochs_numbers_and_the_fractions_dropped(learner, at):
    rows = [[], []]
    loggers = [SimpleNamespace(log=each.append) for each in rows]
    learner.row = {"epoch": 1, "step": 8, "val/acc": 0.5}
    treatment = SimpleNamespace(epoch_fractions={"drop/layer3.0.conv1": 0.1})
    Metrics(loggers, treatment, ["val/acc"]).on_train_epoch_end(at(1), learner)
    assert rows == [[{"epoch": 1, "step": 8, "val/acc": 0.5, "drop/layer3.0.conv1": 0.1}]] * 2
