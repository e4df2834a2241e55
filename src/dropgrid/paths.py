"""Where the configs are: the checkout's `conf`, or the copy in the wheel."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
CHECKOUT_CONF = PACKAGE.parents[1] / "conf"
CONF = CHECKOUT_CONF if (CHECKOUT_CONF / "train.yaml").exists() else PACKAGE / "conf"
