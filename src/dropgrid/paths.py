"""The folder of configs, the outputs folder, and paths without the name of the home folder."""

import os
import re
from pathlib import Path

from dropgrid.errors import UserError

PACKAGE = Path(__file__).resolve().parent
CHECKOUT_CONF = PACKAGE.parents[1] / "conf"
CONF = CHECKOUT_CONF if (CHECKOUT_CONF / "train.yaml").exists() else PACKAGE / "conf"


def outputs_folder(given: Path | str | None = None) -> Path:
    """Return the outputs folder: the one given, else that of the variable DROPGRID_OUTPUTS, else `outputs`."""
    return Path(untilde(str(given or os.environ.get("DROPGRID_OUTPUTS", "outputs"))))


def tilde(text: str) -> str:
    """Replace the path of the home folder, which contains a person's name, by ~."""
    return home_pattern().sub("~", text)


def untilde(path: str) -> str:
    """Expand ~ in a path; UserError if there is no such home folder."""
    try:
        return str(Path(path).expanduser()) if path.startswith("~") else path
    except RuntimeError as error:
        raise UserError(f"{path}: there is no home folder to begin from") from error


def home_pattern() -> re.Pattern[str]:
    """Return a pattern of the home folder at the beginning of a path, also with links resolved.

    It matches nothing if the home folder is / or unknown.
    """
    try:
        homes = {str(Path.home()), str(Path.home().resolve())} - {"/", ""}
    except (RuntimeError, OSError):
        homes = set()
    either = "|".join(re.escape(home) for home in sorted(homes, key=len, reverse=True))
    return re.compile(rf"(?<![\w.~-])(?:{either})(?![\w.-])" if either else r"(?!)")
