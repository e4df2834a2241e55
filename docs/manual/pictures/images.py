"""What augmentations do to eight digits of mnist5k."""

from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from dropgrid import streams
from manual.options import Option
from manual.pictures.digits import digits
from manual.pictures.drawing import WIDTH, panel, sheet, style, write_text

LEFT = 1.45
SIDE = (WIDTH - LEFT - 0.1) / 8
GREYS: dict[str, Any] = {"cmap": "gray", "vmin": 0, "vmax": 1}


def augmented(option: Option, seed: int = 0, **changes: Any) -> tuple[Tensor, Tensor]:
    """Images and targets after it, with some arguments changed."""
    images, targets, context = digits()
    generator = streams.generator(seed, "augment", 0, 0)
    found: tuple[Tensor, Tensor] = option.built(**changes)(images, targets, generator=generator, context=context)
    return found


def rows(figure: Figure, shown: dict[str, Tensor], top: float = 0.05, pitch: float = SIDE) -> None:
    """A row of images for each label."""
    for number, (label, images) in enumerate(shown.items()):
        above = top + pitch * number
        write_text(figure, 0.1, above + SIDE / 2, label, va="center", fontsize=8.5)
        for index, image in enumerate(images):
            panel(figure, LEFT + SIDE * index, above, SIDE - 0.05, SIDE - 0.05, image[0], **GREYS)


def compared(option: Option, settings: dict[str, dict[str, Any]], seed: int = 0) -> Figure:
    """The digits as they are, and a row for each setting."""
    known = digits()
    shown = {"before": known.shown(known.images)}
    for label, changes in settings.items():
        shown[label] = known.shown(augmented(option, seed, **changes)[0])
    with style():
        figure = sheet(SIDE * len(shown) + 0.1)
        rows(figure, shown)
    return figure


def before_and_after(option: Option) -> Figure:
    """Eight digits, and what the option makes of them, twice."""
    known = digits()
    shown = {"before": known.shown(known.images)}
    for seed in range(2):
        shown[f"after, seed {seed}"] = known.shown(augmented(option, seed)[0])
    with style():
        figure = sheet(SIDE * len(shown) + 0.1)
        rows(figure, shown)
    return figure


def crop_flip(option: Option) -> Figure:
    """Eight digits, the same cropped and mirrored as by default, and cropped alone: each is shifted by its own up to 4
    pixels, what is uncovered has the mean colour, and half of them face the other way, which digits should not."""
    return compared(option, {"after": {}, "flip=false": {"flip": False}})


def cutout(option: Option) -> Figure:
    """Eight digits, and the same covered at random places: squares of 8 and of 16 pixels, cut off at the border; all
    inside; and of 12 pixels in the other shapes and fills. The mean colour is nearly black here."""
    return compared(
        option,
        {
            "size=8": {},
            "size=16": {"size": 16},
            "inside=true\nsize=16": {"inside": True, "size": 16},
            "shape=disk\nfill=white": {"shape": "disk", "fill": "white", "size": 12},
            "shape=wide\nfill=noise": {"shape": "wide", "fill": "noise", "size": 12},
        },
    )


def random_erasing(option: Option) -> Figure:
    """Eight digits, and the same with a rectangle of random area, shape and place, here on every image: noise, or the
    mean colour."""
    always = {"probability": 1.0}
    return compared(option, {"fill=random": always, "fill=mean": {**always, "fill": "mean"}})


def autoaugment(option: Option) -> Figure:
    """Eight digits, and the same after two operations each, of the policies learned on CIFAR-10, on ImageNet and on
    street numbers."""
    return compared(option, {f"policy={each}": {"policy": each} for each in ("cifar10", "imagenet", "svhn")})


def randaugment(option: Option) -> Figure:
    """Eight digits, and the same after two operations each, the same ones in each row: at magnitude 3, at 9, the
    default, and at 27 out of 30."""
    settings = {"magnitude=3": {"magnitude": 3}, "magnitude=9": {}, "magnitude=27": {"magnitude": 27}}
    return compared(option, settings, seed=4)


def mixed(option: Option) -> Figure:
    """Eight digits, and each mixed with the one before it (the first with the last): two batches, whose shares of the
    two classes stand above. They are one draw for a whole batch."""
    known = digits()
    with style():
        pitch = SIDE + 0.24
        figure = sheet(SIDE + 2 * pitch + 0.15)
        rows(figure, {"before": known.shown(known.images)})
        for number, seed in enumerate((8, 10)):
            images, shares = augmented(option, seed)
            top = SIDE + 0.1 + pitch * number
            for index, share in enumerate(shares):
                write_text(figure, LEFT + SIDE * index, top, said(share), fontsize=7.5)
            rows(figure, {f"batch {number + 1}": known.shown(images)}, top + 0.2)
    return figure


def said(share: Tensor) -> str:
    """The classes that have a share, the greater first."""
    values, labels = share.sort(descending=True)
    return " + ".join(f"{v:.2f}·{k}" for v, k in zip(values.tolist(), labels.tolist(), strict=True) if v > 0.004)


def adversarial(option: Option) -> Figure:
    """Eight digits, and adversarial examples at ε = 0.2 against a small network trained for the picture: what is added
    (grey is nothing, white +0.2, black -0.2), and the result, by FGSM in one step and by PGD in seven. Above each image
    the class that the network sees, and its probability."""
    known = digits()
    found = {
        "FGSM": augmented(option, epsilon=0.2, share=1.0)[0],
        "PGD": augmented(option, epsilon=0.2, share=1.0, steps=7, random_start=True)[0],
    }
    with style():
        pitch = SIDE + 0.28
        figure = sheet(3 * pitch + 2 * SIDE)
        top = 0.0
        labelled(figure, "before", known.images, top)
        top += pitch
        for name, images in found.items():
            change = (known.shown(images) - known.shown(known.images)) / 0.4 + 0.5
            rows(figure, {f"{name}:\nadded": change}, top + 0.04)
            labelled(figure, f"{name}:\nafter", images, top + SIDE)
            top += SIDE + pitch
    return figure


@torch.no_grad()
def labelled(figure: Figure, label: str, images: Tensor, top: float) -> None:
    """A row with what the network says of each above it."""
    known = digits()
    probabilities = known.context.network(images).softmax(1)
    for index, each in enumerate(probabilities):
        text = f"{int(each.argmax())} ({float(each.max()):.2f})"
        wrong = int(each.argmax()) != int(known.targets[index])
        write_text(figure, LEFT + SIDE * index, top + 0.06, text, fontsize=7.5, weight="bold" if wrong else "normal")
    rows(figure, {label: known.shown(images)}, top + 0.25)
