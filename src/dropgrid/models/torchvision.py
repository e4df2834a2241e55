"""Any network of torchvision that classifies images or pixels (Marcel, Rodriguez, ACM Multimedia 2010)."""

import inspect
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from torch import nn

from dropgrid.errors import did_you_mean
from dropgrid.models.library import with_sites
from dropgrid.sites import Option


def torchvision(
    *, name: str, arguments: Mapping[str, Any], shape: tuple[int, int, int], classes: int, sites: Sequence[Option] = ()
) -> nn.Module:
    """Build a network of `torchvision.models`, untrained; (N, 3, H, W) -> (N, classes), or (N, classes, H, W) of
    `torchvision.models.segmentation`.

    Args:
        name: as `torchvision.models.list_models()` has it; of its modules models and models.segmentation.
        arguments: further ones of its constructor.
        shape: shape of an image, (3, H, W). Where a network is built for one size, it is built for this one.
        classes: number of classes.
        sites: regularizer options, called for every site; see `dropgrid.models.library.place_sites`.

    Raises:
        ValueError: no such network, arguments that it does not take or that drop, grey images, or no logits.
    """
    from torchvision import models  # seconds, which other networks need not wait for

    known = [each for module in (models, models.segmentation) for each in models.list_models(module=module)]
    if name not in known:
        near = did_you_mean(name, known)
        raise ValueError(f"model.name={name!r} is no network of torchvision{near}; there are {', '.join(known)}")
    if shape[0] != 3:
        raise ValueError(f"torchvision's networks take 3 channels, the data have {shape[0]}: model=timm takes any")
    kind = inspect.signature(models.get_model_builder(name)).return_annotation
    takes = inspect.signature(kind).parameters if inspect.isclass(kind) else {}
    sized = {"image_size": shape[1], "input_size": shape[1:]}
    pixels = {"weights_backbone": None} if name in models.list_models(module=models.segmentation) else {}
    given = {key: value for key, value in sized.items() if key in takes} | {"num_classes": classes} | dict(arguments)
    return with_sites(
        partial(models.get_model, name, weights=None, **pixels, **given), arguments, shape, classes, sites
    )
