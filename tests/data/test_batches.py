from dataclasses import replace

import numpy as np
import pytest
import torch

from dropgrid.data.batches import ByClass, Order, batches
from dropgrid.data.split import Files, Known, Memory
from dropgrid.errors import UserError

CPU = torch.device("cpu")

# Python 3.12 warns that a fork in a process with threads may deadlock; the workers run no thread's code
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


def memory(count=50):
    images = torch.arange(count + 20, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 4, 4).contiguous()
    return Memory(images, torch.arange(count + 20), torch.arange(20, count + 20))


def seen(split, size, order=None, drop_last=False, workers=0):
    found = list(batches(split, size, order=order, drop_last=drop_last, workers=workers, device=CPU))
    for images, labels in found:
        assert images.dtype == torch.uint8 and labels.dtype == torch.int64 and images.shape[1:] == (3, 4, 4)
        assert torch.equal(images[:, 0, 0, 0].long(), labels)
    return [labels.tolist() for _, labels in found]


def test_order_is_a_permutation_for_each_epoch_and_seed():
    def epochs(seed):
        order = Order(100, seed)
        found = []
        for epoch in range(4):
            order.set_epoch(epoch)
            found.append(tuple(order))
        return found

    one, again, other = epochs(0), epochs(0), epochs(1)
    assert one == again and len(set(one) | set(other)) == 8
    assert all(sorted(each) == list(range(100)) for each in one)
    assert len(Order(100, 0)) == 100


def test_resuming_at_an_epoch_gives_that_epochs_order():
    order, fresh = Order(30, 0), Order(30, 0)
    for epoch in range(3):
        order.set_epoch(epoch)
        list(order)
    fresh.set_epoch(2)
    assert list(order) == list(fresh)


@pytest.mark.parametrize(
    ("size", "drop_last", "sizes"), [(16, True, [16] * 3), (16, False, [16] * 3 + [2]), (25, False, [25, 25])]
)
def test_sequential_batches_cover_the_split(size, drop_last, sizes):
    made = batches(memory(), size, order=None, drop_last=drop_last, workers=0, device=CPU)
    found = seen(memory(), size, drop_last=drop_last)
    assert [len(each) for each in found] == sizes and len(made) == len(sizes) and made.sampler is None
    assert sum(found, []) == list(range(20, 20 + sum(sizes)))


def test_ordered_batches_follow_the_order():
    order = Order(50, 3)
    order.set_epoch(5)
    assert sum(seen(memory(), 7, order), []) == [20 + i for i in order]
    assert sum(seen(memory(), 7, order, drop_last=True), []) == [20 + i for i in order][:49]


def reader(path, data):
    return torch.full((3, 4, 4), int(path.stem), dtype=torch.uint8)


def noisy(path, data):
    return torch.randint(256, (3, 4, 4), dtype=torch.uint8)


def files(count=50, training=None, root=None):
    names = np.array([f"{i}.png".encode() for i in range(20, count + 20)])
    for name in names if root else []:
        (root / name.decode()).touch()
    return Files(root, names, np.arange(20, count + 20), Known(np.zeros(count, int)), reader, training)


@pytest.mark.parametrize("workers", [0, 2])
def test_files_come_in_the_same_batches_as_memory(workers, tmp_path):
    order = Order(50, 3)
    split = files(root=tmp_path)
    assert seen(split, 16, order, workers=workers) == seen(memory(), 16, order)
    assert seen(split, 16, workers=workers) == seen(memory(), 16)


def test_crops_are_a_function_of_seed_epoch_and_image_with_persistent_workers_or_none(tmp_path):
    split = files(training=noisy, root=tmp_path)

    def epochs(workers, size, seed=0):
        """By epoch, each image's crop."""
        order = Order(50, seed)
        made = batches(split, size, order=order, drop_last=False, workers=workers, device=CPU)
        found = []
        for epoch in range(3):
            order.set_epoch(epoch)
            found.append({int(y): image for x, labels in made for image, y in zip(x, labels, strict=True)})
        return found

    alone, several = epochs(0, 16), epochs(2, 7)
    for one, other in zip(alone, several, strict=True):
        assert one.keys() == other.keys() and all(torch.equal(one[y], other[y]) for y in one)
    assert not any(torch.equal(alone[0][y], alone[1][y]) for y in alone[0])
    assert not any(torch.equal(alone[0][y], each) for y, each in epochs(0, 16, seed=1)[0].items())
    assert len({image.numpy().tobytes() for image in alone[0].values()}) == 50


def test_evaluation_sees_no_crops_even_of_a_split_that_has_them(tmp_path):
    seen(files(training=noisy, root=tmp_path), 16)


def test_nothing_is_drawn_from_torchs_own_generator(tmp_path):
    before = torch.get_rng_state()
    seen(memory(), 16, Order(50, 0))
    seen(files(root=tmp_path), 16, Order(50, 0), workers=2)
    assert torch.equal(torch.get_rng_state(), before)


def fail(path, data):
    raise ValueError(f"cannot read {path}:\nno image")


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_of_a_file_comes_as_it_was_raised_in_a_worker_too(tmp_path, workers):
    split = files(2, root=tmp_path)

    def read_all(split):
        list(batches(split, 1, order=None, drop_last=False, workers=workers, device=CPU))

    with pytest.raises(ValueError) as found:
        read_all(replace(split, evaluation=fail))
    assert str(found.value) == f"cannot read {tmp_path}/20.png:\nno image"
    (tmp_path / "21.png").write_text("longer")
    with pytest.raises(UserError, match=rf"^data: {tmp_path}/21\.png has changed since this cell was planned \("):
        read_all(split)


@pytest.mark.parametrize("kind", [memory, files])
def test_what_cannot_be_batched_is_refused(kind):
    with pytest.raises(ValueError, match="a batch of 51 images is larger than the split of 50"):
        batches(kind(), 51, order=Order(50, 0), drop_last=True, workers=0, device=CPU)
    with pytest.raises(ValueError, match="the order is of 49 images, the split has 50"):
        batches(kind(), 10, order=Order(49, 0), drop_last=True, workers=0, device=CPU)


def test_no_images_are_no_batches():
    images, labels = torch.zeros(3, 1, 2, 2, dtype=torch.uint8), torch.zeros(3).long()
    made = batches(Memory(images, labels, torch.arange(0)), 4, order=None, drop_last=False, workers=0, device=CPU)
    assert len(made) == 0 and list(made) == []


@pytest.mark.parametrize("workers", [None, 2])
def test_lightning_tells_the_order_its_epoch(workers, tmp_path):
    import pytorch_lightning as pl

    class Watch(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))
            self.labels, self.seen = [], []

        def training_step(self, batch, index):
            self.labels += batch[1].tolist()
            return self.weight.sum()

        def validation_step(self, batch, index):
            self.seen += batch[1].tolist()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.0)

    order, watch = Order(50, 4), Watch()
    split = memory() if workers is None else files(root=tmp_path)
    loader = batches(split, 10, order=order, drop_last=True, workers=workers or 0, device=CPU)
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=3,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        default_root_dir=tmp_path,
    )
    evaluation = batches(split, 15, order=None, drop_last=False, workers=workers or 0, device=CPU)
    trainer.fit(watch, loader, evaluation)
    expected = []
    for epoch in range(3):
        fresh = Order(50, 4)
        fresh.set_epoch(epoch)
        expected += [20 + i for i in fresh]
    assert watch.labels == expected
    assert watch.seen == list(range(20, 70)) * 3


def test_by_class_batches_have_one_class_each_and_every_image_once():
    labels = torch.arange(60) % 3
    order = ByClass(labels, 0, 10)
    first = order.permutation()
    order.set_epoch(1)
    assert sorted(first.tolist()) == list(range(60)) and not torch.equal(first, order.permutation())
    assert all(len(labels[batch].unique()) == 1 for batch in first.split(10))
    turns = [int(labels[batch[0]]) for batch in first.split(10)]
    assert turns != sorted(turns)
    again = ByClass(labels, 0, 10)
    assert torch.equal(first, again.permutation()) and not torch.equal(first, ByClass(labels, 1, 10).permutation())
    uneven = ByClass(torch.arange(23) % 3, 0, 5).permutation()
    assert sorted(uneven.tolist()) == list(range(23))
