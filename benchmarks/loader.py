"""Images a second from a folder of JPEGs, in 2 worker processes: `python benchmarks/loader.py`.

2,000 JPEGs of 400×350 pixels, made of noise with a photograph's spectrum (57 kB each), in 10 classes. Each
call is an epoch in batches of 64: `data=imagenet`'s training images (decode, a random crop resized to 224², a flip);
torchvision's ImageFolder and a DataLoader with the same transforms and as many persistent workers, made ready to be
trained on in the same way; and workers that decode and do nothing else, the floor. Ratios: of images a second, round by
round.

    --quick     fewer rounds
"""

import tempfile
from pathlib import Path

import numpy as np
import torch
from measure import arguments, interleaved, keep, ratio, show
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from dropgrid.data.batches import batches, order
from dropgrid.data.imagenet import ImageNet

WORKERS, BATCH, CROP = 2, 64, 224
IMAGES, CLASSES, SIZE = 2000, 10, (400, 350)


def picture(random: np.random.Generator) -> Image.Image:
    """Noise, as strong in each octave as in any other."""
    total = np.zeros((SIZE[1], SIZE[0], 3), np.float32)
    for octave in range(1, 9):
        small = random.integers(0, 256, (2**octave, 2**octave, 3), dtype=np.uint8)
        total += np.asarray(Image.fromarray(small).resize(SIZE, Image.Resampling.BICUBIC), np.float32)
    return Image.fromarray(((total - total.min()) * 255 / np.ptp(total)).astype(np.uint8))


def tree(root: Path) -> int:
    """The folder in ImageNet's form; bytes of its training images."""
    random, size = np.random.default_rng(0), 0
    for number in range(IMAGES):
        path = root / "train" / f"n{number % CLASSES}" / f"{number:05d}.JPEG"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(random).save(path, quality=90)
        size += path.stat().st_size
    for label in range(CLASSES):
        folder = root / "val" / f"n{label}"
        folder.mkdir(parents=True)
        (folder / "0.JPEG").hardlink_to(root / "train" / f"n{label}" / f"{label:05d}.JPEG")
    return size


class Decoded(Dataset[int]):
    """The floor: a file is decoded, and nothing made of it."""

    def __init__(self, paths: list[str]):
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> int:
        with Image.open(self.paths[index]) as image:
            return image.convert("RGB").width


def main() -> None:
    rounds = 3 if arguments(__doc__, "--quick").quick else 11
    with tempfile.TemporaryDirectory(prefix="dropgrid-loader-") as place:
        root = Path(place) / "images"
        size = tree(root)
        source = ImageNet(
            root=root,
            train=None,
            val=0,
            split_seed=0,
            crop=CROP,
            resize=256,
            follow_links=False,
            mean=[0.5] * 3,
            std=[0.25] * 3,
            cache=Path(place) / "cache",
        )
        split = source.load().train
        turn = order("shuffled", split, 0, BATCH)
        ours = batches(split, BATCH, order=turn, drop_last=False, workers=WORKERS, device="cpu")
        transform = v2.Compose([v2.RandomResizedCrop(CROP), v2.RandomHorizontalFlip(), v2.PILToTensor()])
        folder = ImageFolder(root / "train", transform)
        loading = {"batch_size": BATCH, "num_workers": WORKERS, "persistent_workers": True, "shuffle": True}
        theirs = DataLoader(folder, **loading)
        floor = DataLoader(Decoded([path for path, _ in folder.samples]), **loading)
        calls = {
            "dropgrid": lambda: [images.shape for images, _ in ours],
            "torchvision": lambda: [images.shape for images, _ in theirs],
            "decoding": lambda: [widths.shape for widths in floor],
        }
        assert sum(shape[0] for shape in calls["dropgrid"]()) == len(split) == len(folder) == IMAGES
        with torch.inference_mode():
            times = interleaved(calls, rounds, warmup=1)
    ratios = {
        "images/s: dropgrid / torchvision": ratio(times["torchvision"], times["dropgrid"]),
        "images/s: dropgrid / decoding alone": ratio(times["decoding"], times["dropgrid"]),
        "images/s: torchvision / decoding alone": ratio(times["decoding"], times["torchvision"]),
    }
    rates = {name: IMAGES / float(np.median(each)) for name, each in times.items()}
    keep("loader", ratios, workers=WORKERS, images=IMAGES, bytes_each=size // IMAGES, images_per_second=rates)
    show(ratios)


if __name__ == "__main__":
    main()
