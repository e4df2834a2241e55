import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from dropgrid.loggers.tensorboard import TensorBoard


def test_what_was_logged_reads_back(tmp_path):
    logger = TensorBoard(folder=tmp_path, cell={})
    logger.log({"epoch": 0, "step": 4, "val/acc": 0.5})
    logger.log({"epoch": 1, "step": 8, "val/acc": 0.75})
    logger.close({"test/acc_last": 0.7, "note": None})
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("val/acc")] == [(4, 0.5), (8, 0.75)]
    assert events.Scalars("test/acc_last")[0].value == pytest.approx(0.7)
