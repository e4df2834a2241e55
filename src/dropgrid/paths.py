"""Where the configs are, the checkout's `conf` or the copy in the wheel; and paths as others may read them."""

import os
import re
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
CHECKOUT_CONF = PACKAGE.parents[1] / "conf"
CONF = CHECKOUT_CONF if (CHECKOUT_CONF / "train.yaml").exists() else PACKAGE / "conf"


def outputs_folder(given: Path | str | None = None) -> Path:
    """Where outputs lie: as given, else as DROPGRID_OUTPUTS says, else in `outputs`."""
    return Path(untilde(str(given or os.environ.get("DROPGRID_OUTPUTS", "outputs"))))


def tilde(text: str) -> str:
    """A text for others: ~ where the path of the home folder stood, which has a person's name in it."""
    return of_home().sub("~", text)


def tilde_override(override: str) -> str:
    """The same of a Hydra override, in which a value with ~ stands in quotes."""
    begun = re.compile(rf"([=(,\[]\s*){of_home().pattern}(/[^\s,\])]*)")
    parts = re.split(r"""('[^']*'|"[^"]*")""", override)  # every second one is quoted
    return "".join(tilde(part) if k % 2 else begun.sub(r'\1"~\2"', part) for k, part in enumerate(parts))


def untilde(path: str) -> str:
    """The path again."""
    return str(Path(path).expanduser()) if path.startswith("~") else path


def of_home() -> re.Pattern[str]:
    """The home folder at the beginning of a path; matches nothing where home is / or unknown."""
    try:
        home = str(Path.home())
    except RuntimeError:
        home = "/"
    return re.compile(rf"(?<![\w.~-]){re.escape(home)}(?![\w.-])" if len(home) > 1 else r"(?!)")
