"""How far the statistics can be trusted, by simulation: `python benchmarks/levels.py [--quick] [--four]`, 10 minutes.

Draws tables whose truth is known, and judges them as a report does: how often a family of intervals misses (level), how
often a true difference is shown (power), what the planner promised, and what `sweep.seeds=auto` spends. Written to
results/benchmarks/levels.json; `benchmarks/publish.py` puts its tables into docs/trust.md. With --four only tables of
four rows are judged again, and `sweep.seeds=auto`, with --planned only what the planner promises; the other figures
stay as they were.
"""

import json
import math
from collections.abc import Callable, Collection
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from measure import RESULTS, arguments, keep

from dropgrid.statistics.interim import is_futile, level_at, level_by_count
from dropgrid.statistics.power import Design, detectable_difference, pooled_spread, seeds_to_plan, verdict_power
from dropgrid.statistics.samples import difference_verdict
from dropgrid.statistics.simultaneous import BLOCKS, Comparison, compare_pairs

SHARED = 1.0
"""Standard deviation of what rows share at a seed, where they share something; a row's own is 1."""

Draw = Callable[[np.random.Generator, int, int], np.ndarray]
"""(random, rows, seeds) -> (rows, seeds) values without any true difference; the baseline first."""


def scenario(*, shared: float = 0.0, baseline: float = 1.0, last: float = 1.0, lognormal: float = 0.0) -> Draw:
    """Return a drawing: spreads of the baseline and the last row, or lognormal ones, and a part shared by rows."""

    def draw(random: np.random.Generator, rows: int, seeds: int) -> np.ndarray:
        sds = np.exp(lognormal * random.normal(size=rows)) if lognormal else np.ones(rows)
        sds[0] *= baseline
        sds[-1] *= last
        return sds[:, None] * random.normal(size=(rows, seeds)) + shared * random.normal(size=seeds)

    return draw


SCENARIOS: dict[str, Draw] = {
    "equal spreads": scenario(),
    "equal spreads, seeds share a part": scenario(shared=SHARED),
    "baseline 3 × noisier": scenario(baseline=3),
    "baseline 3 × noisier, seeds share a part": scenario(baseline=3, shared=SHARED),
    "lognormal spreads, σ 0.7": scenario(lognormal=0.7),
    "lognormal spreads, σ 1.2": scenario(lognormal=1.2),
    "one row 5 × noisier": scenario(last=5),
    "baseline 5 × quieter": scenario(baseline=0.2),
}
COMPARISONS, SEEDS = (2, 3, 5, 8), (3, 5, 10)
EFFECTS = {3: 4.0, 5: 2.5, 10: 1.6}
"""Seeds -> a true difference, in standard deviations of a row, that is about as often shown as not."""


def judge(values: np.ndarray, alpha: Any = 0.05, images: float = 0.0) -> list[Comparison]:
    """Return the comparisons of all rows with the first; `images` is the variance of each over test images."""
    table = {str(row): dict(enumerate(line.tolist())) for row, line in enumerate(values)}
    pairs = [(str(row), "0") for row in range(1, len(values))]
    found = compare_pairs(table, pairs, [images] * len(pairs) if images else None, alpha)
    return [each for each in found if each is not None]


def shown(found: Comparison) -> bool:
    """Predicate: an interval excludes 0."""
    return found.ci95[0] > 0 or found.ci95[1] < 0


def levels(times: int, only: Collection[int] = COMPARISONS) -> dict[str, dict[str, float]]:
    """Return scenario -> `comparisons/seeds` -> how often any interval of a table misses 0, the truth.

    Tables of other numbers of comparisons are drawn, so that those that are judged are the same, and left out.
    """
    found: dict[str, dict[str, float]] = {}
    for name, draw in SCENARIOS.items():
        random = np.random.default_rng(0)
        for rows in COMPARISONS:
            for n in SEEDS:
                drawn = [draw(random, rows + 1, n) for _ in range(times)]
                if rows in only:
                    missed = sum(any(map(shown, judge(values))) for values in drawn)
                    found.setdefault(name, {})[f"{rows}/{n}"] = missed / times
    return found


def powers(times: int, only: Collection[int] = COMPARISONS) -> dict[str, dict[str, float]]:
    """Return case -> `comparisons/seeds` -> how often the first row's true difference is shown, and predicted."""
    cases = {
        "equal spreads": scenario(),
        "equal spreads, seeds share a part": scenario(shared=SHARED),
        "beside a row 5 × noisier": scenario(last=5),
        "beside a row 20 × noisier": scenario(last=20),
    }
    found: dict[str, dict[str, float]] = {name: {} for name in (*cases, "predicted")}
    for rows in only:
        for n, effect in EFFECTS.items():
            for name, draw in cases.items():
                random, hits = np.random.default_rng(1), 0
                for _ in range(times):
                    values = draw(random, rows + 1, n)
                    values[1] += effect
                    hits += shown(judge(values)[0])
                found[name][f"{rows}/{n}"] = hits / times
            found["predicted"][f"{rows}/{n}"] = verdict_power(n, effect, math.sqrt(2), Design(rows, rows + 1))
    return found


def planned(times: int) -> dict[str, dict[str, float]]:
    """Return `comparisons/seeds/share` -> how often a difference that 80 % of tables are predicted to show is shown, at
    the seeds that plans have, if the choice of test images has that share of the squared error.
    """
    found: dict[str, dict[str, float]] = {}
    for rows, n, share in product((1, 4), (12, 31), (0.0, 0.2, 0.5)):
        images = 2 / n * share / (1 - share)  # of a difference
        design = Design(rows, rows + 1, images=images)
        effect = detectable_difference(n, math.sqrt(2), design)
        assert effect is not None
        random, hits = np.random.default_rng(4), 0
        for _ in range(times):
            values = scenario(shared=SHARED)(random, rows + 1, n)
            values += math.sqrt(images / 2) * random.normal(size=(rows + 1, 1))
            values[1] += effect
            hits += shown(judge(values, images=images)[0])
        found[f"{rows}/{n}/{share:g}"] = {
            "predicted": verdict_power(n, effect, math.sqrt(2), design),
            "shown": hits / times,
        }
    return found


def pilots(times: int) -> dict[str, dict[str, float]]:
    """Return comparisons -> power, averaged over 3-seed pilots, of the seeds planned for 80 %, and their median."""
    found: dict[str, dict[str, float]] = {}
    for rows in (1, 3, 8):
        random, design, realised, counts = np.random.default_rng(2), Design(rows, rows + 1), [], []
        for _ in range(times):
            values = scenario(shared=SHARED)(random, rows + 1, 3)
            table = {str(row): dict(enumerate(line.tolist())) for row, line in enumerate(values)}
            pilot = pooled_spread([table], "0")
            assert pilot is not None
            needed = seeds_to_plan(1.0, pilot, design)
            assert needed is not None
            counts.append(needed)
            realised.append(verdict_power(needed, 1.0, math.sqrt(2), design))
        error = float(np.std(realised, ddof=1)) / math.sqrt(times)
        found[str(rows)] = {"power": float(np.mean(realised)), "error": error, "median_seeds": float(np.median(counts))}
    return found


def sequential(times: int) -> dict[str, dict[str, float]]:
    """Return case -> seeds at which `sweep.seeds=auto` stops and how often it shows the first row, beside 12 seeds.

    Four rows, three compared, differences of standard deviation 0.7, detect 1, interim analyses at 3, 5, 8 and 12.
    """
    counts, sd, detect = (3, 5, 8, 12), 0.7 / math.sqrt(2), 1.0
    alpha = level_by_count(counts)
    found = {}
    for effect in (0.0, detect):
        random, stops, hits, fixed, false = np.random.default_rng(3), [], 0, 0, 0
        for _ in range(times):
            values = sd * random.normal(size=(4, counts[-1])) + random.normal(size=counts[-1])
            values[1] += effect
            have, verdicts = dict.fromkeys(range(4), counts[0]), {}
            while True:
                table = {str(row): dict(enumerate(values[row, :n].tolist())) for row, n in have.items()}
                judged = compare_pairs(table, [(str(row), "0") for row in (1, 2, 3)], None, partial(level_at, alpha))
                going = []
                for row, each in enumerate(judged, 1):
                    assert each is not None
                    verdicts[row] = difference_verdict(each.ci95)
                    last = counts[-1]
                    if verdicts[row] == "open" and each.n < last and not is_futile(each, detect, last, alpha[last]):
                        going.append(row)
                if not going:
                    break
                for row in going:
                    have[row] = next(n for n in counts if n > have[row])
                have[0] = max(have.values())
            stops.append(max(have.values()))
            hits += verdicts[1] == "above"
            false += any(verdicts[row] != "open" for row in (1, 2, 3) if row > 1 or not effect)
            fixed += judge(values)[0].ci95[0] > 0
        found[f"difference {effect:g}"] = {
            "median_seeds": float(np.median(stops)),
            "mean_seeds": float(np.mean(stops)),
            "shown": hits / times,
            "shown_by_fixed_12": fixed / times,
            "false": false / times,
        }
    return found


def main() -> None:
    """Simulate and write."""
    given = arguments(__doc__, "--quick", "--four", "--planned")
    times = 300 if given.quick else 4000
    kept = RESULTS / "levels.json"  # of a rule that is no longer in the code, measured once by this script
    known = json.loads(kept.read_text()) if kept.exists() else {}
    found: dict[str, Any] = {
        part: known[part] for part in ("levels", "powers", "pilots", "sequential") if part in known
    }
    if not given.planned:
        only = (BLOCKS - 1,) if given.four else COMPARISONS
        for part, figures in {"levels": levels(times, only), "powers": powers(times // 2, only)}.items():
            before = found.get(part, {}) if given.four else {}
            found[part] = {name: {**before.get(name, {}), **each} for name, each in figures.items()}
        found["sequential"] = sequential(times // 2)
    if not given.four:
        found["pilots"] = pilots(max(100, times // 10))
    keep("levels", {}, before=known.get("before", {}), tables=times, **found, planned=planned(times // 2))


if __name__ == "__main__":
    main()
