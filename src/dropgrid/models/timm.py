"""Any classifier of timm (Wightman, PyTorch image models, 2019)."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from torch import nn

from dropgrid.errors import did_you_mean
from dropgrid.models.library import with_sites
from dropgrid.sites import Option


def timm(
    *, name: str, arguments: Mapping[str, Any], shape: tuple[int, int, int], classes: int, sites: Sequence[Option] = ()
) -> nn.Module:
    """Build a network of timm, untrained; (N, C, H, W) -> (N, classes).

    Args:
        name: as `timm.list_models()` has it, without the tag of pretrained weights.
        arguments: further ones of its constructor, such as `patch_size`.
        shape, classes, sites: as for `dropgrid.models.torchvision`; of any number of channels.

    Raises:
        ValueError: timm is not installed; or as for `torchvision`.
    """
    try:
        import timm as library
    except ImportError as error:
        raise ValueError("timm is not installed: pip install 'dropgrid[timm]'") from error
    if not library.is_model(name):
        near = did_you_mean(name, library.list_models()) or "; timm.list_models() lists them"
        raise ValueError(f"model.name={name!r} is no network of timm{near}")
    about = library.get_pretrained_cfg(name)
    given = {"in_chans": shape[0], "num_classes": classes} | dict(arguments)
    if about is not None and about.fixed_input_size:
        given = {"img_size": shape[1:]} | given
    return with_sites(partial(library.create_model, name, pretrained=False, **given), arguments, shape, classes, sites)
