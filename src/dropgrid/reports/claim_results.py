"""The outcomes of the claims that an ablation stated."""

from dataclasses import dataclass

from dropgrid.errors import UserError
from dropgrid.reports.claims import Claim, parse
from dropgrid.reports.comparisons import combinations_judged, complete, judged
from dropgrid.statistics.dunnett import Comparison
from dropgrid.statistics.samples import ROUNDING
from dropgrid.store.ablation import Ablation, Block
from dropgrid.store.manifest import digest

HOLDS, REFUTED, OPEN, INCOMPLETE, GONE = "holds", "refuted", "open", "incomplete", "gone"

RULE = (
    "A claim holds if the whole interval of its difference is on the claimed side, is refuted if all of it is on "
    "the other, and is open otherwise; the intervals hold for all claims together with 95 % (Šidák)."
)

COMBINED = (
    "A claim that is not a difference of two rows is judged by its own value at each seed (Student t), with no "
    "spread borrowed from other rows."
)


@dataclass(frozen=True)
class Judged:
    """A claim, the factors of its block as text, and its comparison; None while its rows are not complete."""

    claim: Claim
    block: str
    comparison: Comparison | None

    @property
    def outcome(self) -> str:
        """holds, refuted or open; `incomplete` while rows are, `gone` if one of its rows no longer exists."""
        if not self.claim.weights:
            return GONE
        if self.comparison is None:
            return INCOMPLETE
        low, high = (end - self.claim.bound for end in self.comparison.ci95)
        above, below = low > ROUNDING, high < -ROUNDING
        if self.claim.sign == "<":
            above, below = below, above
        return HOLDS if above else REFUTED if below else OPEN


def judge_claims(ablation: Ablation) -> list[Judged]:
    """Judge the claims that were stated first, together in every block."""
    texts = (ablation.frozen or {}).get("claims") or ablation.about.get("claims") or []
    if not texts:
        return []
    blocks = [(block, [stated(text, block) for text in texts]) for block in ablation.blocks]
    confidence = 1 - ablation.alpha / len(blocks)
    found = []
    for block, claims in blocks:
        whole = {name: cells for name, cells in block.rows.items() if complete(cells, ablation.metric)}
        ready = [claim for claim in claims if claim.weights and all(row in whole for row, _ in claim.weights)]
        pairs = [(claim, claim.pair) for claim in ready if claim.pair]
        others = [claim for claim in ready if not claim.pair]
        # all stated claims count, ready or not: a family does not shrink because cells are missing
        share, rest = (1 - (1 - confidence) * len(each) / len(claims) for each in (pairs, others))
        compared: dict[Claim, Comparison | None] = {}
        if pairs:
            found_for = judged(whole, ablation.metric, [pair for _, pair in pairs], share)
            compared |= zip((claim for claim, _ in pairs), found_for, strict=False)
        if others:
            combined = combinations_judged(
                whole, ablation.metric, [claim.weights for claim in others], rest, len(others)
            )
            compared |= zip(others, combined, strict=True)
        found += [Judged(claim, block.label, compared.get(claim)) for claim in claims]
    return found


def stated(text: str, block: Block) -> Claim:
    """A recorded claim; without weights if a row that it names has been renamed or taken out since."""
    try:
        return parse([text], block.rows)[0]
    except UserError:
        return Claim(text, (), ">", 0.0)


def standing(ablation: Ablation) -> str:
    """Whether the claims were stated before anything was known."""
    frozen, texts = ablation.frozen, ablation.about.get("claims") or []
    if not frozen:
        return "These claims were not recorded before training: what follows is exploratory."
    known = frozen["finished"]
    when = f"recorded {frozen['recorded']}, sha256 {frozen['sha256'][:12]}"
    first = (
        f"Stated before the first cell trained ({when})."
        if not known
        else f"Stated when {known} of {frozen['cells']} cells were trained already ({when}): exploratory."
    )
    if digest(texts) != frozen["sha256"]:
        first += " The ablation's claims have been changed since; judged are those stated first."
    return f"{first} All other comparisons are exploratory."
