"""Small data sets in the formats of the real ones; read by `runpy`, since tests are no package."""

import gzip
import hashlib
import io
import pickle

import numpy as np
from PIL import Image
from torchvision import datasets


def pixels(count, size=(8, 8), channels=3, seed=0):
    """(N, H, W, C) uint8."""
    return np.random.default_rng(seed).integers(0, 256, (count, *size, channels), dtype=np.uint8)


def tree(root, counts, classes=("cat", "dog"), size=(8, 8), seed=0, suffix=".png"):
    """Class folders under each part: `counts` = {"train": 6, "test": 3} images a class, or {"": 9} for the root."""
    for part, each in counts.items():
        for name in classes:
            folder = root / part / name
            folder.mkdir(parents=True)
            seed += 1
            for i, image in enumerate(pixels(each, size, seed=seed)):
                Image.fromarray(image).save(folder / f"{i:03d}{suffix}")
    return root


class OldPickler(pickle.Pickler):
    """Pickles as the published CIFAR files were: by a numpy whose dtypes say align=0."""

    def reducer_override(self, thing):
        if isinstance(thing, np.dtype):
            return np.dtype, ("u1", 0, 1), (3, "|", None, None, None, -1, -1, 0)
        return NotImplemented


def pickled(value):
    buffer = io.BytesIO()
    OldPickler(buffer, protocol=2).dump(value)
    return buffer.getvalue()


def cifar(root, monkeypatch, source, train=50, test=20):
    """Batches in CIFAR's own format; torchvision is told their md5, and the source its counts."""
    kind = source.kind
    names = ["airplane", "ship", "truck"] if kind is datasets.CIFAR10 else ["apple", "bed", "cattle"]
    label_key = "labels" if kind is datasets.CIFAR10 else "fine_labels"
    folder = root / kind.base_folder
    folder.mkdir(parents=True)

    def put(name, value):
        data = pickled(value)
        (folder / name).write_bytes(data)
        return hashlib.md5(data).hexdigest()

    def batches(listed, total, seed):
        images, start, lists = pixels(total, (32, 32), seed=seed), 0, []
        for i, (name, _) in enumerate(listed):
            end = total * (i + 1) // len(listed)
            rows = images[start:end].transpose(0, 3, 1, 2).reshape(end - start, -1)
            lists.append([name, put(name, {"data": rows, label_key: [k % 3 for k in range(start, end)]})])
            start = end
        return lists

    monkeypatch.setattr(kind, "train_list", batches(kind.train_list, train, 1))
    monkeypatch.setattr(kind, "test_list", batches(kind.test_list, test, 2))
    meta = {**kind.meta, "md5": put(kind.meta["filename"], {kind.meta["key"]: names})}
    monkeypatch.setattr(kind, "meta", meta)
    monkeypatch.setattr(source, "train_total", train)
    monkeypatch.setattr(source, "test_total", test)
    return root


def idx(array):
    """The bytes of an IDX file."""
    dimensions = np.array(array.shape, ">i4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + dimensions + array.astype(np.uint8).tobytes()


def idx_files(root, monkeypatch, source, train=60, test=20, packed=False, flat=False):
    """Write the four IDX files in torchvision's layout, or `flat` in the root, and set their counts in the source."""
    folder = root if flat else root / source.kind.__name__ / "raw"
    folder.mkdir(parents=True)
    for part, count, seed in (("train", train, 1), ("t10k", test, 2)):
        for name, array in (
            (f"{part}-images-idx3-ubyte", pixels(count, (28, 28), 1, seed)[..., 0]),
            (f"{part}-labels-idx1-ubyte", np.arange(count) % 10),
        ):
            data = idx(array)
            (folder / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(data) if packed else data)
    monkeypatch.setattr(source, "train_total", train)
    monkeypatch.setattr(source, "test_total", test)
    return root


def masks(root, images, masks, lists, values, count=24, size=(16, 20)):
    """Images and their masks, of which every third is in the list of test, if there are lists."""
    for name in (images, masks):
        (root / name).mkdir(parents=True)
    for i, image in enumerate(pixels(count, size)):
        Image.fromarray(image).save(root / images / f"{i:03d}.png")
        Image.fromarray(np.array(values, np.uint8)[image[..., 0] % len(values)]).save(root / masks / f"{i:03d}.png")
    for split, name in lists.items():
        if name is not None:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(f"{i:03d}\n" for i in range(count) if (i % 3 == 0) == (split == "test")))
    return root
