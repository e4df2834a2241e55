"""The one planner: from overrides to cells. Trains nothing."""

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override

from dropgrid.errors import UserError
from dropgrid.paths import tilde
from dropgrid.planning import rows as ablation_rows
from dropgrid.planning import seeds as seeding
from dropgrid.planning import tune
from dropgrid.planning.compose import (
    Composer,
    bounded,
    choices,
    composed,
    hydra_context,
    key_of,
    parse,
    plain,
    root_of,
    settled,
)
from dropgrid.planning.explain import explained
from dropgrid.planning.fingerprints import Fingerprints
from dropgrid.planning.types import Plan
from dropgrid.store.cell import Cell, Known
from dropgrid.store.identity import ABOUT_PLACE_IN, cell_id, divide
from dropgrid.store.layout import Outputs

ABOUT_THE_SWEEP = ("ablation", "sweep", "name", "report", "hydra")
"""Overrides that a cell's own command does without."""

PLACE = ("paths", "logger")
"""Overrides of where things go; neither in a sweep's name nor in the command that reproduces a cell."""

Expect = Callable[[Path, str, Sequence[Mapping[str, Any]]], None]
"""What is told the outputs, the name and the configs of a plan's rows, seconds before the plan is whole."""


def cells(overrides: Sequence[str]) -> list[Cell]:
    """The cells of a command's overrides, of all the ablations that it names."""
    return [cell for plan in plans(overrides) for cell in plan.cells]


def plans(overrides: Sequence[str], tuned: tune.Tuned | None = None, expect: Expect | None = None) -> list[Plan]:
    """A plan for each ablation named (`+ablation=a,b` is two); without one, a plan of the sweep or the single run.

    With `sweep.tune` it is a plan of trials; `tuned`, what they chose, makes the plan that they are for.
    """
    with hydra_context(), explained(overrides):
        parsed = [parse(text) for text in overrides]
        named = [each for each in parsed if each.key_or_group == "ablation"]
        rest = [each for each in parsed if each.key_or_group != "ablation"]
        if len(named) > 1:
            raise UserError(f"{named[0].input_line} and {named[-1].input_line}: several are one list, as +ablation=a,b")
        if any(root_of(each) == "evaluate" for each in rest):
            raise UserError("evaluate measures what is trained: python scripts/evaluate.py NAME +evaluate=…")
        if any(root_of(each) == "diagnose" for each in rest):
            raise UserError("diagnose looks at networks and trains none: python scripts/diagnose.py +diagnose=…")
        if not named:
            made = [Planner(rest, expect).ad_hoc()]
        else:
            names = choices(named[-1])
            expect = expect if len(names) == 1 else None  # all cells start from what is known of all plans
            made = [Planner([parse(f"+ablation={name}"), *rest], expect).ablation(name, tuned) for name in names]
    return made


class Planner:
    """What the two kinds of sweep share: the command line, divided into what is fixed, swept, and seeds."""

    def __init__(self, overrides: Sequence[Override], expect: Expect | None):
        self.all, self.expect = overrides, expect
        self.seed_values = [v for each in overrides if each.key_or_group == "seed" for v in choices(each)]
        others = [each for each in overrides if each.key_or_group != "seed"]
        self.fixed = [settled(each) for each in others if len(choices(each)) == 1]
        self.swept = {str(each.get_key_element()): choices(each) for each in others if len(choices(each)) > 1}
        bounded(prod(map(len, self.swept.values())), "the product of what is swept")
        self.first = [f"{key}={values[0]}" for key, values in self.swept.items()]
        self.resolved: dict[str, Any] = {}
        self.fingerprints = Fingerprints()
        self.composer = Composer()

    def lines(self, without: Sequence[str] = ()) -> list[str]:
        """The command line's plain overrides, without those of some roots."""
        return [str(each.input_line) for each in self.fixed if root_of(each) not in without]

    def compose(self, more: Sequence[str]) -> dict[str, Any]:
        """The resolved config of the command line and more overrides, as a plain dict."""
        return plain(self.composer.compose([*self.lines(), *more]))

    def ad_hoc(self) -> Plan:
        """A sweep of the command line: each combination of the swept keys is a row."""
        self.resolved = self.compose(self.first)
        swept = [[f"{key}={value}" for value in values] for key, values in self.swept.items()]
        combinations = [list(each) for each in product(*swept)]
        found = {", ".join(each) or "run": each for each in combinations}
        name = self.name("" if self.swept or len(self.seeds()) > 1 else "run")
        return self.plan(name, {"ablation": None}, found, [{}])

    def ablation(self, name: str, tuned: tune.Tuned | None = None) -> Plan:
        """The rows of an ablation, in every combination of the factors swept on the command line."""
        about_rows = [str(each.input_line) for each in self.fixed if root_of(each) in ("ablation", "scale", "hydra")]
        node = plain(composed(about_rows)).get("ablation")
        if not isinstance(node, dict):
            raise UserError(f"ablation={name}: its file must set `ablation`, a mapping with rows")
        found = ablation_rows.expand(node.get("rows"))
        ablation_rows.conflicts(found, [key_of(o) for o in self.fixed] + [*self.swept])
        self.resolved = self.compose([*self.first, *next(iter(found.values()))])
        factors = [dict(zip(self.swept, values, strict=True)) for values in product(*self.swept.values())]
        about = {k: v for k, v in node.items() if k not in ("rows", "tune")}
        about["ablation"] = name
        ablation_rows.check_questions(about, found)
        scale = next((o.get_value_element_as_str() for o in self.fixed if o.key_or_group == "scale"), None)
        made = self.name(name, scale)
        count = self.resolved["sweep"]["tune"]
        if count is None:
            return self.plan(made, about, found, factors)
        if factors != [{}]:
            raise UserError(f"sweep.tune takes no factors: {', '.join(self.swept)} is swept")
        if tuned is None:
            about = {key: about[key] for key in about if key in ("ablation", "title", "question", "metric")}
            trials = tune.trials(found, node.get("tune"), count)
            line = [str(each.input_line) for each in self.all]
            return replace(
                self.plan(f"{made}+tuning", about, trials, factors, tune.seeds(self.resolved["sweep"])), then=line
            )
        best = {row: tune.replaced(found[row], tune.setting(tuned[row]["chosen"])) for row in found}
        return self.plan(made, {**about, "tuned": tuned}, best, factors)

    def seeds(self) -> list[int]:
        """Those of the command line, else the sweep's, else the config's one."""
        return seeding.seeds(self.seed_values, self.resolved["sweep"], self.resolved["seed"])

    def name(self, ablation: str, scale: str | None = None) -> str:
        """`<ablation>[@<scale>][+<key=value,…>]`, or what `name=` says."""
        if self.resolved["name"] is not None:
            return safe(str(self.resolved["name"]))
        outside = (*ABOUT_THE_SWEEP, *PLACE, *(["scale"] if ablation else []))
        about_place = [f"{axis}.{key}" for axis, keys in ABOUT_PLACE_IN.items() for key in keys]
        plain = [each for each in self.fixed if root_of(each) not in outside and key_of(each) not in about_place]
        made = [str(each.input_line) for each in plain]
        made += [f"{key}={','.join(values)}" for key, values in self.swept.items()]
        head = ablation + (f"@{scale}" if scale else "")
        return safe("+".join(part for part in (head, ",".join(made)) if part) or "run")

    def plan(
        self,
        name: str,
        about: dict[str, Any],
        found: Mapping[str, Sequence[str]],
        factors: Sequence[Mapping[str, str]],
        seeds: Sequence[int] | None = None,
    ) -> Plan:
        """Compose once a row and combination, then set the seeds, those of the sweep where none are given."""
        scale = (self.resolved["scale"] or {}).get("name")
        scale_line = [f"scale={scale}"] if scale else []
        bounded(len(factors) * len(found) * len(seeds or self.seeds()), "the count of cells")
        rows = []
        for combination in factors:
            chosen = [f"{key}={value}" for key, value in combination.items()]
            for row, overrides in found.items():
                with explained([*overrides], row):
                    rows.append((combination, row, [*chosen, *overrides], divide(self.compose([*chosen, *overrides]))))
        outputs = Path(self.resolved["paths"]["outputs"])
        if self.expect is not None:
            self.expect(outputs, name, [config for *_, (config, _) in rows])
        made: list[Cell] = []
        fixed = [*scale_line, *self.lines(without=(*ABOUT_THE_SWEEP, *PLACE, "scale"))]
        for combination, row, overrides, (config, local) in rows:
            with explained([*overrides], row):
                self.fingerprints.fill(config, local)
            typed = [*map(tilde, [*fixed, *overrides])]
            for seed in seeds or self.seeds():
                full = {**config, "seed": seed}
                id, known = cell_id(full), Known(config=full, local=local)
                folder = Outputs(outputs).run(id).folder
                made.append(Cell(id, row, dict(combination), seed, [*typed, f"seed={seed}"], folder, known))
        baseline = self.resolved["report"]["baseline"] or about.get("baseline") or next(iter(found))
        if baseline not in found:
            raise UserError(f"report.baseline={baseline} is no row; rows: {', '.join(found)}")
        about = {
            **about,
            "name": name,
            "baseline": baseline,
            "metric": ablation_rows.headline(self.resolved["report"]["metric"] or about.get("metric")),
            "swept": [*self.swept],
        }
        about = {**about, "scale": scale, "command": self.command()}
        if self.resolved["sweep"]["seeds"] == seeding.AUTO and not self.seed_values and seeds is None:
            counts = seeding.counts(self.resolved["sweep"])
            about = {**about, "looks": counts, "alpha": seeding.alpha(counts)}
        about_cells = [
            each for each in self.fixed if root_of(each) in (*PLACE, "sweep") and key_of(each) != "sweep.seeds"
        ]
        place = [str(each.input_line) for each in about_cells]
        return Plan(name, about, made, outputs, self.resolved["sweep"]["jobs"], [*place, f"name='{name}'"])

    def command(self) -> str:
        """The line that makes this sweep again, wherever its outputs go."""
        swept = [f"{key}={','.join(values)}" for key, values in self.swept.items()]
        seeds = [f"seed={','.join(self.seed_values)}"] if self.seed_values else []
        line = [*self.lines(without=PLACE), *swept, *seeds]
        several = swept or len(self.seed_values) > 1
        many = ["-m"] if several and not any(each.startswith("+ablation=") for each in line) else []
        return shlex.join(["python", "scripts/train.py", *many, *map(tilde, line)])


def safe(name: str) -> str:
    """A name as one folder's: no separators, not hidden, not too long for a file system."""
    text = re.sub(r"[^\w.+=,@\[\]-]+", "_", name).strip("._") or "run"
    return text if len(text) <= 120 else f"{text[:107]}-{cell_id({'name': name})[:12]}"
