"""The paths of all optimizers over functions of two numbers: python examples/optimizer_paths/run.py [SURFACE…] [FLAGS]

Each surface is drawn at one common rate and at each optimizer's tuned rate, and in an animation of both; which of the
statements about such paths hold is said in the pictures and here. The optimizers are the options of conf/optimizer, as
a training takes them, without weight decay, in float64. A file in surfaces/ is a surface.

Pictures and numbers are left under outputs/optimizer_paths.
"""

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dropgrid.commands import Parser, run_command
from dropgrid.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from optimizer_paths.paths import Request
    from optimizer_paths.record import Seen
    from optimizer_paths.surface import Surface

ROOT = Path(__file__).parents[3]
"""Of the checkout."""

CLOSURE = "its step takes gradients elsewhere than where it stands"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 2 and a line for a user's mistake."""
    expected = Parser("optimizer_paths", __doc__ or "")
    expected.prog = "python examples/optimizer_paths/run.py"
    expected.add_argument("surfaces", metavar="SURFACE", nargs="*", help="those to draw; all where none is named")
    expected.add_argument("--rate", type=float, help="the common rate; the surface's own where nothing is said")
    expected.add_argument("--start", type=float, nargs=2, metavar=("X", "Y"), help="where all paths begin")
    expected.add_argument("--offset", type=float, help="added to the start's y")
    expected.add_argument("--steps", type=int, help="of each path, and of each trial of the tuning")
    expected.add_argument("--publish", action="store_true", help="renew results/ and docs/optimizer_paths.md too")
    return run_command(act, expected, arguments)


def act(given: argparse.Namespace) -> int:
    """Walk, judge, draw, write, tell."""
    from optimizer_paths.surface import surfaces

    request = checked(given)
    found = chosen(given.surfaces, surfaces())
    for name, surface in found.items():
        x, y = request.start or surface.start
        if not surface.inside(x, y + (surface.offset if request.offset is None else request.offset)):
            raise UserError(f"the start ({x:g}, {y:g}) is outside the bound of {name}")
    seen, left_out = walked(found, request)
    told = written(given.outputs / "optimizer_paths", seen, left_out)
    if given.publish:
        from optimizer_paths.publish import publish

        told.append(str(publish(given.outputs / "optimizer_paths", ROOT)))
    tell(seen, left_out, told)
    return 0


def checked(given: argparse.Namespace) -> "Request":
    """The flags' values; UserError for one that cannot be."""
    from optimizer_paths.paths import Request

    if given.rate is not None and not 0 < given.rate < math.inf:
        raise UserError(f"--rate must be a number above 0, got {given.rate:g}")
    if given.steps is not None and given.steps < 1:
        raise UserError(f"--steps must be 1 or more, got {given.steps}")
    for flag, values in (("--start", given.start or []), ("--offset", [] if given.offset is None else [given.offset])):
        if not all(math.isfinite(each) for each in values):
            raise UserError(f"{flag} must be finite, got {' '.join(f'{each:g}' for each in values)}")
    request = Request(given.rate, tuple(given.start) if given.start else None, given.offset, given.steps)
    if given.publish and (given.surfaces or request != Request()):
        raise UserError("--publish keeps all surfaces as they are by default: it goes alone")
    return request


def chosen(names: Sequence[str], known: "dict[str, Surface]") -> "dict[str, Surface]":
    """The surfaces that are named, or all."""
    for name in names:
        if name not in known:
            raise UserError(f"there is no surface {name!r}{did_you_mean(name, list(known))}; those: {', '.join(known)}")
    return {name: known[name] for name in names or known}


def walked(found: "dict[str, Surface]", request: "Request") -> "tuple[Seen, dict[str, str]]":
    """The paths over each surface, and the options that have none, with the reason."""
    from rich.progress import Progress

    from dropgrid.commands import terminal
    from optimizer_paths.options import needs_closure, nodes
    from optimizer_paths.paths import regimes

    options = nodes()
    left_out = {name: CLOSURE for name, node in options.items() if needs_closure(node)}
    taken = {name: node for name, node in options.items() if name not in left_out}
    seen = {}
    with Progress(console=terminal(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=len(found) * len(taken))
        for name, surface in found.items():
            progress.update(task, description=f"rates on {name}")
            seen[name] = regimes(surface, taken, request, lambda: progress.advance(task))
    return seen, left_out


def written(folder: Path, seen: "Seen", left_out: dict[str, str]) -> list[str]:
    """Pictures, animations and numbers; the files."""
    from dropgrid.commands import terminal
    from dropgrid.plotting.style import png
    from dropgrid.store.files import write
    from optimizer_paths.animation import animation
    from optimizer_paths.picture import picture
    from optimizer_paths.record import points, summary
    from optimizer_paths.statements import findings

    files: dict[str, str | bytes] = {}
    with terminal(stderr=True).status("drawing"):
        for name, (regimes, _) in seen.items():
            for regime, paths in regimes.items():
                files[f"{name}_{regime}.png"] = png(picture(paths, findings(name, paths)), dpi=150)
            files[f"{name}.webp"] = animation(regimes)
    files["paths.json"] = points(seen)
    files["findings.json"] = json.dumps(summary(seen, left_out), indent=1, ensure_ascii=False) + "\n"
    for name, content in files.items():
        write(folder / name, content)
    return [str(folder / name) for name in files]


def tell(seen: "Seen", left_out: dict[str, str], files: Sequence[str]) -> None:
    """The statements as a table, what was left out, and the files."""
    from rich.text import Text

    from dropgrid.cli.console import show, table
    from optimizer_paths.paths import COMMON, TUNED
    from optimizer_paths.statements import findings

    styles = {True: "green", False: "red", None: "dim"}
    rows: list[list[Any]] = []
    for name, (regimes, _) in seen.items():
        for regime in (COMMON, TUNED):
            for statement, finding in findings(name, regimes[regime]):
                verdict = Text(finding.verdict, style=styles[finding.holds])
                rows.append([name, regime, statement.said, verdict, finding.reading])
    if rows:
        show(table(("surface", "rates", "statement", "", "measured"), rows, left=range(5)))
    show("", *(f"{name} is left out: {reason}" for name, reason in left_out.items()), *files)
