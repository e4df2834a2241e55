"""Plans of data that are not here, by their published sizes: synthetic images of that shape stand in, unread."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hydra.core.override_parser.types import Override

from dropgrid.errors import UserError
from dropgrid.planning.compose import resolved_config, shared_composer
from dropgrid.planning.overrides import key_of, root_of, texts_of, values_of


class Published(NamedTuple):
    """The published size of a data set; `pixels` is the side of an image, `lists` counts the training images of some
    lists of them."""

    classes: int
    channels: int
    pixels: int
    train: int
    test: int
    targets: str = "classes"
    lists: Mapping[str, int] = {}


KNOWN = {
    "cifar10": Published(10, 3, 32, 50_000, 10_000),
    "cifar100": Published(100, 3, 32, 50_000, 10_000),
    "fashion_mnist": Published(10, 1, 28, 60_000, 10_000),
    "imagenet": Published(1000, 3, 224, 1_281_167, 50_000),
    "voc": Published(21, 3, 513, 1_464, 1_449, "masks", {"ImageSets/Segmentation/train_aug.txt": 10_582}),
}
"""Module of a data option -> its size."""

SIZES = "data=fake data.size=PIXELS data.channels=3 data.classes=COUNT data.train=COUNT data.test=COUNT"

KEPT = ("batch_size", "eval_batch_size", "normalize", "sampler")
"""Keys of data that are no sizes."""


def assumed(overrides: Sequence[Override], error: UserError) -> tuple[list[str], str]:
    """Return the overrides of a command with synthetic images in the place of data that are not here, and what is
    assumed, in a line.

    Raises:
        UserError: `error`, if it is not about data that have no place; for data of unknown size it says how to give it.
    """
    if not str(error).startswith("data: "):
        raise error
    swept_data = any(root_of(each) == "data" and each.is_sweep_override() for each in overrides)
    node = chosen_data(overrides)
    if swept_data or node.get("root") is not None:
        raise error
    name = str(node["_target_"]).split(".")[-2]
    if name not in KNOWN:
        raise UserError(f"{error}; to price it without: {SIZES}") from error
    known = KNOWN[name]
    if listed := known.lists.get(str((node.get("lists") or {}).get("train"))):
        known = known._replace(train=listed)
    train, val, test = counts(node, known)
    pixels = node.get("crop") or node.get("size") or known.pixels
    sizes = {"size": pixels, "channels": known.channels, "classes": known.classes, "targets": known.targets}
    sizes |= {"train": train, "val": val, "test": test}
    rest = [each for each in overrides if root_of(each) != "data" or key_of(each).removeprefix("data.") in KEPT]
    text = (
        f"assumed, as data={name} is not here: {train:,} training, {val:,} validation and {test:,} test images of "
        f"{pixels} × {pixels} pixels in {known.classes:,} classes; no time is measured"
    )
    others = {*chosen_data(overrides, "data=fake")} - {*chosen_data((), "data=fake")}  # that the scale sets
    given = [f"data.{key}={value}" for key, value in sizes.items()]
    return [*texts_of(rest), "data=fake", *given, *(f"~data.{key}" for key in sorted(others))], text


def chosen_data(overrides: Sequence[Override], *more: str) -> Mapping[str, Any]:
    """Return the data node of the first cell of a command with more overrides, its rows aside."""
    composer = shared_composer()
    first = [f"{each.get_key_element()}={values_of(each)[0]}" for each in overrides if not each.is_delete()]
    lacking = composer.lacking([*first, *more])
    kept = [each for each in (*first, *more) if each not in lacking]
    found: Mapping[str, Any] = resolved_config(composer.compose(kept))["data"]
    return found


def counts(node: Mapping[str, Any], known: Published) -> tuple[int, int, int]:
    """Return the counts of training, validation and test images that a data option takes of a published set."""
    val = node.get("val", 0)
    if val == "test":
        return node.get("train") or known.train, known.test, known.test
    held = int(val * known.train) if isinstance(val, float) else int(val)
    train = node.get("train")
    left = known.train - held
    return int(train * known.train) if isinstance(train, float) else train or left, held, known.test
