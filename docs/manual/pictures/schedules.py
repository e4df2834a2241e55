"""Learning rates over training."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dropgrid.plotting.style import VERMILLION
from manual.measuring import EPOCHS, STEPS
from manual.options import Option
from manual.pictures.drawing import BLUE, GREY, INK, SKY, place_axes, sheet, style
from manual.sweeping import main_key, values

WARMUP = 0.1
LOSSES = [1.2, 0.8, 0.6, 0.5, 0.45, 0.44, 0.46, 0.45, 0.47, 0.3]
LOSSES += [0.24, 0.22, 0.23, 0.22, 0.225, 0.23, 0.18, 0.17, 0.165, 0.163]
"""Of validation, by epochs: it stops getting better twice."""


def factors(built: Any, epochs: int = EPOCHS) -> list[float]:
    """At each step."""
    return [built(step, epochs * STEPS) for step in range(epochs * STEPS)]


def steps(axes: Axes, found: list[float], **how: Any) -> None:
    """A line over the share of training."""
    axes.plot([at / len(found) for at in range(len(found))], found, **how)


def dressed(axes: Axes, title: str) -> None:
    """Limits, ticks, title, legend."""
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.02, 1.08)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "¼", "½", "¾", "1"])
    axes.set_xlabel("share of training", labelpad=1)
    axes.set_title(title, loc="left", fontsize=9)
    axes.legend(frameon=True, edgecolor="none", framealpha=0.85, fontsize=8, loc="best")


def scheduled(option: Option) -> Figure:
    """What the learning rate is multiplied by at each step. Left: with the defaults (blue), and with a warm-up over
    a tenth of training (orange, dashed), after which the schedule has what is left. Right: its main argument at
    other values."""
    with style():
        figure = sheet(2.7)
        axes = place_axes(figure, 0.45, 0.3, 3.9, 2.0)
        steps(axes, factors(option.built()), color=BLUE, lw=2, label="as it is")
        how: Any = {"color": VERMILLION, "lw": 1.4, "ls": (0, (4, 2))}
        steps(axes, factors(option.built(warmup=WARMUP)), **how, label=f"warmup {WARMUP:g}")
        dressed(axes, "factor of optimizer.lr")
        axes = place_axes(figure, 4.95, 0.3, 3.9, 2.0)
        key = main_key(option)
        assert key is not None
        for value, color in zip(values(option, key), (SKY, BLUE, INK), strict=False):
            number = type(option.node[key])(value)
            steps(axes, factors(option.built(**{key: number})), color=color, lw=1.7, label=f"{key} {number:g}")
        dressed(axes, f"over {key}")
    return figure


def by_validation(option: Option) -> Figure:
    """Left: a sequence of validation losses, by epochs; a ring is a new best. Right: what the learning rate is
    multiplied by there: with `patience` 2, so that it shows in so few epochs (blue), with 3 (light), and with a
    warm-up over a tenth of training (orange, dashed). It falls after the third epoch in a row without a new best."""
    epochs = len(LOSSES)
    with style():
        figure = sheet(2.7)
        axes = place_axes(figure, 0.45, 0.3, 3.9, 2.0)
        best = [at for at in range(epochs) if LOSSES[at] < min([*LOSSES[:at], 9.0]) * (1 - option.node["threshold"])]
        axes.plot(range(1, epochs + 1), LOSSES, color=GREY, lw=1.2, marker=".", ms=5)
        axes.plot([at + 1 for at in best], [LOSSES[at] for at in best], "o", ms=6, mfc="white", mec=BLUE, mew=1.4)
        axes.set_title("validation loss", loc="left", fontsize=9)
        axes.set_xlabel("epoch", labelpad=1)
        other = place_axes(figure, 4.95, 0.3, 3.9, 2.0)
        drawn: list[tuple[dict[str, float], dict[str, Any]]] = [
            ({"patience": 3}, {"color": SKY, "lw": 1.7, "label": "patience 3"}),
            ({"patience": 2}, {"color": BLUE, "lw": 2, "label": "patience 2"}),
            (
                {"patience": 2, "warmup": WARMUP},
                {"color": VERMILLION, "lw": 1.4, "ls": (0, (4, 2)), "label": f"patience 2, warmup {WARMUP:g}"},
            ),
        ]
        shown = [{"val/loss": value, "val/acc": 0.0} for value in LOSSES]
        for changes, how in drawn:
            built, total = option.built(**changes), epochs * STEPS
            found = [built(step, total, shown[: step // STEPS]) for step in range(total)]
            other.plot([1 + at / STEPS for at in range(total)], found, drawstyle="steps-post", **how)
        other.set_yscale("log")
        other.set_yticks([0.01, 0.1, 1], ["0.01", "0.1", "1"])
        other.minorticks_off()
        other.set_title("factor of optimizer.lr", loc="left", fontsize=9)
        other.set_xlabel("epoch", labelpad=1)
        other.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0.08, 0.05))
        for each in (axes, other):
            each.set_xlim(0.5, epochs + 1)
            each.set_xticks([1, 5, 10, 15, 20])
    return figure
