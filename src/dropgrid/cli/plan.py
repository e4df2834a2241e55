"""Show what would run and its cost, without training: `python scripts/plan.py +ablation=NAME [OVERRIDES] [--json]`.

Takes the arguments of train.py. Checks every cell, and times a few seconds of real training for each kind of
unfinished cell. With sweep.budget=2h, reports whether the cells would fit. sweep.detect=0.3 is the difference, in
points, for which the number of seeds needed is estimated.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from rich import box
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from dropgrid import json_output
from dropgrid.cluster.allocation import OURS, Allocation, allocation
from dropgrid.commands import run_words, terminal
from dropgrid.cost.autotune import resolve_auto
from dropgrid.cost.power import estimate_pilot, known_of, pilot_advice, reach_lines, train_command
from dropgrid.cost.price import Price, PriceLine, Pricing, budget_seconds, within_budget
from dropgrid.errors import UserError
from dropgrid.execution.live_view import minutes
from dropgrid.execution.pool import policy
from dropgrid.execution.selection import todo
from dropgrid.planning.command_line import CommandLine, read_command_line
from dropgrid.planning.compose import hydra_context, launcher_config
from dropgrid.planning.explain import explained
from dropgrid.planning.policy import check_command
from dropgrid.planning.seeds import difference_to_detect
from dropgrid.planning.tune import SEPARATOR, round_count
from dropgrid.planning.types import Plan
from dropgrid.reports.treatment import matched_doses
from dropgrid.store.identity import unread_axes

JUST_NOW = 600.0
"""Seconds within which cells were timed by this command, or the one before."""

PIPE_WIDTH = 180
"""Characters per line if the output is not a terminal."""


def main(given: Sequence[str] | None = None) -> int:
    """Run the command; return 2, with a line on stderr, after a mistake or if `sweep.budget` would be exceeded."""
    return run_words("plan", act, sys.argv[1:] if given is None else given)


def act(words: Sequence[str]) -> int:
    """Show the help, or plan."""
    if "-h" in words or "--help" in words:
        print(__doc__)
        return 0
    return preview(read_command_line(words))


def preview(line: CommandLine) -> int:
    """Plan, check as a launch does, measure, and print."""
    from dropgrid.execution.check import check
    from dropgrid.execution.forkserver import warm
    from dropgrid.execution.slots import slots
    from dropgrid.planning.types import modules

    with explained(line.overrides):
        check_command(replace(line, sweeps=True))  # it plans a sweep without -m too
    with hydra_context(line), explained(line.overrides):
        made, assumption = planned(line)
        asks = requested_allocations(made, launcher_config(line.overrides))
    found = (
        [replace(plan, jobs="auto") for plan in made] if asks else made
    )  # a launcher has its own jobs; timing happens here
    for plan in found:
        _ = slots(plan), budget_seconds(plan), difference_to_detect(plan.sweep)  # errors in `sweep.` before all else
    if assumption:
        return show_assumed(found, assumption)
    if any([todo(plan, policy(plan).outdated) for plan in found]):
        warm(modules(config for plan in found for config in plan.configs))  # while the cells are checked
    understood = check(found).data
    pricing = Pricing()
    prices = [pricing.price(plan) for plan in found]
    if json_output.wanted():
        priced = [price_as_json(each, asks[n] if asks else None) for n, each in enumerate(prices)]
        json_output.give(data=understood, assumed=None, plans=priced)
    else:
        console = terminal(width=None if sys.stdout.isatty() else PIPE_WIDTH)
        for text in understood:
            console.print(text, soft_wrap=True)
        for number, each in enumerate(prices):
            show(each, console, asks[number] if asks else None)
    within_budget(found, pricing.paces)
    return 0


def planned(line: CommandLine) -> tuple[list[Plan], str]:
    """Return the plans of a command; if its data are not here, those of their published sizes, and what is assumed."""
    from dropgrid.cost.assumed import assumed
    from dropgrid.planning.plan import plans

    try:
        return resolve_auto(plans(line.overrides_of_cells)), ""
    except UserError as error:
        texts, assumption = assumed(line.overrides_of_cells, error)
    made = resolve_auto(plans(texts))
    return [replace(plan, name=plan.name.partition("data=fake")[0].rstrip("+,") or "run") for plan in made], assumption


def show_assumed(plans: Sequence[Plan], assumption: str) -> int:
    """Build the cells of plans whose data are not here, and print what does not depend on reading or timing them."""
    from dropgrid import build
    from dropgrid.dry_build import dry_build

    for cell in {json.dumps(cell.config["model"]) + cell.row: cell for plan in plans for cell in plan.cells}.values():
        dry_build(cell.config, cell.local, build.source(cell.config, cell.local).spec())
    pricing = Pricing(timed=False)
    prices = [pricing.price(plan) for plan in plans]
    if any(budget_seconds(plan) is not None for plan in plans):
        raise UserError(f"sweep.budget needs measured times; {assumption}")
    if json_output.wanted():
        json_output.give(data=[], assumed=assumption, plans=[price_as_json(each) for each in prices])
        return 0
    console = terminal(width=None if sys.stdout.isatty() else PIPE_WIDTH)
    for each in prices:
        console.print(f"{each.plan.name}: {each.plan.about.get('question') or 'a sweep'}", style="bold")
        console.print(table(each))
        for text in (*each.plan.notes, totals_line(each), *site_lines(each.plan), assumption):
            console.print(text, soft_wrap=True)
    return 0


def requested_allocations(plans: Sequence[Plan], launcher: Mapping[str, Any]) -> list[Allocation]:
    """Return what each plan would request of a launcher; empty if the cells train on this machine."""
    if launcher["_target_"] == OURS:
        return []
    return [allocation(plan, todo(plan, policy(plan).outdated), launcher) for plan in plans]


def show(price: Price, console: Console, asks: Allocation | None = None) -> None:
    """Print the table, the totals, the request to a launcher, and the estimate of power."""
    console.print(f"{price.plan.name}: {price.plan.about.get('question') or 'a sweep'}", style="bold")
    console.print(table(price))
    to_train = [f"to train: {train_command(price.plan)}"] if price.todo else []
    lines = [
        *price.plan.notes,
        *matched_doses(price.plan.about),
        totals_line(price),
        *site_lines(price.plan),
        *timing_lines(price),
        *allocation_lines(price, asks),
        *followup_lines(price.plan),
        *power_lines(price),
    ]
    for line in [*lines, *to_train]:
        console.print(line, soft_wrap=True)


def site_lines(plan: Plan) -> list[str]:
    """Return the sites of each network that a library builds, which rules found."""
    from dropgrid import build

    lines = []
    for cell in {json.dumps(cell.config["model"]): cell for cell in plan.cells if unread_axes(cell.config)}.values():
        sites = build.offered_sites(cell.config, build.source(cell.config, cell.local).spec())
        counts = Counter(site.place for site in sites)
        groups = max(site.groups for site in sites)
        found = ", ".join(f"{count} {place}" for place, count in counts.items())
        lines.append(f"sites of {cell.config['model']['name']}: {found}; groups 1 to {groups} by the size of the map")
    return lines


def table(price: Price) -> Table:
    """Return the table: a line for each row and combination of factors."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    factors = any(line.factors for line in price.lines)
    for heading in (*(["factors"] if factors else []), "row"):
        shown.add_column(heading, overflow="fold")
    for heading in (
        "seeds",
        "parameters",
        "FLOPs per image",
        "sites",
        "finished",
        "other code",
        "to train",
        "per cell",
    ):
        shown.add_column(heading, justify="right")
    for line in price.lines:
        label = ", ".join(f"{key}={value}" for key, value in line.factors.items())
        shown.add_row(*([label] if factors else []), line.row, *row_values(line))
    shown.caption = "FLOPs of the forward pass in convolutions and matrix products, a multiply-add counted as 2."
    shown.caption_justify = "left"
    return shown


def row_values(line: PriceLine) -> list[str]:
    """Return the numbers of a line of the table."""
    counts = [str(each) if each else "–" for each in (line.facts.sites, line.finished, line.older, line.todo)]
    seconds = "–" if line.seconds is None else minutes(line.seconds) if line.seconds >= 10 else f"{line.seconds:.1f} s"
    parameters, flops = line.facts.parameters, line.facts.flops
    size = ["–" if parameters is None else f"{parameters:,}", "–" if flops is None else with_si_prefix(flops)]
    return [str(len(line.seeds)), *size, *counts, seconds]


def with_si_prefix(number: float) -> str:
    """Return a number with three digits and k, M, G, T or P."""
    for prefix in ("", "k", "M", "G", "T"):
        if number < 999.5:
            return f"{number:.3g} {prefix}".strip()
        number /= 1000
    return f"{number:,.3g} P"


def totals_line(price: Price) -> str:
    """Return `40 cells, 38 distinct, 12 finished, 26 to train: about 3 min 10 s on 2 slots, 85 MB …`."""
    parts = [f"{price.cells} {'cell' if price.cells == 1 else 'cells'}"]
    parts += [f"{price.distinct} distinct"] if price.distinct < price.cells else []
    older = f" ({price.older} trained by a different version of the code)" if price.older else ""
    parts += [f"{price.finished} finished{older}"] if price.finished else []
    if not price.todo:
        return ", ".join([*parts, "nothing to train"])
    slots = f"{price.slots} {'slot' if price.slots == 1 else 'slots'}"
    time = "time unknown" if price.seconds is None else f"about {duration(price)} on {slots}"
    return (
        f"{', '.join([*parts, f'{price.todo} to train'])}: {time}, "
        f"{decimal(price.files)} on disk (while they train up to {decimal(price.checkpoints)} more, in checkpoints)"
    )


def duration(price: Price) -> str:
    """Return the expected time, from what it would be alone if the machine was busy when cells were timed."""
    assert price.seconds is not None
    most = minutes(price.seconds)
    return most if price.share is None else f"{minutes(price.share * price.seconds)} to {most}"


def timing_lines(price: Price) -> list[str]:
    """Return lines on when cells were timed, if earlier, and on what ran beside the probes."""
    found = []
    if price.timed_at is not None and time.time() - price.timed_at > JUST_NOW:
        found.append(f"cells were timed on {time.strftime('%Y-%m-%d at %H:%M', time.localtime(price.timed_at))}")
    if price.share is not None:
        found.append(
            f"the machine was busy while cells were timed: each got {price.share:.0%} of a core; "
            "the same command times them again"
        )
    return found


def allocation_lines(price: Price, asks: Allocation | None) -> list[str]:
    """Return `asks SLURM for an array of 40 jobs, each …; the longest takes about 3 min on cores like these`."""
    if asks is None or not price.todo:
        return []
    longest = asks.longest([line.seconds for line in price.lines if line.todo and line.seconds])
    over = "; it will be queued again, from its checkpoint" if asks.minutes and longest > 60 * asks.minutes else ""
    return [f"{asks.text()}; the longest takes about {minutes(longest)} on cores like these{over}"]


def followup_lines(plan: Plan) -> list[str]:
    """Describe what the same command trains after these cells, depending on their results."""
    if plan.trials is not None:
        rows = len({cell.row.partition(SEPARATOR)[0] for cell in plan.cells})
        halves = "the better half of each row's settings at twice the epochs until one is left; then "
        rest = halves if round_count(plan.sweep) else ""
        return [f"then: {rest}{rows} rows with what is best on validation, at the sweep's own seeds"]
    looks = plan.about.get("looks")
    most = looks and looks[-1] * len({(str(cell.factors), cell.row) for cell in plan.cells})
    return [f"then: up to {looks[-1]} seeds in rows that are undecided, at most {most} cells"] if looks else []


def power_lines(price: Price) -> list[str]:
    """Return lines about the seeds needed to detect a difference; none if there is nothing to compare."""
    if len({line.row for line in price.lines}) < 2 or price.plan.trials is not None:
        return []
    known = known_of(price.plan)
    if known is None:
        return [pilot_advice(price.plan)]
    return [*estimate_pilot(price, known).lines, *reach_lines(price.plan, known)]


def price_as_json(price: Price, asks: Allocation | None = None) -> dict[str, Any]:
    """Return a price for `--json`: seconds, bytes and FLOPs without units."""
    known = known_of(price.plan)
    plain = {key: value for key, value in vars(price).items() if key not in ("plan", "lines")}
    plain |= {"allocation": asks and vars(asks), "matched": price.plan.about.get("matched") or []}
    about = {
        "name": price.plan.name,
        "command": train_command(price.plan),
        "budget_seconds": budget_seconds(price.plan),
    }
    power = known and estimate_pilot(price, known).as_json
    return {**about, **plain, "rows": [asdict(line) for line in price.lines], "power": power}
