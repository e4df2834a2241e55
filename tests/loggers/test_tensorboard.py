import io

import numpy as np
import pytest
from PIL import Image
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


def test_a_picture_reads_back(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(png := io.BytesIO(), "png")
    logger = TensorBoard(folder=tmp_path, cell={})
    logger.log({"epoch": 0, "step": 4})
    logger.image("diagnosis/signal", png.getvalue())
    logger.close({})
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    (event,) = events.Images("diagnosis/signal")
    assert event.step == 4
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(event.encoded_image_string))), pixels)
