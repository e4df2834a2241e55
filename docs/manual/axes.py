"""A page an axis: its options in a line each, or, where these have no pages of their own, their YAMLs."""

import re

from manual import docstrings
from manual.options import AXES, BASELINES, CONF, Option, of_axis, read_option

SETTINGS: dict[str, tuple[str, str]] = {
    "data": ("What it learns from", "Chosen by `data=NAME`."),
    "scale": (
        "How large",
        "Chosen by `scale=NAME`: data, model, length of training, and the values that ablations take from it "
        "(`${scale.…}`), so that one ablation runs at any size.",
    ),
    "trainer": ("On what it runs", "Chosen by `trainer=NAME`; the keys are Lightning's Trainer's, but for a few."),
    "speed": ("Presets of speed", "Chosen by `speed=NAME`. Bits depend on them, so they are values of a cell."),
    "logger": ("Where it is logged", "Chosen by `logger=NAME`, beside a cell's own files, which it always has."),
    "evaluate": (
        "What is measured again",
        "Chosen by `python scripts/evaluate.py NAME +evaluate=…`, on finished cells, without training.",
    ),
    "diagnose": (
        "What a configuration does to the signal",
        "Chosen by `python scripts/diagnose.py +diagnose=…`, before a training or beside it.",
    ),
    "diagnosis": ("What is recorded while it trains", "Chosen by `diagnosis=NAME`; drawn in the report."),
}
"""Axes whose options have no pages of their own: heading, and how they are chosen."""


def heading(axis: str) -> str:
    """The axis's title."""
    return (AXES | SETTINGS)[axis][0]


def listed(axis: str) -> list[Option]:
    """The options that its page tells of."""
    if axis in AXES:
        return list(of_axis(axis))
    return [read_option(axis, path.stem) for path in sorted((CONF / axis).glob("*.yaml"))]


def described(option: Option) -> str:
    """An option without a page: what its YAML says first, and the rest of it."""
    parts = re.fullmatch(r"(?:# @package _global_\n)?((?:#[^\n]*\n)+)(.*)", option.text, re.DOTALL)
    assert parts, f"{option.path} begins with a comment"
    comment, body = parts.groups()
    said = docstrings.escaped(" ".join(line.removeprefix("#").strip() for line in comment.splitlines()))
    source = f"[{option.path}](../../../{option.path})"
    return f"## `{option.name}`\n\n{said}\n\n{source}\n\n```yaml\n{body.strip()}\n```"


def page(axis: str, made: str) -> str:
    """The page of an axis."""
    where = (AXES | SETTINGS)[axis][1]
    parts = [made, f"# {heading(axis)}: `{axis}`", where]
    if axis in SETTINGS:
        return "\n\n".join([*parts, *(described(each) for each in listed(axis))]) + "\n"
    if (CONF / axis / "none.yaml").exists():
        parts.append(f"`{axis}=none` chooses none.")
    if axis in BASELINES:
        parts.append(f"Ablations compare with `{axis}={BASELINES[axis]}` unless they say otherwise.")
    lines = [
        f"- [{each.title}]({each.name}.md){docstrings.escaped(each.summary.removeprefix(each.title))}"
        for each in listed(axis)
    ]
    return "\n\n".join([*parts, "\n".join(lines)]) + "\n"


def line(axis: str) -> str:
    """The index's line: the axis, and its options."""
    pages = [
        f"[{each.title}]({axis}/{each.name}.md)" if axis in AXES else f"[`{each.name}`]({axis}/README.md#{each.name})"
        for each in listed(axis)
    ]
    return f"- [`{axis}`]({axis}/README.md), {heading(axis)[0].lower()}{heading(axis)[1:]}: {', '.join(pages)}"
