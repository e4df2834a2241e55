"""One pass over a split: what a network predicts."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import torch

from dropgrid.learner import AbstractLearner, Batch
from dropgrid.tasks.task import Predictions, Task


@torch.inference_mode()
def predict(
    learner: AbstractLearner,
    task: Task[Predictions],
    batches: Iterable[Batch],
    limit: int | None = None,
    beat: Callable[[], object] = lambda: None,
) -> Predictions:
    """Return what the task keeps of the learner's predictions, in eval mode.

    Args:
        limit: batches, at most.
        beat: called after each batch.
    """

    def predicted() -> Iterator[tuple[Any, Any]]:
        for index, batch in enumerate(islice(batches, limit)):
            yield learner.predict_step(batch, index)
            beat()

    learner.eval()
    return task.collect(predicted())
