"""The outcomes of the claims that an ablation stated before training."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from dropgrid.errors import UserError
from dropgrid.reports.claims import Claim, parse_claims
from dropgrid.reports.comparisons import all_have_metric, alpha_of, compare_row_combinations, compare_rows
from dropgrid.reports.published import claim_protocol
from dropgrid.reports.trained import Trained, all_trained, count_trained
from dropgrid.statistics.samples import ABOVE, BELOW, OPEN, difference_verdict
from dropgrid.statistics.simultaneous import Comparison
from dropgrid.store.ablation import Ablation, Block
from dropgrid.store.manifest import digest

HOLDS, REFUTED, INCOMPLETE, GONE = "holds", "refuted", "incomplete", "gone"
"""Outcomes of claims; `equal` and `open` are those of rows."""

RULE = (
    "A claim holds if the whole interval of its difference is on the claimed side of its bound, is refuted if all of "
    "it is on the other, is equal if two one-sided tests show it within the margin of its bound, and is open "
    "otherwise; the intervals hold for all claims together with 95 % (Šidák)."
)

COMBINED = "A claim that is not a difference of two rows is judged by its own value at each seed (the paired t-test)."

UNTRAINED = (
    "A claim about rows of which not every seed trained is judged by Fisher's test of how many did, if its bound is 0, "
    "and is open otherwise."
)


OTHER_METRIC = (
    "A claim that names a metric is about its mean over seeds, in its unit; where not every seed trained it is open."
)


@dataclass(frozen=True)
class ClaimResult:
    """A claim, its block's label, and its comparison; None while its rows are incomplete.

    `trained` takes its place if not every seed of its rows trained; both are None if the claim cannot be judged.
    `protocol` says whether its rows were trained by the source's (`same`, `other`); None if the ablation has no source.
    """

    claim: Claim
    block: str
    comparison: Comparison | None
    margin: float | None = None
    trained: Trained | None = None
    protocol: str | None = None

    @property
    def outcome(self) -> str:
        """The outcome: holds, refuted, equal or open; `incomplete` while rows are, `gone` if a row no longer exists."""
        if not self.claim.weights:
            return GONE
        if self.trained is not None:
            counts_decide = self.claim.pair and not self.claim.bound and self.claim.metric is None
            found = self.trained.verdict if counts_decide else OPEN
        elif self.comparison is None:
            return INCOMPLETE
        else:
            intervals = (self.comparison.ci95, self.comparison.inner)
            low, high = ((one - self.claim.bound, other - self.claim.bound) for one, other in intervals)
            found = difference_verdict(low, high, self.margin)
        sides = {ABOVE: HOLDS, BELOW: REFUTED} if self.claim.sign == ">" else {ABOVE: REFUTED, BELOW: HOLDS}
        return sides.get(str(found), str(found))


def judge_claims(ablation: Ablation) -> list[ClaimResult]:
    """Judge the claims as first stated, in every block."""
    texts = (ablation.frozen or {}).get("claims") or ablation.about.get("claims") or []
    return [each for block in ablation.blocks for each in judge_block_claims(ablation, block, texts)] if texts else []


def judge_block_claims(ablation: Ablation, block: Block, texts: Sequence[str]) -> list[ClaimResult]:
    """Judge the claims of one block; the family is all stated claims, whichever cells are finished."""
    claims = [recorded_claim(text, block.rows) for text in texts]
    family = len(claims) * len(ablation.blocks)
    by_metric: dict[str, list[Claim]] = {}
    for claim in claims:
        by_metric.setdefault(claim.metric or ablation.metric, []).append(claim)
    found: dict[Claim, ClaimResult] = {}
    for metric, about_it in by_metric.items():
        found |= judge_metric_claims(ablation, block, metric, about_it, family)
    return [found[claim] for claim in claims]


def judge_metric_claims(
    ablation: Ablation, block: Block, metric: str, claims: Sequence[Claim], family: int
) -> dict[Claim, ClaimResult]:
    """Judge the claims about one metric, which are part of a family."""
    headline = metric == ablation.metric
    whole = {name: cells for name, cells in block.rows.items() if all_have_metric(cells, metric)}
    trained = {name: cells for name, cells in whole.items() if all_trained(ablation, cells)}
    ready = [claim for claim in claims if claim.weights and all(row in trained for row, _ in claim.weights)]
    pairs = [claim.pair for claim in ready if claim.pair]
    others = [claim for claim in ready if not claim.pair]
    compared: dict[Claim, Comparison | None] = {}
    for_pairs = compare_rows(trained, metric, pairs, alpha_of(ablation), family)
    compared |= zip((claim for claim in ready if claim.pair), for_pairs, strict=True)
    weights = [claim.weights for claim in others]
    compared |= zip(others, compare_row_combinations(trained, metric, weights, alpha_of(ablation), family), strict=True)
    counted = {}
    for claim in claims:
        if claim.weights and claim not in compared and all(row in whole for row, _ in claim.weights):
            one, other = claim.pair or (claim.weights[0][0], claim.weights[-1][0])
            counted[claim] = count_trained(ablation, whole[one], whole[other], family)
    margin = ablation.rule("margin") if headline else None
    found = {}
    for claim in claims:
        protocol = claim_protocol(ablation, block.rows, claim.rows, claim.metric)
        found[claim] = ClaimResult(claim, block.label, compared.get(claim), margin, counted.get(claim), protocol)
    return found


def recorded_claim(text: str, rows: Collection[str]) -> Claim:
    """Return a recorded claim; without weights if a row that it names no longer exists."""
    try:
        return parse_claims([text], rows)[0]
    except UserError:
        return Claim(text, (), ">", 0.0)


def claims_status(ablation: Ablation) -> str:
    """Return a sentence on whether the claims were stated before any result was known."""
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
