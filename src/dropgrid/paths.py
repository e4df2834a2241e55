"""Where the configs are, the checkout's `conf` or the copy in the wheel; and paths as others may read them."""

import os
import re
from pathlib import Path

from dropgrid.errors import UserError

PACKAGE = Path(__file__).resolve().parent
CHECKOUT_CONF = PACKAGE.parents[1] / "conf"
CONF = CHECKOUT_CONF if (CHECKOUT_CONF / "train.yaml").exists() else PACKAGE / "conf"


def outputs_folder(given: Path | str | None = None) -> Path:
    """Where outputs lie: as given, else as DROPGRID_OUTPUTS says, else in `outputs`."""
    return Path(untilde(str(given or os.environ.get("DROPGRID_OUTPUTS", "outputs"))))


def tilde(text: str) -> str:
    """A text for others: ~ where the path of the home folder stood, which has a person's name in it."""
    return of_home().sub("~", text)


def untilde(path: str) -> str:
    """The path again; UserError for ~NAME of nobody."""
    try:
        return str(Path(path).expanduser()) if path.startswith("~") else path
    except RuntimeError as error:
        raise UserError(f"{path}: there is no home folder to begin from") from error


def of_home() -> re.Pattern[str]:
    """The home folder at the beginning of a path, as it is called and where it really lies; matches nothing where home
    is / or unknown."""
    try:
        homes = {str(Path.home()), str(Path.home().resolve())} - {"/", ""}
    except (RuntimeError, OSError):
        homes = set()
    either = "|".join(re.escape(home) for home in sorted(homes, key=len, reverse=True))
    return re.compile(rf"(?<![\w.~-])(?:{either})(?![\w.-])" if either else r"(?!)")
