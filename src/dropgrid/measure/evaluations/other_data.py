"""Accuracy on another data set."""

from collections.abc import Mapping
from typing import Any

from dropgrid import build
from dropgrid.data.source import Spec
from dropgrid.errors import UserError
from dropgrid.instantiate import module_of
from dropgrid.measure.subject import Measure, Subject
from dropgrid.scores import accuracy


def other_data(subject: Subject, *, data: Mapping[str, Any] | None) -> dict[str, Measure]:
    """Accuracy on another data set's test images, normalised as the cell's own; label k is the cell's class k.

    Args:
        data: the node of a data option.

    Raises:
        UserError: no data, or data that do not fit: other classes by count, or images of another shape.
    """
    if data is None:
        raise UserError("evaluate.data must name a data set: evaluate.data=image_folder evaluate.data.root=FOLDER")
    source = build.source({"data": data}, {"paths": subject.local["paths"]})
    spec, own = source.spec(), subject.spec
    if shape(spec) != shape(own):
        raise UserError(f"evaluate.data has {words(spec)}, the cell was trained on {words(own)}: they do not fit")
    name = str(module_of("data", data)).rpartition(".")[2]
    return {name: Measure(accuracy(*subject.predict(source.load().test)), f"Accuracy on {name}")}


def shape(spec: Spec) -> tuple[int, ...]:
    """Classes and image."""
    return (len(spec.classes), spec.channels, *spec.size)


def words(spec: Spec) -> str:
    """`10 classes of 28×28 images with 1 channel`."""
    height, width = spec.size
    channels = f"{spec.channels} channel{'s' if spec.channels > 1 else ''}"
    return f"{len(spec.classes)} classes of {height}×{width} images with {channels}"
