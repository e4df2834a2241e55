"""The one planner: from overrides to cells. Trains nothing."""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override

from dropgrid.errors import UserError
from dropgrid.instantiate import instantiate
from dropgrid.paths import tilde
from dropgrid.planning import rows as ablation_rows
from dropgrid.planning import seeds as seeding
from dropgrid.planning import tune
from dropgrid.planning.compose import hydra_context, resolved_config, shared_composer
from dropgrid.planning.conditional import Conditional
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
from dropgrid.planning.swept import Swept, unzipped
from dropgrid.planning.types import Plan, Trials, Tuned
from dropgrid.store.cell import Cell, Known
from dropgrid.store.identity import ABOUT_PLACE_IN, cell_id, divide
from dropgrid.store.layout import Outputs
from dropgrid.store.manifest import folder_name

ABOUT_THE_SWEEP = ("ablation", "sweep", "name", "report", "hydra")
"""Roots of overrides that a cell's own command does without."""

PLACE = ("paths", "logger")
"""Roots of overrides of where things go; neither in a sweep's name nor in the command that reproduces a cell."""

OF_THE_TEST_SET = ("data", "data.root", "data.split_seed", "data.test")
"""Keys that choose the test images: rows that differ in them are not compared, each value is a block of its own."""

Expect = Callable[[Path, str, Sequence[Mapping[str, Any]]], None]
"""A function called with the outputs, the name and the row configs of a plan, seconds before the plan is ready."""


def cells(overrides: Sequence[str | Override]) -> list[Cell]:
    """Return the cells of a command's overrides, of all the ablations that it names."""
    return [cell for plan in plans(overrides) for cell in plan.cells]


def plans(overrides: Sequence[str | Override], tuned: Tuned | None = None, expect: Expect | None = None) -> list[Plan]:
    """Return a plan for each ablation named (`+ablation=a,b` is two); without one, of the sweep or the single run.

    Args:
        overrides: a command's, parsed or as typed.
        tuned: what trials of `sweep.tune` left of each row's settings; the plan is that of the trials that come next,
            or if one setting is left, of what they are for.
        expect: see `Expect`.
    """
    texts = [each if isinstance(each, str) else str(each.input_line) for each in overrides]
    parsed = parse_overrides(unzipped(texts))
    with hydra_context(), explained(parsed):
        refuse_accepted_mistakes(parsed)
        named = [each for each in parsed if each.key_or_group == "ablation"]
        rest = [each for each in parsed if each.key_or_group != "ablation"]
        for each in rest:
            if each.is_hydra_override():
                raise UserError(f"{each.input_line} is about Hydra: only train.py and plan.py take it")
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
                Planner([parse_override(f"+ablation={name}"), *rest], expect).ablation(name, tuned or {})
                for name in names
            ]
    return made


class Planner:
    """What the two kinds of sweep share: the command line, divided into fixed values, swept values, and seeds."""

    def __init__(self, overrides: Sequence[Override], expect: Expect | None):
        self.all, self.expect = overrides, expect
        self.seed_values = [v for each in overrides if each.key_or_group == "seed" for v in values_of(each)]
        others = [each for each in overrides if each.key_or_group != "seed"]
        self.fixed = [without_sweep(each) for each in others if len(values_of(each)) == 1]
        several = [each for each in others if len(values_of(each)) > 1]
        if whole := [key_of(each) for each in several if root_of(each) in (*ABOUT_THE_SWEEP, *PLACE)]:
            raise UserError(f"{whole[0]} has one value a sweep; run the command once for each")
        self.swept = Swept(several)
        plain = [each for each in self.fixed if not (each.is_add() or each.is_force_add() or each.is_delete())]
        each_value = [f"{key}={value}" for key, values in self.swept.values.items() for value in values]
        self.conditional = Conditional([*texts_of(plain), *each_value])
        self.resolved: dict[str, Any] = {}
        self.fingerprints = Fingerprints()
        self.composer = shared_composer()

    def fixed_texts(self, without: Sequence[str] = ()) -> list[str]:
        """Return the command line's overrides of one value, without those of some roots."""
        return texts_of([each for each in self.fixed if root_of(each) not in without])

    def resolve(self, more: Sequence[str]) -> dict[str, Any]:
        """Return the resolved config of the command line and more overrides."""
        return resolved_config(self.composer.compose(self.applied([*self.fixed_texts(), *more])))

    def applied(self, texts: Sequence[str]) -> list[str]:
        """Return overrides without those of the command line that the options chosen among them do not define."""
        return self.conditional.applied(texts, self.composer.lacking(texts))

    def ad_hoc(self) -> Plan:
        """Return a sweep of the command line: each combination of the swept keys is a row, of each test set a block."""
        self.resolved = self.resolve(self.swept.first)
        if self.resolved.get("ablation") is not None:
            raise UserError("ablation.… asks something of an ablation: name one with +ablation=NAME")
        if self.resolved["sweep"]["tune"] is not None:
            raise UserError("sweep.tune tries what an ablation lists as ablation.tune: name one with +ablation=NAME")
        rows = self.swept.combinations({*self.swept} - {*OF_THE_TEST_SET})
        fixed, combinations = self.fixed_texts(), [[f"{k}={v}" for k, v in each.items()] for each in rows]
        applied = [self.applied([*fixed, *each]) for each in combinations]
        own = [[text for text in each if text in kept] for each, kept in zip(combinations, applied, strict=True)]
        found = {", ".join(each) or "run": each for each in own}
        name = self.sweep_name("" if self.swept or len(self.seed_list()) > 1 else "run")
        plan = self.plan_cells(name, {"ablation": None}, found, self.swept.combinations(OF_THE_TEST_SET))
        ablation_rows.refuse_equal(plan.cells)
        return plan

    def ablation(self, name: str, tuned: Tuned) -> Plan:
        """Return the rows of an ablation, in every combination of the factors swept on the command line, or the trials
        that come before them.
        """
        about_rows = texts_of([each for each in self.fixed if root_of(each) in ("ablation", "scale", "hydra")])
        node = resolved_config(self.composer.compose(about_rows)).get("ablation")
        if not isinstance(node, dict):
            raise UserError(f"ablation={name}: its file must set `ablation`, a mapping with rows")
        if "rows" not in node and isinstance(node.get("ablation"), dict):
            raise UserError(f"ablation={name}: the first line of its file must be `# @package _global_`")
        found = ablation_rows.expand_rows(node.get("rows"))
        ablation_rows.refuse_conflicts(found, [key_of(o) for o in self.fixed] + [*self.swept])
        self.resolved = self.resolve([*self.swept.first, *next(iter(found.values()))])
        factors = self.swept.combinations([*self.swept])
        about = {k: v for k, v in node.items() if k not in ("rows", "tune")}
        about["ablation"] = name
        ablation_rows.check_questions(ablation_rows.without_claims_about_removed(self.fixed, about), found)
        scale = next((o.get_value_element_as_str() for o in self.fixed if o.key_or_group == "scale"), None)
        made = self.sweep_name(name, scale)
        sweep = self.resolved["sweep"]
        ablation_rows.refuse_beside_match(about.get("match"), [*map(key_of, self.fixed)], [*self.swept], sweep["tune"])
        tune.round_count(sweep)  # its errors
        if sweep["tune"] is None:
            return self.plan_cells(made, about, found, factors)
        if factors != [{}]:
            raise UserError(f"sweep.tune takes no factors: {', '.join(self.swept)} is swept")
        return self.tuning(made, about, found, tune.tuning_trials(found, node.get("tune"), sweep["tune"]), tuned)

    def tuning(
        self,
        name: str,
        about: dict[str, Any],
        found: Mapping[str, Sequence[str]],
        trials: Mapping[str, Sequence[str]],
        tuned: Tuned,
    ) -> Plan:
        """Return the plan of the next round of trials, or if one setting of each row is left, of the rows with it."""
        sweep = self.resolved["sweep"]
        rounds = tune.round_count(sweep)
        if tune.is_settled(tuned):
            best = {
                row: tune.with_overrides(found[row], tune.setting_overrides(tuned[row]["left"][0])) for row in found
            }
            return self.plan_cells(name, {**about, "tuned": tune.recorded(tuned, rounds)}, best, [{}])
        about = {key: about[key] for key in about if key in ("ablation", "title", "question", "metric")}
        name = f"{name}+tuning" + (f"_{tune.played(tuned) + 1}" if rounds else "")
        coming = tune.round_trials(trials, tuned, rounds, self.epochs)
        plan = self.plan_cells(name, about, coming, [{}], tune.tuning_seeds(sweep))
        tune.refuse_without_choice(plan)
        return replace(plan, trials=Trials(texts_of(self.all), tuned))

    def epochs(self, overrides: Sequence[str]) -> int:
        """Return how many epochs some overrides train for; UserError if that is not what ends their training."""
        config, _ = self.row_config("sweep.tune_halving", overrides, [])
        epochs: int = config.get("trainer", {}).get("max_epochs", -1)
        if epochs < 1 or config["trainer"].get("max_steps", -1) > 0:
            raise UserError("sweep.tune_halving trains for fewer trainer.max_epochs, which do not end this training")
        return epochs

    def seed_list(self) -> list[int]:
        """Return the seeds of the command line, else the sweep's, else the config's one."""
        return seeding.sweep_seeds(self.seed_values, self.resolved["sweep"], self.resolved["seed"])

    def sweep_name(self, ablation: str, scale: str | None = None) -> str:
        """Return `<ablation>[@<scale>][+<key=value,…>]`, or the value of `name=`."""
        outputs = Path(self.resolved["paths"]["outputs"])
        if self.resolved["name"] is not None:
            return folder_name(str(self.resolved["name"]) or "run", outputs)
        outside = (*ABOUT_THE_SWEEP, *PLACE, *(["scale"] if ablation else []))
        about_place = [f"{axis}.{key}" for axis, keys in ABOUT_PLACE_IN.items() for key in keys]
        made = texts_of(
            [each for each in self.fixed if root_of(each) not in outside and key_of(each) not in about_place]
        )
        made += self.swept.texts
        about_match = [each for each in self.fixed if key_of(each).startswith("ablation.match")]
        made += [each.lstrip("+") for each in texts_of(about_match)]  # other doses are other cells in the same rows
        head = ablation + (f"@{scale}" if scale else "")
        return folder_name("+".join(part for part in (head, ",".join(made)) if part) or "run", outputs)

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
        rows, matched = [], []
        for combination in factors:
            chosen = [f"{key}={value}" for key, value in combination.items()]
            for row, overrides, solved in self.at_one_dose(about.get("match"), found, chosen):
                rows.append((combination, row, [*chosen, *overrides], self.row_config(row, overrides, chosen)))
                matched += [{"row": row, "factors": dict(combination), **solved}] if solved else []
        self.refuse_unknown(rows[0][2])
        about = {**about, "matched": matched} if matched else about
        outputs = Path(self.resolved["paths"]["outputs"])
        if self.expect is not None:
            self.expect(outputs, name, [config for *_, (config, _) in rows])
        made: list[Cell] = []
        fixed = [*scale_line, *self.fixed_texts(without=(*ABOUT_THE_SWEEP, *PLACE, "scale"))]
        for combination, row, overrides, (config, local) in rows:
            with explained(parse_overrides(overrides), row):
                self.fingerprints.add_fingerprints(config, local)
            kept = {*self.applied([*self.fixed_texts(), *overrides]), *scale_line}
            ablation_rows.refuse_unread(config, [*scale_line, *kept])
            typed = [tilde(text) for text in (*fixed, *overrides) if text in kept]
            for seed in seeds or self.seed_list():
                full = {**config, "seed": seed}
                id, known = cell_id(full), Known(config=full, local=local)
                folder = Outputs(outputs).run(id).folder
                made.append(
                    Cell(
                        id,
                        row,
                        {k: tilde(v) for k, v in combination.items()},
                        seed,
                        [*typed, f"seed={seed}"],
                        folder,
                        known,
                    )
                )
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
            sweep = self.resolved["sweep"]
            about |= {"looks": seeding.interim_counts(sweep), "detect": seeding.difference_to_detect(sweep)}
        about_cells = [
            each for each in self.fixed if root_of(each) in (*PLACE, "sweep") and key_of(each) != "sweep.seeds"
        ]
        place = [*texts_of(about_cells), f"name='{name}'"]
        notes = self.conditional.notes()
        return Plan(name, about, made, outputs, self.resolved["sweep"]["jobs"], place, notes=notes)

    def refuse_unknown(self, overrides: Sequence[str]) -> None:
        """Refuse a key of the command line that no row defines, as Hydra does for one of them."""
        unknown = self.conditional.unknown()
        if unknown:
            self.composer.compose([*(text for text in self.fixed_texts() if text not in unknown), *overrides, *unknown])

    def row_config(
        self, row: str, overrides: Sequence[str], chosen: Sequence[str]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return a row's config at some values of the factors: what is hashed, and what is about its place."""
        parsed = parse_overrides(overrides)
        with explained(parsed, row):
            refuse_accepted_mistakes(parsed)
            return divide(self.resolve([*chosen, *overrides]))

    def at_one_dose(
        self, node: Any, found: Mapping[str, Sequence[str]], chosen: Sequence[str]
    ) -> Iterator[tuple[str, Sequence[str], dict[str, Any] | None]]:
        """Iterate over the rows' names, overrides and what `ablation.match` solved for them, if it is given."""
        if node is None:
            yield from ((row, overrides, None) for row, overrides in found.items())
            return
        from dropgrid.planning import dose  # torch: not for an ablation that matches nothing

        match = dose.parse_match(node, found)
        solved = dose.match_doses(match, found, lambda row, overrides: self.row_config(row, overrides, chosen))
        for row, overrides in found.items():
            about = solved.get(row)
            yield row, tune.with_overrides(overrides, [about["override"]]) if about else overrides, about

    def command_text(self) -> str:
        """Return the command line that makes this sweep again, wherever its outputs go."""
        swept = self.swept.texts
        seeds = [f"seed={','.join(self.seed_values)}"] if self.seed_values else []
        line = [*self.fixed_texts(without=PLACE), *swept, *seeds]
        several = swept or len(self.seed_values) > 1
        many = ["-m"] if several and not any(each.startswith("+ablation=") for each in line) else []
        return shlex.join(["python", "scripts/train.py", *many, *map(tilde, line)])
