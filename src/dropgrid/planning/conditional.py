"""Keys of a command line that only some of its rows' options define: they apply there, and the plan says where not."""

from collections.abc import Mapping, Sequence


class Conditional:
    """Overrides of a command line that apply where the chosen options define their key: to some rows, not to others.

    Args:
        texts: the overrides that give a key its value.
    """

    def __init__(self, texts: Sequence[str]):
        self.texts = texts
        self.used: set[str] = set()
        self.skipped: dict[str, set[str]] = {}

    def applied(self, texts: Sequence[str], lacking: Mapping[str, str]) -> list[str]:
        """Return overrides without those that are lacking, as `Composer.lacking` says, and remember which."""
        for text in self.texts:
            if text in lacking:
                self.skipped.setdefault(text, set()).add(lacking[text])
            elif text in texts:
                self.used.add(text)
        return [text for text in texts if text not in lacking or text not in self.texts]

    def unknown(self) -> list[str]:
        """Return the overrides that applied to nothing."""
        return [text for text in self.skipped if text not in self.used]

    def notes(self) -> list[str]:
        """Return a line for each key that some rows lack: `regularizer.block_size: not a key of regularizer=none`."""
        without: dict[str, set[str]] = {}
        for text, options in self.skipped.items():
            without.setdefault(text.partition("=")[0], set()).update(options)
        return [
            f"{key} is not a key of {', '.join(sorted(options))}: not set there" for key, options in without.items()
        ]
