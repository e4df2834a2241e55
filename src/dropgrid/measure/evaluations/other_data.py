"""The headline metric on another data set."""

from collections.abc import Mapping
from typing import Any

from dropgrid import build
from dropgrid.data.source import Spec
from dropgrid.errors import UserError
from dropgrid.instantiate import module_of
from dropgrid.measure.trained_cell import Measure, TrainedCell


def other_data(cell: TrainedCell, *, data: Mapping[str, Any] | None) -> dict[str, Measure]:
    """The headline metric on another data set's test images, normalised like the cell's; label k is the cell's class k.

    Args:
        data: the node of a data option.

    Raises:
        UserError: data is missing, or has another number of classes or another image shape.
    """
    if data is None:
        raise UserError("evaluate.data must name a data set: evaluate.data=image_folder evaluate.data.root=FOLDER")
    source = build.planned({"data": data}, {"paths": cell.local["paths"]})
    spec, own = source.spec(), cell.spec
    if data_shape(spec) != data_shape(own):
        raise UserError(
            f"evaluate.data has {describe_data(spec)}, the cell was trained on {describe_data(own)}: they do not fit"
        )
    name = str(module_of("data", data)).rpartition(".")[2]
    measured = cell.headline(cell.predict(source.load().test))
    return {name: measured._replace(label=f"{measured.label} on {name}")}


def data_shape(spec: Spec) -> tuple[object, ...]:
    """Return what is known of an image, the number of classes and the image shape."""
    return (spec.targets, len(spec.classes), spec.channels, *spec.size)


def describe_data(spec: Spec) -> str:
    """Return a description such as `10 classes of 28×28 images with 1 channel`."""
    height, width = spec.size
    channels = f"{spec.channels} channel{'s' if spec.channels > 1 else ''}"
    what = "" if spec.targets == "classes" else f" and {spec.targets}"
    return f"{len(spec.classes)} classes of {height}×{width} images with {channels}{what}"
