"""The text of the pages and of their index."""

from manual import asking, axes, docstrings, nets, sweeping
from manual.options import AXES, SHARED, Option
from manual.pictures import picture

MADE = "<!-- Written by docs/methods.py of the YAML, the docstrings and the code; change those, then run it again. -->"
REPOSITORY = "../../.."


UNNAMED = "The YAML and the docstring name none."


def others(option: Option) -> str:
    """How many more a family has."""
    return f" and {len(option.members) - 1} more" if len(option.members) > 1 else ""


def cell(text: str) -> str:
    """Text inside a table."""
    return docstrings.escaped(text).replace("|", "\\|")


def source(option: Option) -> str:
    """The option's file, or its full name where it is another package's."""
    if not option.ours:
        return f"`{option.node['_target_']}`"
    path = f"src/{option.module.__name__.replace('.', '/')}.py"
    return f"[{path}]({REPOSITORY}/{path})"


def arguments(option: Option) -> str:
    """The table of keys."""
    if not option.arguments:
        return "None."
    meanings = docstrings.meanings(option)
    columns = ["meaning", "precisely"] if any(more for _, more in meanings.values()) else ["meaning"]
    rows = [["key", "default", *columns], ["---"] * (2 + len(columns))]
    for each in option.arguments:
        said = [cell(text) for text in meanings[each.key][: len(columns)]]
        rows.append([f"`{option.axis}.{each.key}`", f"`{each.default}`", *said])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def variants(option: Option) -> str:
    """The options of a family: what each is, its size, and in what it differs from the first."""
    stated = any(nets.published(each) for each in option.members)
    header = ["option", "images", "parameters", *(["published"] if stated else []), "what it is", "differs by"]
    rows = [header, ["---", "---", *["--:"] * (1 + stated), "---", "---"]]
    for each in option.members:
        shape, classes = nets.images(each)
        other = [
            f"`{argument.key}={argument.default}`"
            for argument in each.arguments
            if option.node[argument.key] != each.node[argument.key]
        ]
        said = nets.published(each)
        what = docstrings.sentences(each.comment)[0]
        rows.append(
            [
                f"[`{each.name}`]({REPOSITORY}/{each.path})",
                f"{'×'.join(map(str, shape))}, {classes} classes",
                f"{nets.sizes()[each.name]:,}",
                *([f"{said} M" if said else ""] if stated else []),
                cell(what),
                " ".join(other) or ("–" if each.name == option.chosen else ""),
            ]
        )
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def page(option: Option) -> str:
    """One method's page."""
    keys = {each.key for each in option.arguments}
    papers = [docstrings.linked(each) for each in docstrings.papers(option)]
    things = docstrings.documented(option)
    sited = option.axis == "regularizer"
    if not sited and option.ours:
        things = [option.target, *things]
    parts = [
        MADE,
        f"# {option.title}",
        f"`{option.axis}={option.chosen}`{others(option)} · [{option.path}]({REPOSITORY}/{option.path}) · "
        f"{source(option)}",
        docstrings.escaped(option.header),
        f"![{option.title}]({option.name}.png)",
        picture(option).caption,
        "## Paper",
        "\n".join(f"- {each}" for each in papers) or UNNAMED,
    ]
    if option.axis in SHARED:
        things = [*things, SHARED[option.axis]]
    parts.append("## What it does")
    if things:
        several = len(things) > 1
        for thing in things:
            parts += [*([f"### `{thing.__name__}`"] if several else []), docstrings.described(thing, keys)]
    else:
        says = "line at the top says what it is" if option.axis == "activation" else "picture's line has the formula"
        parts.append(f"It is `{option.node['_target_']}` with the arguments below; the {says}.")
    if option.axis == "model":
        parts += ["## Options", "With batch norm and ReLU, all parameters counted.", variants(option)]
    parts += ["## Arguments", arguments(option), "## Where it acts", AXES[option.axis][1]]
    if sited:
        parts.append(docstrings.described(option.target, keys))
    parts += [asking.found(option), "## How to sweep it"]
    lines = [f"    # {what}\n    {sweeping.shown(each)}" for what, each in sweeping.commands(option).items()]
    parts.append("\n".join(lines))
    parts += ["## Ablations", "\n".join(sweeping.ablations(option)) or "None chooses it yet."]
    return "\n\n".join(part for part in parts if part) + "\n"


def index() -> str:
    """All axes, and their options by name."""
    parts = [
        MADE,
        "# Methods",
        "What each does, its formula, a picture of its mask or effect, its paper, where it acts, how to sweep it.",
        "\n".join(axes.line(each) for each in AXES),
        "## Settings",
        "What can be chosen beside methods.",
        "\n".join(axes.line(each) for each in axes.SETTINGS),
    ]
    return "\n\n".join(parts) + "\n"
