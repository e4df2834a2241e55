"""A random crop and a flip of each image, against torchvision's image by image: `python benchmarks/augment.py`.

Ours on a batch of float tensors, all images at once, each with its own crop; torchvision's v2 transforms on each uint8
image, then stacked, as a DataLoader does in one process. Ratio: their seconds / ours, batches of 128 at 32².

    --quick     fewer rounds
"""

import torch
from measure import arguments, interleaved, keep, ratio, show
from torchvision.transforms import v2

from dropgrid.augments.crop_flip import crop_flip


def main() -> None:
    rounds = 15 if arguments(__doc__, "--quick").quick else 51
    images, labels = torch.randint(256, (128, 3, 32, 32), dtype=torch.uint8), torch.randint(10, (128,))
    mean, std = torch.full((3, 1, 1), 0.5), torch.full((3, 1, 1), 0.25)
    generator = torch.Generator().manual_seed(0)
    one_by_one = v2.Compose(
        [
            v2.RandomCrop(32, padding=4),
            v2.RandomHorizontalFlip(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([0.5] * 3, [0.25] * 3),
        ]
    )

    def ours() -> None:
        crop_flip((images.float() / 255 - mean) / std, labels, generator=generator, padding=4, flip=True)

    calls = {"dropgrid": ours, "torchvision": lambda: torch.stack([one_by_one(image) for image in images])}
    times = interleaved(calls, rounds)
    name = "crop and flip of a batch: torchvision image by image / ours"
    ratios = {name: ratio(times["torchvision"], times["dropgrid"])}
    keep("augment", ratios)
    show(ratios)


if __name__ == "__main__":
    main()
