"""What a command sweeps: keys of several values, in every combination, or zipped, one by one."""

import re
from collections.abc import Callable, Container, Iterator, Sequence
from itertools import product
from math import prod

from hydra.core.override_parser.types import Override, Sweep
from hydra.errors import HydraException

from dropgrid.errors import UserError
from dropgrid.planning.overrides import check_count, parse_override, parse_text, values_of

ZIP = re.compile(r"zip\((.*)\)", re.DOTALL)
PART = re.compile(r"""(?:'[^']*'|"[^"]*"|[^;])+""")
"""What stands between the semicolons of a zip; those in quotes are values."""

TAG = re.compile(r"zip\d+")


def unzipped(texts: Sequence[str], expand: Callable[[str], str] = str) -> list[str]:
    """Return overrides with each `zip(a=1,2; b=3,4)` as two, `a=tag(zip1,choice(1,2))` and `b=…`: as Hydra reads them.

    Args:
        expand: called with each of these two, before it is read.

    Raises:
        UserError: a zip of a key with one value, or of keys with different counts of values.
    """
    found: list[str] = []
    for number, text in enumerate(texts, 1):
        zipped = ZIP.fullmatch(text.strip())
        parts = [each.strip() for each in PART.findall(zipped[1]) or [""]] if zipped else []
        tagged = []
        for part in parts:
            key, _, value = part.partition("=")
            if not key or not value or key.strip().lstrip("+") == "seed":
                raise UserError(f"{text}: write zip(key=a,b; other=c,d); seeds are not zipped")
            sweep = value if re.match(r"(choice|range|glob)\(", value) else f"choice({value})"
            tagged.append(expand(f"{key}=tag(zip{number},{sweep})"))
        for part, each in zip(parts, tagged, strict=False):
            try:
                parse_text(each)
            except HydraException as error:
                raise UserError(
                    f"{text}: cannot read {part!r}: quote a value that holds =, ;, commas, brackets or quotes; "
                    "null cannot be zipped"
                ) from error
        counts = [len(values_of(parse_override(each))) for each in tagged]
        if tagged and (len({*counts}) > 1 or counts[0] < 2):
            each = ", ".join(f"{part.partition('=')[0]} has {count}" for part, count in zip(parts, counts, strict=True))
            raise UserError(f"{text}: zipped keys have the same number of values, two or more; {each}")
        found += tagged or [text]
    return found


class Swept:
    """Keys of several values.

    Args:
        overrides: each of several values; those of one tag `zip…` go together.

    Raises:
        UserError: two of one key.
    """

    def __init__(self, overrides: Sequence[Override]):
        keys = [str(each.get_key_element()) for each in overrides]
        if twice := next((key for key in keys if keys.count(key) > 1), None):
            raise UserError(f"{twice} is swept twice; give all its values at once, as in {twice}=a,b")
        self.values = {str(each.get_key_element()): values_of(each) for each in overrides}
        groups: dict[str, list[str]] = {}
        for key, each in zip(self.values, overrides, strict=True):
            groups.setdefault(zip_tag(each) or key, []).append(key)
        self.groups = [*groups.values()]
        check_count(prod(len(self.values[keys[0]]) for keys in self.groups), "the product of what is swept")

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.values)

    def combinations(self, keys: Container[str]) -> list[dict[str, str]]:
        """Return each combination of the values of the swept keys among some, by key.

        Raises:
            UserError: keys are zipped of which some are among them and some are not.
        """
        axes = []
        for group in self.groups:
            inside = [key in keys for key in group]
            if any(inside) and not all(inside):
                raise UserError(
                    f"zip of {' and '.join(group)}: keys that choose test images are zipped with none other"
                )
            rows = zip(*(self.values[key] for key in group), strict=True)
            axes += [[dict(zip(group, values, strict=True)) for values in rows]] if all(inside) else []
        return [{key: value for part in each for key, value in part.items()} for each in product(*axes)]

    @property
    def first(self) -> list[str]:
        """The first combination, as overrides."""
        return [f"{key}={values[0]}" for key, values in self.values.items()]

    @property
    def texts(self) -> list[str]:
        """What is swept, as it is typed."""
        lines = [[f"{key}={','.join(self.values[key])}" for key in group] for group in self.groups]
        return [each[0] if len(each) == 1 else f"zip({'; '.join(each)})" for each in lines]


def zip_tag(override: Override) -> str | None:
    """Return the tag by which an override's values are zipped with others'; None if they are not."""
    value = override.value()
    tags = value.tags if isinstance(value, Sweep) else ()
    return next((tag for tag in sorted(tags) if TAG.fullmatch(tag)), None)
