"""All that was observed of a layer, and how the network was run."""

from collections.abc import Mapping
from dataclasses import dataclass

from dropgrid.audits.hooks import WatchedCall, WatchedOwn
from dropgrid.audits.probe import Probe
from dropgrid.audits.tails import ALARM, chance_of_no_drop
from dropgrid.audits.watch import Watched


@dataclass(frozen=True)
class Evidence:
    """All that was observed of a layer.

    Attributes:
        probe: calls on ones in train mode; None if it could not be called.
        varies: repeated calls in train mode differ; None if inconclusive, or not tried as cells were counted.
        called_in_eval: what repeated calls in eval mode do, as `eval_probe` returns it; None if inconclusive.
        eval_factor: the mean factor on ones in eval mode.
        full: its level as it was handed over.
        mode: the module that it is, or that calls it, was handed over in train mode.
        held: that module, or a part that holds it, was handed over in eval mode.
        frozen: the outermost of these parts has parameters, none of which is trained.
        unused: the network's output does not depend on its result; None if inconclusive.
    """

    seen: Watched
    probe: Probe | None = None
    varies: bool | None = None
    called_in_eval: str | None = None
    eval_factor: float = 1.0
    full: float | None = None
    mode: bool = True
    held: bool = False
    frozen: bool = False
    unused: bool | None = False

    @property
    def on(self) -> bool | None:
        """Whether the layer changes its input in train mode; None if inconclusive."""
        seen = self.seen
        if not seen.calls:
            return False
        if isinstance(seen, WatchedCall):
            return seen.identities < seen.informative
        if seen.opaque and not isinstance(seen, WatchedOwn):
            return self.varies
        probed = self.probe is not None and (
            self.probe.changed if not isinstance(seen, WatchedOwn) else self.probe.share > 0 or self.probe.varied
        )
        if seen.identities < seen.informative or probed:
            return True
        return False if seen.informative else None

    @property
    def in_eval(self) -> str | None:
        """What the layer does in eval mode: `identity`, `fixed` or `random`."""
        seen = self.seen
        if isinstance(seen, WatchedCall | WatchedOwn):
            off = "fixed" if self.called_in_eval == "fixed" else "identity"
            return "random" if seen.evals_changed else off if seen.evals else None
        if seen.evals_changed and self.called_in_eval:
            return self.called_in_eval if self.called_in_eval == "random" else "fixed"
        if seen.evals_changed:
            return None
        return "identity" if seen.evals and self.called_in_eval != "random" else self.called_in_eval

    @property
    def sets_nothing_to_zero(self) -> bool:
        """Predicate: the layer changes its input, but neither real batches nor ones have zeros behind it."""
        seen, probe = self.seen, self.probe
        own = isinstance(seen, WatchedOwn)
        return not own and self.on is True and seen.realised == 0 and (probe is None or probe.share == 0)

    @property
    def drops_everything(self) -> bool:
        """Predicate: nothing is left of real batches and of ones, and no probability below 1 makes that chance."""
        probed = self.probe is None or self.probe.share == 1
        return self.seen.realised == 1 and probed and self.seen.nominal in (1, None)

    @property
    def certainly_off(self) -> bool:
        """Predicate: the layer never drops in train mode, and that it did not is not chance."""
        return self.on is False and (not self.seen.calls or self.seen.nominal == 0 or self.chance < ALARM)

    @property
    def chance(self) -> float:
        """The probability that a layer at its nominal rate drops nothing, in the batches and on ones."""
        seen, rate = self.seen, self.seen.expected if self.seen.expected is not None else self.seen.nominal
        if rate is None or not 0 < rate <= 1 or (isinstance(seen, WatchedOwn) and not seen.seen):
            return 0.0
        calls = seen.calls + (self.probe.calls if self.probe is not None and not seen.on_ones else 0)
        stderr = seen.stderr(rate) if seen.known and seen.seen else None
        draws = rate * (1 - rate) / stderr**2 * calls / seen.calls if stderr else calls
        return chance_of_no_drop(rate, draws)


@dataclass(frozen=True)
class Setting:
    """How the network was run.

    Attributes:
        training: it was handed over in train mode.
        advanced: over how many batches a schedule was advanced; 0 if none was.
        moved: the classes of the layers whose level moved.
        replaced: layers that never ran -> the function that drops in their place.
    """

    training: bool
    advanced: int
    moved: frozenset[str]
    replaced: Mapping[Watched, str]
