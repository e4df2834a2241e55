"""What is said of the optimizers' paths, and whether these paths show it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from optimizer_paths.measures import corrected, detour, grown, left, oscillation, overshoot
from optimizer_paths.paths import Paths

PLAIN = ("sgd", "momentum", "nesterov")
ADAPTIVE = ("adagrad", "adadelta", "rmsprop", "adam", "adamw", "adamax", "nadam")

STRAIGHT = 1.25
"""A detour, at most, of a path that heads straight."""

OVER = 0.05
"""A rebound, at least, of a path that overshoots, as a share of the start's distance."""

AWAY = 1.0
"""|y| beyond which a path has left the saddle."""

SOON, TENFOLD = 10, 10.0
"""A path that leaves at once has ten times its offset after ten steps."""

SIMULATED = {"adadelta": 31, "nesterov": 67, "momentum": 72, "rmsprop": 72, "sgd": 349, "adagrad": 1263}
"""Steps to |y| > 1 on x² - y² from y = 0.001 at rate 0.01 (Adadelta 1; RMSprop with the paper's α of 0.9)."""


@dataclass(frozen=True)
class Finding:
    """Whether a statement holds of some paths, None where they cannot tell, and the numbers behind it."""

    holds: bool | None
    reading: str

    @property
    def verdict(self) -> str:
        """In words."""
        return {True: "holds", False: "does not hold", None: "not judged"}[self.holds]


@dataclass(frozen=True)
class Statement:
    """What is said of a surface's paths, how that is told by numbers, and the judge; `needs`: optimizers."""

    surface: str
    said: str
    means: str
    needs: Sequence[str]
    judged_by: Callable[[Paths], Finding]

    def judge(self, paths: Paths) -> Finding:
        """Whether it holds; not judged without the optimizers that it is about."""
        missing = [name for name in self.needs if name not in paths.walks]
        return Finding(None, f"without {', '.join(missing)}") if missing else self.judged_by(paths)


def findings(name: str, paths: Paths) -> list[tuple[Statement, Finding]]:
    """The statements about a surface, each judged."""
    return [(each, each.judge(paths)) for each in STATEMENTS if each.surface == name]


def present(paths: Paths, names: Sequence[str]) -> list[str]:
    """Those that were walked."""
    return [name for name in names if name in paths.walks]


def step(number: int | None, paths: Paths) -> str:
    """A step, or that there was none."""
    return f"not in {paths.steps:,}" if number is None else f"{number:,}"


def listed(numbers: dict[str, str]) -> str:
    """`72 (momentum), 67 (nesterov)`."""
    return ", ".join(f"{number} ({name})" for name, number in numbers.items())


def amount(number: float) -> str:
    """Three digits, or all before the point."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def aim(paths: Paths) -> tuple[float, float]:
    """The surface's minimum."""
    assert paths.surface.minimum is not None, "the statement is about a surface with a minimum"
    return paths.surface.minimum


def damps(paths: Paths) -> Finding:
    """Momentum moves less across the ravine until it arrives than SGD does."""
    sgd, momentum = (oscillation(paths.walks[name]) for name in ("sgd", "momentum"))
    reading = f"moves {momentum:.3g} (momentum) and {sgd:.3g} (sgd) × its start across the ravine"
    if paths.walks["sgd"].rate != paths.walks["momentum"].rate:
        return Finding(None, f"not at the same rate; {reading}")
    return Finding(None if np.isnan(sgd) else momentum < sgd, reading)


def straight(paths: Paths) -> Finding:
    """Every adaptive method's detour is at most STRAIGHT, and none diverges."""
    found = {name: detour(paths.walks[name], aim(paths)) for name in present(paths, ADAPTIVE)}
    gone = [name for name in found if paths.walks[name].diverged]
    best, worst = min(found, key=found.__getitem__), max(found, key=found.__getitem__)
    most = f"to {found[worst]:.3g} ({worst})" if np.isfinite(found[worst]) else f"up; {worst} never came nearer"
    reading = f"detours from {found[best]:.3g} ({best}) {most}" + (f"; diverged: {', '.join(gone)}" if gone else "")
    return Finding(found[worst] <= STRAIGHT and not gone, reading)


def overshoots(paths: Paths) -> Finding:
    """Momentum and NAG both rebound by more than OVER on their way; a path that diverges does not say."""
    gone = diverged(paths)
    if gone:
        return Finding(None, f"diverged {gone}")
    found = {name: overshoot(paths.walks[name], aim(paths)) for name in PLAIN[1:]}
    return Finding(min(found.values()) > OVER, f"back by {listed({n: f'{v:.1%}' for n, v in found.items()})}")


def corrects(paths: Paths) -> Finding:
    """NAG's last rebound above OVER ends at an earlier step than momentum's."""
    gone = diverged(paths)
    if gone:
        return Finding(None, f"diverged {gone}")
    momentum, nag = (corrected(paths.walks[name], aim(paths), OVER) for name in PLAIN[1:])
    holds = nag is not None and (momentum is None or nag < momentum)
    return Finding(
        holds, f"back on course at step {step(nag, paths)} (nesterov) and {step(momentum, paths)} (momentum)"
    )


def diverged(paths: Paths) -> str:
    """Which of momentum and NAG left for good, and when."""
    return listed({n: f"at step {paths.walks[n].stopped}" for n in PLAIN[1:] if paths.walks[n].diverged})


def both_diverge(paths: Paths) -> Finding:
    """From (1, 1.5) at rate 0.01 momentum and NAG leave the bound; not judged from elsewhere or at other rates."""
    rates = {paths.walks[name].rate for name in PLAIN[1:]}
    if paths.begin != (1.0, 1.5) or rates != {0.01}:
        return Finding(None, "another start or rate")
    gone = [paths.walks[name].diverged for name in PLAIN[1:]]
    return Finding(all(gone), f"diverged {diverged(paths)}" if any(gone) else "neither diverges")


def late(paths: Paths) -> Finding:
    """After SOON steps none of SGD, momentum and NAG has TENFOLD its offset."""
    return growth(paths, PLAIN, lambda numbers: max(numbers) < TENFOLD)


def at_once(paths: Paths) -> Finding:
    """After SOON steps every adaptive method has TENFOLD its offset."""
    return growth(paths, present(paths, ADAPTIVE), lambda numbers: min(numbers) >= TENFOLD)


def growth(paths: Paths, names: Sequence[str], holds: Callable[[list[float]], bool]) -> Finding:
    """|y| after SOON steps over the offset, judged."""
    found = {name: grown(paths.walks[name], SOON) for name in names}
    if any(np.isnan(each) for each in found.values()):
        return Finding(None, "the start is on the ridge")
    least, most = min(found, key=found.__getitem__), max(found, key=found.__getitem__)
    reading = (
        f"after at most {SOON} steps {amount(found[least])} ({least}) to {amount(found[most])} ({most}) × the offset"
    )
    return Finding(holds(list(found.values())), reading)


def leaving(paths: Paths, names: Sequence[str]) -> dict[str, int | None]:
    """The step at which each has left."""
    return {name: left(paths.walks[name], AWAY) for name in names}


def eventually(paths: Paths) -> Finding:
    """Momentum and NAG have |y| above AWAY before the steps are over."""
    found = leaving(paths, PLAIN[1:])
    return Finding(None not in found.values(), f"after steps {listed({n: step(s, paths) for n, s in found.items()})}")


def before(paths: Paths) -> Finding:
    """The last adaptive method has |y| above AWAY before the first of SGD, momentum and NAG."""
    adaptive, plain = leaving(paths, present(paths, ADAPTIVE)), leaving(paths, PLAIN)

    def when(found: dict[str, int | None], name: str) -> float:
        return np.inf if found[name] is None else float(found[name] or 0)

    last = max(adaptive, key=lambda name: when(adaptive, name))
    first = min(plain, key=lambda name: when(plain, name))
    reading = (
        f"last of them: {step(adaptive[last], paths)} ({last}); first other: {step(plain[first], paths)} ({first})"
    )
    return Finding(when(adaptive, last) < when(plain, first), reading)


def adadelta_first(paths: Paths) -> Finding:
    """Adadelta has |y| above AWAY at an earlier step than any other."""
    found = {name: number for name, number in leaving(paths, list(paths.walks)).items() if number is not None}
    order = sorted(found, key=found.__getitem__)
    if not order:
        return Finding(False, f"nobody leaves in {paths.steps:,} steps")
    others = [found[name] for name in order if name != "adadelta"]
    holds = "adadelta" in found and found["adadelta"] < min(others, default=paths.steps + 1)
    rank = "" if "adadelta" in order[:3] else f" … {step(found.get('adadelta'), paths)} (adadelta)"
    return Finding(holds, f"after steps {listed({name: step(found[name], paths) for name in order[:3]})}{rank}")


def nobody_from_the_ridge(paths: Paths) -> Finding:
    """Started at offset 0, every path has y as it was, at every step."""
    if paths.start[1] != 0:
        return Finding(None, "the start is not on the ridge")
    moved = [name for name, walk in paths.still.items() if walk.points[:, 1].any()]
    return Finding(not moved, f"moved: {', '.join(moved)}" if moved else f"y = 0 in all of {paths.steps:,} steps")


def as_simulated(paths: Paths) -> Finding:
    """The steps to leave are those of SIMULATED; not judged at another rate, start or offset."""
    if (paths.rate, paths.start, paths.offset) != (0.01, (1.0, 0.0), 1e-3):
        return Finding(None, "another start, offset or rate")
    found = leaving(paths, list(SIMULATED))
    return Finding(found == SIMULATED, "after " + listed({name: step(number, paths) for name, number in found.items()}))


STATEMENTS = (
    Statement(
        "beale",
        "The adaptive methods head straight for the minimum",
        f"each path's length up to its nearest point to the minimum is at most {STRAIGHT} × what it came nearer",
        (),
        straight,
    ),
    Statement(
        "beale",
        "Momentum and NAG overshoot",
        f"both move away again from the minimum by more than {OVER:.0%} of the start's distance",
        PLAIN[1:],
        overshoots,
    ),
    Statement(
        "beale",
        "NAG corrects sooner",
        f"its last step that is {OVER:.0%} farther than it was comes before momentum's",
        PLAIN[1:],
        corrects,
    ),
    Statement(
        "beale",
        "From (1, 1.5) at rate 0.01 momentum and NAG diverge",
        "both leave ten times the picture without having arrived",
        PLAIN[1:],
        both_diverge,
    ),
    Statement(
        "saddle",
        "SGD, momentum and NAG break the symmetry late",
        f"none has {TENFOLD:g} × its offset after {SOON} steps",
        PLAIN,
        late,
    ),
    Statement(
        "saddle", "Momentum and NAG eventually leave", "|y| > 1 before the steps are over", PLAIN[1:], eventually
    ),
    Statement(
        "saddle",
        "The adaptive methods leave at once",
        f"each has {TENFOLD:g} × its offset after {SOON} steps",
        (),
        at_once,
    ),
    Statement(
        "saddle",
        "The adaptive methods leave before the others",
        "the last of them has |y| > 1 before the first of SGD, momentum and NAG",
        PLAIN,
        before,
    ),
    Statement("saddle", "Adadelta leaves first", "it has |y| > 1 before any other", ("adadelta",), adadelta_first),
    Statement("saddle", "From offset 0 nobody leaves", "y = 0 at every step", (), nobody_from_the_ridge),
    Statement(
        "saddle",
        "At rate 0.01 they leave after the steps that were simulated",
        f"|y| > 1 after {listed({name: f'{number:,}' for name, number in SIMULATED.items()})}",
        tuple(SIMULATED),
        as_simulated,
    ),
    Statement(
        "ravine",
        "Momentum damps oscillation against SGD at the same rate",
        "until it arrives it moves less across the ravine, Σ |Δy|, than SGD does",
        ("sgd", "momentum"),
        damps,
    ),
)
