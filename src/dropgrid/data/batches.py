"""From a split to batches of uint8 images on a device."""

import re
import signal
import warnings
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from dropgrid import checks, streams
from dropgrid.augments.context import IGNORED
from dropgrid.data.split import NO_CLASS, Files, Memory, Split, View
from dropgrid.errors import UserError


def batch_limit(limit: int | float, count: int) -> int:
    """Lightning's meaning of a limit: a count of batches (int), or a share of them (float), one at least."""
    return min(limit, count) if isinstance(limit, int) else max(1, int(limit * count))


class Order(Sampler[int]):
    """The order of an epoch's training images: a permutation that is a function of (seed, epoch) alone.

    Lightning calls `set_epoch` before each epoch, also when it resumes.
    """

    def __init__(self, length: int, seed: int):
        self.length = length
        self.seed = seed
        self.epoch = 0
        self.resumed = (0, 0)

    def resume(self, epoch: int, batch: int) -> None:
        """Go on in the middle: that epoch, when it comes, starts at this batch."""
        self.resumed = (epoch, batch)
        self.epoch = epoch  # workers read ahead before Lightning sets it

    @property
    def first(self) -> int:
        """The batch at which the epoch starts."""
        epoch, batch = self.resumed
        return batch if epoch == self.epoch else 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self.epoch = epoch

    def permutation(self) -> Tensor:
        """int64 (length,), on the CPU."""
        return torch.randperm(self.length, generator=streams.generator(self.seed, "order", self.epoch))

    def __iter__(self) -> Iterator[int]:
        return iter(self.permutation().tolist())

    def __len__(self) -> int:
        return self.length


class ByClass(Order):
    """Batches of one class each, in a random order of batches: mini-batches that are not alike.

    Of each epoch's permutation the images of a class follow one another; what is cut into batches, of which one at a
    border of two classes has both, is shuffled batch by batch, the last one, if it is not whole, excepted.

    Args:
        labels: int64 (N,), of the training images.
        batch_size: images.
    """

    def __init__(self, labels: Tensor, seed: int, batch_size: int):
        super().__init__(len(labels), seed)
        self.labels = labels.cpu()
        self.batch_size = batch_size

    def permutation(self) -> Tensor:
        mixed = super().permutation()
        by_class = mixed[self.labels[mixed].argsort(stable=True)]
        whole = self.length // self.batch_size
        turns = torch.randperm(whole, generator=streams.generator(self.seed, "order", self.epoch, "batches"))
        blocks = by_class[: whole * self.batch_size].view(whole, self.batch_size)
        return torch.cat([blocks[turns].flatten(), by_class[whole * self.batch_size :]])


SAMPLERS = ("shuffled", "by_class")


def order(sampler: str, split: Split, seed: int, batch_size: int) -> Order:
    """Return the order of the training images that `data.sampler` names; ValueError for another."""
    checks.one_of("data.sampler", sampler, SAMPLERS)
    if sampler == "shuffled":
        return Order(len(split), seed)
    return ByClass(torch.as_tensor(split.labels), seed, batch_size)


class Indices:
    """The images of each batch of an epoch, as int64 positions in the split: in order, or as they stand.

    `part` is (rank, ranks): which share of each batch it gives.
    """

    def __init__(
        self, length: int, batch_size: int, order: Order | None, drop_last: bool, part: tuple[int, int] = (0, 1)
    ):
        if order is not None and len(order) != length:
            raise ValueError(f"the order is of {len(order)} images, the split has {length}")
        if drop_last and batch_size > length:
            raise ValueError(f"a batch of {batch_size} images is larger than the split of {length}")
        self.length = length
        self.batch_size = batch_size
        self.order = order
        self.drop_last = drop_last
        self.part = part

    def __len__(self) -> int:
        whole, rest = divmod(self.length, self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[Tensor]:
        order = torch.arange(self.length) if self.order is None else self.order.permutation()
        first = 0 if self.order is None else self.order.first
        rank, ranks = self.part
        for batch in order.split(self.batch_size)[first : len(self)]:
            yield batch[rank * len(batch) // ranks : (rank + 1) * len(batch) // ranks]


class AbstractBatches(ABC):
    """Batches of a split: iterating gives images uint8 (N, C, H, W) and labels int64 (N,) or (N, H, W), on a device."""

    batch_sampler = None
    """Lightning's validation loop asks for it wherever there is a `sampler`."""

    def __init__(self, indices: Indices, device: torch.device):
        self.indices = indices
        self.device = device

    @property
    def sampler(self) -> Order | None:
        """Set the epoch; Lightning calls this."""
        return self.indices.order

    def __len__(self) -> int:
        return len(self.indices)

    @abstractmethod
    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]: ...


class MemoryBatches(AbstractBatches):
    """Batches picked from tensors that lie on the device already."""

    def __init__(self, split: Memory, indices: Indices, device: torch.device):
        super().__init__(indices, device)
        self.split = split.to(device)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        split = self.split
        for indices in self.indices:
            rows = split.rows.index_select(0, indices.to(self.device))
            yield split.pool.index_select(0, rows), targets_of(split.pool_labels.index_select(0, rows))


def targets_of(labels: Tensor) -> Tensor:
    """Return labels as int64; of masks, uint8, the pixels of no class as `IGNORED`."""
    return labels.long().masked_fill(labels == NO_CLASS, IGNORED) if labels.dtype == torch.uint8 else labels


OF_A_WORKER = re.compile(r"\ACaught \w+ in DataLoader worker process .*\n[\w.]+: ", re.DOTALL)
"""What torch writes before the message of an exception that a worker raised."""


class FileBatches(AbstractBatches):
    """Batches read from disk by worker processes.

    With an order each image is asked for by a `View`, whose key is a function of (seed, epoch, place): the crop is
    the same whichever worker cuts it, and however long that worker has lived.
    """

    def __init__(self, split: Files, indices: Indices, workers: int, device: torch.device):
        super().__init__(indices, device)
        with _many_workers_allowed():
            self.loader = DataLoader(
                split,
                batch_sampler=Requests(indices),  # knows the indices and not us: no cycle of references of our own
                num_workers=workers,
                # any other start would import torch in each worker
                multiprocessing_context="fork" if workers else None,
                persistent_workers=workers > 0,
                worker_init_fn=_deaf,
                pin_memory=device.type == "cuda",
                generator=torch.Generator(),  # its own: else each epoch draws from torch's default one
            )
        # Lightning's trainer holds us in a cycle of references. The collector would close the workers' queues before
        # it tells them to stop, and wait 5 s for each; a loader that is held from elsewhere is freed in good order.
        weakref.finalize(self, _release, self.loader)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        with _many_workers_allowed():
            read = iter(self.loader)
        while True:
            try:
                images, labels = next(read)
            except StopIteration:
                return
            except (UserError, ValueError) as error:  # torch puts the worker's traceback before the message
                raise type(error)(OF_A_WORKER.sub("", str(error).strip())) from error
            yield images.to(self.device, non_blocking=True), labels.to(self.device, non_blocking=True)


def _deaf(_: int) -> None:
    """Ignore SIGTERM in a worker: sent to a whole job it is for the training, whose checkpoint needs its workers."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _release(loader: DataLoader[tuple[Tensor, int]]) -> None:
    """Held the loader until now."""


@contextmanager
def _many_workers_allowed() -> Iterator[None]:
    """Without torch's advice of one worker a core: `data.workers` is the user's choice, and readers wait for disks."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="This DataLoader will create")
        yield


class Requests(Sampler[list[int] | list[View]]):
    """The items requested from the workers: evaluation's places in the split, or training's views."""

    def __init__(self, indices: Indices):
        self.indices = indices

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[list[int] | list[View]]:
        order = self.indices.order
        for batch in self.indices:
            places = batch.tolist()
            if order is None:
                yield places
            else:
                yield [View(place, streams.key(order.seed, "crop", order.epoch, place)) for place in places]


def batches(
    split: Split,
    batch_size: int,
    *,
    order: Order | None,
    drop_last: bool,
    workers: int,
    device: torch.device | str,
    part: tuple[int, int] = (0, 1),
) -> AbstractBatches:
    """The batches of a split, in the order of each epoch, or in the split's order if `order` is None.

    `workers` processes read files; a split in memory needs none. `part`: see `Indices`. Raises ValueError if the
    order is of another length, and if `drop_last` would leave no batch.
    """
    indices, device = Indices(len(split), batch_size, order, drop_last, part), torch.device(device)
    if isinstance(split, Memory):
        return MemoryBatches(split, indices, device)
    return FileBatches(split, indices, workers, device)
