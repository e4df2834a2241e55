"""What the ranks of a cell have counted, each its own, summed up."""

from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from dropgrid.learner import Learner


class Gather(Callback):
    """At an epoch's end every rank gets the totals of all: of its running sums, and of what each site has dropped.

    Until then each counts its own: DistributedDataParallel, which gives all the buffers of rank 0 before each step (the
    running statistics of batch norms), is told to leave these. Must stand before the callbacks that read the counts. On
    one process it does nothing.
    """

    def setup(self, trainer: Trainer, learner: LightningModule, stage: str) -> None:
        if trainer.world_size > 1:
            assert isinstance(learner, Learner)
            own = {id(each) for each in (*counts(learner), learner.val_sums)}
            names = [name for name, buffer in learner.named_buffers() if id(buffer) in own]
            # no public name, and documented in its source as the way
            DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(learner, names)

    def on_train_epoch_end(self, trainer: Trainer, learner: LightningModule) -> None:
        if trainer.world_size > 1:
            assert isinstance(learner, Learner)
            for each in counts(learner):
                each.copy_(learner.total(each))


def counts(learner: Learner) -> list[Tensor]:
    """What is counted in training."""
    return [learner.train_sums, *(each for drop in learner.drops.values() for each in (drop.dropped, drop.seen))]
