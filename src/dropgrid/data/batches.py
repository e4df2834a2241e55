"""From a split to batches of uint8 images on a device."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler

from dropgrid import streams
from dropgrid.data.split import Files, Memory, Split, View


class Order(Sampler[int]):
    """The order of an epoch's training images: a permutation that is a function of (seed, epoch) alone.

    Lightning calls `set_epoch` before each epoch, also when it resumes.
    """

    def __init__(self, length: int, seed: int):
        self.length = length
        self.seed = seed
        self.epoch = 0

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


class AbstractBatches(ABC):
    """Batches of a split: iterating gives (images uint8 (N, C, H, W), labels int64 (N,)), both on the device."""

    def __init__(self, length: int, batch_size: int, order: Order | None, drop_last: bool):
        if order is not None and len(order) != length:
            raise ValueError(f"the order is of {len(order)} images, the split has {length}")
        if drop_last and batch_size > length:
            raise ValueError(f"a batch of {batch_size} images is larger than the split of {length}")
        self.length = length
        self.batch_size = batch_size
        self.sampler = order
        self.batch_sampler = None  # Lightning looks for it beside a sampler
        self.drop_last = drop_last

    def __len__(self) -> int:
        whole = self.length // self.batch_size
        return whole if self.drop_last or whole * self.batch_size == self.length else whole + 1

    def indices(self) -> Iterator[Tensor]:
        """The images of each batch of the epoch, as positions in the split."""
        order = torch.arange(self.length) if self.sampler is None else self.sampler.permutation()
        yield from order.split(self.batch_size)[: len(self)]

    @abstractmethod
    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]: ...


class MemoryBatches(AbstractBatches):
    """Batches picked from tensors that lie on the device already."""

    def __init__(
        self, split: Memory, batch_size: int, order: Order | None, drop_last: bool, device: torch.device | str
    ):
        super().__init__(len(split), batch_size, order, drop_last)
        self.device = torch.device(device)
        self.split = split.to(self.device)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        split = self.split
        for indices in self.indices():
            rows = split.rows.index_select(0, indices.to(self.device))
            yield split.pool.index_select(0, rows), split.pool_labels.index_select(0, rows)


class FileBatches(AbstractBatches):
    """Batches read from disk by worker processes.

    With an order each image is asked for by a `View`, whose key is a function of (seed, epoch, index): the crop is
    the same whichever worker cuts it, and however long that worker has lived.
    """

    def __init__(
        self,
        split: Files,
        batch_size: int,
        order: Order | None,
        drop_last: bool,
        workers: int,
        device: torch.device | str,
    ):
        super().__init__(len(split), batch_size, order, drop_last)
        self.device = torch.device(device)
        self.loader = DataLoader(
            split,
            batch_sampler=_Requests(self),
            num_workers=workers,
            # any other start would import torch in each worker: 1.5 s an epoch, or of the first
            multiprocessing_context="fork" if workers else None,
            persistent_workers=workers > 0,
            pin_memory=self.device.type == "cuda",
            generator=torch.Generator(),  # its own: else each epoch draws from torch's default one
        )

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for images, labels in self.loader:
            yield images.to(self.device, non_blocking=True), labels.to(self.device, non_blocking=True)


class _Requests(Sampler[list[int] | list[View]]):
    """What the workers are asked for: evaluation's indices, or training's views."""

    def __init__(self, batches: FileBatches):
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[int] | list[View]]:
        order = self.batches.sampler
        for indices in self.batches.indices():
            if order is None:
                yield indices.tolist()
            else:
                yield [View(i, streams.key(order.seed, "crop", order.epoch, i)) for i in indices.tolist()]


def batches(
    split: Split,
    batch_size: int,
    *,
    order: Order | None,
    drop_last: bool,
    workers: int,
    device: torch.device | str,
) -> AbstractBatches:
    """The batches of a split, in the order of each epoch, or as they stand where `order` is None.

    `workers` processes read files; a split in memory needs none. Raises ValueError where no batch would be whole and
    `drop_last` asks for whole ones.
    """
    if isinstance(split, Memory):
        return MemoryBatches(split, batch_size, order, drop_last, device)
    return FileBatches(split, batch_size, order, drop_last, workers, device)
