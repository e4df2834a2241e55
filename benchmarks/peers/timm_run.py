"""A script of timm's checkout, with our net among its models: `python timm_run.py CHECKOUT/train.py ARGUMENTS`."""

import runpy
import sys
from pathlib import Path

from net import ResNet14

del sys.argv[0]
sys.path.insert(0, str(Path(sys.argv[0]).parent))

from timm.models import register_model  # noqa: E402  of the checkout


@register_model
def resnet14_mnist(pretrained: bool = False, drop_block_rate: float = 0.0, **_: object) -> ResNet14:
    """What `--model resnet14_mnist` makes."""
    return ResNet14(drop_block_rate)


runpy.run_path(sys.argv[0], run_name="__main__")
