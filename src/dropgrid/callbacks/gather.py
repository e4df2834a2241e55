"""Sum the counts of a cell's ranks at the end of each epoch."""

from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from dropgrid.learner import Learner


class Gather(Callback):
    """Give every rank, at an epoch's end, the totals of the running sums and of each site's dropped elements.

    Until then each rank has its own counts, which are not among the buffers that DistributedDataParallel copies from
    rank 0 before each step (such as the running statistics of batch norms). The callback must come before those that
    read the counts. It does nothing in a single process.
    """

    def setup(self, trainer: Trainer, learner: LightningModule, stage: str) -> None:
        if trainer.world_size > 1:
            assert isinstance(learner, Learner)
            own = {id(each) for each in (*count_tensors(learner), learner.val_sums)}
            names = [name for name, buffer in learner.named_buffers() if id(buffer) in own]
            # private, but documented in its source as the way to do this
            DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(learner, names)

    def on_train_epoch_end(self, trainer: Trainer, learner: LightningModule) -> None:
        if trainer.world_size > 1:
            assert isinstance(learner, Learner)
            for each in count_tensors(learner):
                each.copy_(learner.total(each))


def count_tensors(learner: Learner) -> list[Tensor]:
    """Return the tensors in which training counts."""
    return [learner.train_sums, *(each for drop in learner.drops.values() for each in (drop.dropped, drop.seen))]
