"""A script of timm's checkout, with our net among its models: `python timm_run.py CHECKOUT/train.py ARGUMENTS`."""

import runpy
import sys
from pathlib import Path

from net import Net

del sys.argv[0]
sys.path.insert(0, str(Path(sys.argv[0]).parent))

from timm.models import register_model  # noqa: E402  of the checkout


@register_model
def peers_net(pretrained: bool = False, drop_block_rate: float = 0.0, **given: object) -> Net:
    """What `--model peers_net` makes; its own arguments among all that timm gives a model."""
    own = ("block_size", "blocks", "stem_stride", "last_stride")
    return Net(drop_block_rate, **{name: given[name] for name in own})


runpy.run_path(sys.argv[0], run_name="__main__")
