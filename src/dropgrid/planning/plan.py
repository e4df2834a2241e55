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
from dropgrid.instantiate import instantiate
from dropgrid.paths import tilde
from dropgrid.planning import rows as ablation_rows
from dropgrid.planning import seeds as seeding
from dropgrid.planning import tune
from dropgrid.planning.compose import Composer, hydra_context, resolved_config
from dropgrid.planning.explain import explained, refuse_accepted_mistakes
from dropgrid.planning.fingerprints import Fingerprints
from dropgrid.planning.overrides import (
    check_count,
    key_of,
    parse_override,
    parse_overrides,
    root_of,
    texts_of,
    values_of,
    without_sweep,
)
from dropgrid.planning.types import Plan
from dropgrid.store.cell import Cell, Known
from dropgrid.store.identity import ABOUT_PLACE_IN, cell_id, divide
from dropgrid.store.layout import Outputs

ABOUT_THE_SWEEP = ("ablation", "sweep", "name", "report", "hydra")
"""Roots of overrides that a cell's own command does without."""

PLACE = ("paths", "logger")
"""Roots of overrides of where things go; neither in a sweep's name nor in the command that reproduces a cell."""

Expect = Callable[[Path, str, Sequence[Mapping[str, Any]]], None]
"""A function called with the outputs, the name and the row configs of a plan, seconds before the plan is ready."""


def cells(overrides: Sequence[str | Override]) -> list[Cell]:
    """Return the cells of a command's overrides, of all the ablations that it names."""
    return [cell for plan in plans(overrides) for cell in plan.cells]


def plans(
    overrides: Sequence[str | Override], tuned: tune.Tuned | None = None, expect: Expect | None = None
) -> list[Plan]:
    """Return a plan for each ablation named (`+ablation=a,b` is two); without one, of the sweep or the single run.

    Args:
        overrides: a command's, parsed or as typed.
        tuned: what the trials of `sweep.tune` chose: makes the plan that they are for. Without, it is their plan.
        expect: see `Expect`.
    """
    parsed = [parse_override(each) if isinstance(each, str) else each for each in overrides]
    with hydra_context(), explained(parsed):
        refuse_accepted_mistakes(parsed)
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
            names = values_of(named[-1])
            expect = expect if len(names) == 1 else None  # all cells start from what is known of all plans
            made = [
                Planner([parse_override(f"+ablation={name}"), *rest], expect).ablation(name, tuned) for name in names
            ]
    return made


class Planner:
    """What the two kinds of sweep share: the command line, divided into fixed values, swept values, and seeds."""

    def __init__(self, overrides: Sequence[Override], expect: Expect | None):
        self.all, self.expect = overrides, expect
        self.seed_values = [v for each in overrides if each.key_or_group == "seed" for v in values_of(each)]
        others = [each for each in overrides if each.key_or_group != "seed"]
        self.fixed = [without_sweep(each) for each in others if len(values_of(each)) == 1]
        self.swept = {str(each.get_key_element()): values_of(each) for each in others if len(values_of(each)) > 1}
        check_count(prod(map(len, self.swept.values())), "the product of what is swept")
        self.first = [f"{key}={values[0]}" for key, values in self.swept.items()]
        self.resolved: dict[str, Any] = {}
        self.fingerprints = Fingerprints()
        self.composer = Composer()

    def fixed_texts(self, without: Sequence[str] = ()) -> list[str]:
        """Return the command line's overrides of one value, without those of some roots."""
        return texts_of([each for each in self.fixed if root_of(each) not in without])

    def resolve(self, more: Sequence[str]) -> dict[str, Any]:
        """Return the resolved config of the command line and more overrides."""
        return resolved_config(self.composer.compose([*self.fixed_texts(), *more]))

    def ad_hoc(self) -> Plan:
        """Return a sweep of the command line: each combination of the swept keys is a row."""
        self.resolved = self.resolve(self.first)
        swept = [[f"{key}={value}" for value in values] for key, values in self.swept.items()]
        combinations = [list(each) for each in product(*swept)]
        found = {", ".join(each) or "run": each for each in combinations}
        name = self.sweep_name("" if self.swept or len(self.seed_list()) > 1 else "run")
        return self.plan_cells(name, {"ablation": None}, found, [{}])

    def ablation(self, name: str, tuned: tune.Tuned | None = None) -> Plan:
        """Return the rows of an ablation, in every combination of the factors swept on the command line."""
        about_rows = texts_of([each for each in self.fixed if root_of(each) in ("ablation", "scale", "hydra")])
        node = resolved_config(self.composer.compose(about_rows)).get("ablation")
        if not isinstance(node, dict):
            raise UserError(f"ablation={name}: its file must set `ablation`, a mapping with rows")
        found = ablation_rows.expand_rows(node.get("rows"))
        ablation_rows.refuse_conflicts(found, [key_of(o) for o in self.fixed] + [*self.swept])
        self.resolved = self.resolve([*self.first, *next(iter(found.values()))])
        factors = [dict(zip(self.swept, values, strict=True)) for values in product(*self.swept.values())]
        about = {k: v for k, v in node.items() if k not in ("rows", "tune")}
        about["ablation"] = name
        ablation_rows.check_questions(about, found)
        scale = next((o.get_value_element_as_str() for o in self.fixed if o.key_or_group == "scale"), None)
        made = self.sweep_name(name, scale)
        count = self.resolved["sweep"]["tune"]
        if count is None:
            return self.plan_cells(made, about, found, factors)
        if factors != [{}]:
            raise UserError(f"sweep.tune takes no factors: {', '.join(self.swept)} is swept")
        if tuned is None:
            about = {key: about[key] for key in about if key in ("ablation", "title", "question", "metric")}
            trials = tune.tuning_trials(found, node.get("tune"), count)
            trial_seeds = tune.tuning_seeds(self.resolved["sweep"])
            return replace(
                self.plan_cells(f"{made}+tuning", about, trials, factors, trial_seeds), then=texts_of(self.all)
            )
        best = {row: tune.with_overrides(found[row], tune.setting_overrides(tuned[row]["chosen"])) for row in found}
        return self.plan_cells(made, {**about, "tuned": tuned}, best, factors)

    def seed_list(self) -> list[int]:
        """Return the seeds of the command line, else the sweep's, else the config's one."""
        return seeding.sweep_seeds(self.seed_values, self.resolved["sweep"], self.resolved["seed"])

    def sweep_name(self, ablation: str, scale: str | None = None) -> str:
        """Return `<ablation>[@<scale>][+<key=value,…>]`, or the value of `name=`."""
        if self.resolved["name"] is not None:
            return folder_name(str(self.resolved["name"]))
        outside = (*ABOUT_THE_SWEEP, *PLACE, *(["scale"] if ablation else []))
        about_place = [f"{axis}.{key}" for axis, keys in ABOUT_PLACE_IN.items() for key in keys]
        made = texts_of(
            [each for each in self.fixed if root_of(each) not in outside and key_of(each) not in about_place]
        )
        made += [f"{key}={','.join(values)}" for key, values in self.swept.items()]
        head = ablation + (f"@{scale}" if scale else "")
        return folder_name("+".join(part for part in (head, ",".join(made)) if part) or "run")

    def plan_cells(
        self,
        name: str,
        about: dict[str, Any],
        found: Mapping[str, Sequence[str]],
        factors: Sequence[Mapping[str, str]],
        seeds: Sequence[int] | None = None,
    ) -> Plan:
        """Compose once a row and combination, then set the seeds, by default those of the sweep."""
        scale = (self.resolved["scale"] or {}).get("name")
        scale_line = [f"scale={scale}"] if scale else []
        check_count(len(factors) * len(found) * len(seeds or self.seed_list()), "the count of cells")
        rows = []
        for combination in factors:
            chosen = [f"{key}={value}" for key, value in combination.items()]
            for row, overrides in found.items():
                parsed = parse_overrides(overrides)
                with explained(parsed, row):
                    refuse_accepted_mistakes(parsed)
                    rows.append((combination, row, [*chosen, *overrides], divide(self.resolve([*chosen, *overrides]))))
        outputs = Path(self.resolved["paths"]["outputs"])
        if self.expect is not None:
            self.expect(outputs, name, [config for *_, (config, _) in rows])
        made: list[Cell] = []
        fixed = [*scale_line, *self.fixed_texts(without=(*ABOUT_THE_SWEEP, *PLACE, "scale"))]
        for combination, row, overrides, (config, local) in rows:
            with explained(parse_overrides(overrides), row):
                self.fingerprints.add_fingerprints(config, local)
            typed = [*map(tilde, [*fixed, *overrides])]
            for seed in seeds or self.seed_list():
                full = {**config, "seed": seed}
                id, known = cell_id(full), Known(config=full, local=local)
                folder = Outputs(outputs).run(id).folder
                made.append(Cell(id, row, dict(combination), seed, [*typed, f"seed={seed}"], folder, known))
        baseline = self.resolved["report"]["baseline"] or about.get("baseline") or next(iter(found))
        if baseline not in found:
            raise UserError(f"report.baseline={baseline} is no row; rows: {', '.join(found)}")
        task = instantiate("task", self.resolved["task"]).description  # torch, which the fingerprints have imported
        about = {
            **about,
            "name": name,
            "baseline": baseline,
            "task": task.to_json(),
            "metric": ablation_rows.headline_metric(self.resolved["report"]["metric"] or about.get("metric"), task),
            "swept": [*self.swept],
        }
        about = {**about, "scale": scale, "command": self.command_text()}
        if self.resolved["sweep"]["seeds"] == seeding.AUTO and not self.seed_values and seeds is None:
            counts = seeding.interim_counts(self.resolved["sweep"])
            about = {**about, "looks": counts, "alpha": seeding.interim_alpha(counts)}
        about_cells = [
            each for each in self.fixed if root_of(each) in (*PLACE, "sweep") and key_of(each) != "sweep.seeds"
        ]
        place = [*texts_of(about_cells), f"name='{name}'"]
        return Plan(name, about, made, outputs, self.resolved["sweep"]["jobs"], place)

    def command_text(self) -> str:
        """Return the command line that makes this sweep again, wherever its outputs go."""
        swept = [f"{key}={','.join(values)}" for key, values in self.swept.items()]
        seeds = [f"seed={','.join(self.seed_values)}"] if self.seed_values else []
        line = [*self.fixed_texts(without=PLACE), *swept, *seeds]
        several = swept or len(self.seed_values) > 1
        many = ["-m"] if several and not any(each.startswith("+ablation=") for each in line) else []
        return shlex.join(["python", "scripts/train.py", *many, *map(tilde, line)])


def folder_name(name: str) -> str:
    """Return a name as a folder's: no separators, not hidden, not too long for a file system."""
    text = re.sub(r"[^\w.+=,@\[\]-]+", "_", name).strip("._") or "run"
    return text if len(text) <= 120 else f"{text[:107]}-{cell_id({'name': name})[:12]}"
