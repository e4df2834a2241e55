"""What docstrings say of a method, as Markdown."""

import inspect
import re
from types import ModuleType
from typing import Any

from torch import nn

from manual.options import SHARED, Option, sentences

FORMULA = re.compile(r"\S (=|←|~|≤) \S|[ΣλΠ√‖]| · .+ / | / .+ · |\)\(|\w\^\w")
SECTIONS = ("Args:", "Raises:", "Returns:")
PART = re.compile(r", (?:§|Table|eq\.|Fig\.|Algorithm).*")
"""Of a paper."""

KEY = r"\+?[a-z_]+[\w.@]*=[\w.\[\]\-]*\w\]?"
LABELS = ("Shapes", "Source", "Raises", "Returns", "Differs from the paper", "Differs from")


def documented(option: Option) -> list[Any]:
    """The modules that the option's file defines, and what their docstrings and its own name in backticks there."""
    if not option.ours:
        return []
    here = vars(option.module)
    mine = {
        name: each
        for name, each in here.items()
        if inspect.getmodule(each) is option.module
        and (inspect.isclass(each) or inspect.isfunction(each))
        and each is not option.target
        and inspect.getdoc(each)
    }
    found = [each for each in mine.values() if inspect.isclass(each) and issubclass(each, nn.Module)]
    asked = [option.target, *found]
    for each in asked:  # grows while it is walked
        named = re.findall(r"`(\w+)`", inspect.getdoc(each) or "")
        asked += [mine[name] for name in dict.fromkeys(named) if name in mine and mine[name] not in asked]
    return asked[1:]


def divided(thing: Any) -> tuple[list[str], dict[str, str]]:
    """A docstring's paragraphs, each in one line, and what its `Args:` say; lines of `Raises:` are a paragraph."""
    paragraphs: list[str] = []
    arguments: dict[str, str] = {}
    for block in re.split(r"\n\s*\n", inspect.getdoc(thing) or ""):
        first, _, rest = block.partition("\n")
        if first.strip() not in SECTIONS:
            paragraphs.append(" ".join(block.split()))
        elif first.strip() == "Args:":
            entries = re.findall(r"^    (\S[^:]*): (.*(?:\n {5,}.*)*)", rest, re.MULTILINE)
            arguments |= {name: " ".join(said.split()) for name, said in entries}
        else:
            paragraphs.append(f"{first.strip().removesuffix(':')}: {' '.join(rest.split())}")
    return paragraphs, arguments


def prose(paragraph: str) -> str:
    """A paragraph, each of its formulas as a quotation, and what its labels begin apart."""
    parts: list[str] = []
    open_ = False
    for sentence in sentences(paragraph):
        label = re.match(rf"(?:{'|'.join(LABELS)})[^:.]*:", sentence)
        text = escaped(sentence)
        if label:
            parts.append(f"**{label[0]}**{text[len(label[0]) :]}")
            open_ = True
        elif FORMULA.search(sentence) and not (open_ and parts[-1].startswith("**")):
            parts.append(f"> {text}")
            open_ = False
        elif open_:
            parts[-1] += f" {text}"
        else:
            parts.append(text)
            open_ = True
    return "\n\n".join(parts)


def escaped(text: str) -> str:
    """Plain text as Markdown, its backticks kept; keys as code."""
    parts = re.split(r"(`[^`]*`)", text)
    plain = [re.sub(r"([*<])", r"\\\1", part) for part in parts[::2]]
    keys = [re.sub(rf"(?<![\w`.]){KEY}(?: {KEY})*", r"`\g<0>`", part) for part in plain]
    return "".join(a + b for a, b in zip(keys, [*parts[1::2], ""], strict=True))


def meanings(option: Option) -> dict[str, tuple[str, str]]:
    """Argument -> what the YAML's comment says, and what the docstrings add; the latter alone where it says all."""
    said: dict[str, str] = {}
    for thing in [option.target, *documented(option)] if option.ours else []:
        for names, text in divided(thing)[1].items():
            for name in names.split(", "):
                said.setdefault(name, text.rstrip("."))
    found = {}
    for each in option.arguments:
        comment, more = each.meaning, said.get(each.key, "")
        if "see above" in more or "as in `" in more or same(more, comment):
            more = ""
        found[each.key] = (more, "") if same(comment, more) else (comment, more)
    return found


def same(one: str, other: str) -> bool:
    """Whether all words of one stand in the other too."""
    return set(re.findall(r"\w+", one.lower())) <= set(re.findall(r"\w+", other.lower()))


def described(thing: Any, keys: set[str]) -> str:
    """A docstring as Markdown, without the arguments that are the YAML's keys."""
    paragraphs, arguments = divided(thing)
    rest = [f"- `{names}`: {escaped(text)}" for names, text in arguments.items() if not set(names.split(", ")) <= keys]
    text = [prose(paragraph) for paragraph in paragraphs]
    if rest:
        at = next(
            (i for i, each in enumerate(paragraphs) if each.startswith(("Raises", "Source", "Differs"))), len(text)
        )
        text.insert(at, "\n".join(rest))
    return "\n\n".join(text)


def papers(option: Option) -> list[str]:
    """What stands in parentheses with a year in it, in the file's docstring and the YAML's header."""
    texts = [option.module.__doc__ or ""] if option.ours else []
    found = cited(" ".join([*texts, *(each.comment for each in option.members)]))
    if len(option.members) > 1:
        found = [PART.sub("", each) for each in found]  # each member has another table
    if option.axis in SHARED:
        said = shared(option.axis).__doc__ or ""
        found += [f"{paper}: {said.split(' (')[0]}" for paper in cited(said)]
    return found


def cited(text: str) -> list[str]:
    """The papers in parentheses, the authors too where they stand before them; of two ways to say one the longer."""
    found: dict[tuple[str, str], str] = {}
    for before, inside in re.findall(r"([A-Z]\w+ et al\. )?\(([^()]*\b(?:19|20)\d\d\b[^()]*)\)", text):
        authors = before.replace(". ", "., ")
        for each in inside.split(";"):
            paper = authors + " ".join(each.rpartition(": ")[2].split())
            year = re.search(r"[^,]*\b(?:19|20)\d\d", paper)
            assert year
            key = (re.split(r"\W", paper)[0], year[0].strip())
            other = found.get(key, "")
            part = PART.search(paper) or PART.search(other)
            longer = max(PART.sub("", other), PART.sub("", paper), key=len)
            found[key] = longer + (part[0] if part else "")
    return list(found.values())


def shared(axis: str) -> ModuleType:
    """The module of what all options of an axis pass through."""
    found = inspect.getmodule(SHARED[axis])
    assert found is not None
    return found


def linked(paper: str) -> str:
    """The citation, its arXiv number a link."""
    return re.sub(r"arXiv (\d{4}\.\d{4,5})", r"[arXiv \1](https://arxiv.org/abs/\1)", paper)
