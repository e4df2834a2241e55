import json
from dataclasses import replace

import numpy as np
import pytest
from left import leave
from scipy import stats

from dropgrid.reports.claim_results import judge_claims
from dropgrid.reports.footnotes import table_notes
from dropgrid.reports.formats import json as json_format
from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import read
from dropgrid.store.evaluations import Measured
from dropgrid.store.manifest import digest

CLAIMS = [
    "dropblock_last_two_skip - baseline > 0",
    "dropblock_fixed_keep_prob - baseline > 0",
    "dropout - drop_path > 0",
]


def table(fake, finished=0, claims=CLAIMS):
    fake.about["claims"] = claims
    fake.add().write()
    stated = {"claims": CLAIMS, "sha256": digest(CLAIMS), "recorded": "2026-11-21", "finished": finished, "cells": 45}
    (fake.outputs / "ablations/demo/claims.json").write_text(json.dumps(stated))
    return tabulate(read("demo", fake.outputs))


def test_claims_are_judged_together_and_come_first(fake):
    found = table(fake)
    assert [each.outcome for each in found.claims] == ["holds", "refuted", "open"]
    assert all(each.comparison.family == 3 for each in found.claims)
    first, second, *_ = table_notes(found)
    assert first.startswith("Stated before the first cell trained (recorded 2026-11-21") and "exploratory" in first
    assert second.startswith("Claim “dropblock_last_two_skip - baseline > 0” holds: +1.")
    told = json.loads(json_format.render(found))["claims"]
    assert [each["outcome"] for each in told] == ["holds", "refuted", "open"]


def test_claims_stated_late_or_changed_are_said_to_be(fake):
    found = table(fake, finished=12, claims=CLAIMS[:1])
    assert "Stated when 12 of 45 cells were trained already" in table_notes(found)[0]
    assert "have been changed since" in table_notes(found)[0] and len(found.claims) == 3


@pytest.mark.parametrize(
    "recorded, finished, now, told",
    [
        ({"margin": 1.0}, 0, 2.0, "ablation.margin has been changed since it was recorded (1); verdicts use that."),
        ({}, 0, 2.0, "ablation.margin has been changed since it was recorded (none); verdicts use that."),
        (
            {"margin": 1.0},
            12,
            1.0,
            "ablation.margin was recorded when 12 of 45 cells were trained already: exploratory.",
        ),
        ({"margin": 1.0}, 0, 1.0, None),
    ],
)
def test_a_rule_of_verdicts_that_was_changed_or_came_late_is_said_to_be(fake, recorded, finished, now, told):
    fake.about["margin"] = now
    fake.add().write()
    stated = {"claims": [], "sha256": digest([]), "recorded": "2026-11-21", "finished": finished, "cells": 45}
    (fake.outputs / "ablations/demo/claims.json").write_text(json.dumps(stated | {"rules": recorded}))
    found = [each for each in table_notes(tabulate(read("demo", fake.outputs))) if each.startswith("ablation.margin")]
    assert found == [told] * (told is not None)


def test_a_recorded_claim_about_a_row_that_is_no_more_is_said_and_not_judged(fake):
    gone = [*CLAIMS[:1], "renamed - baseline > 0"]
    fake.about["claims"] = CLAIMS[:1]
    fake.add().write()
    stated = {"claims": gone, "sha256": digest(gone), "recorded": "2026-11-21", "finished": 0, "cells": 45}
    (fake.outputs / "ablations/demo/claims.json").write_text(json.dumps(stated))
    found = tabulate(read("demo", fake.outputs))
    assert [each.outcome for each in found.claims] == ["holds", "gone"]
    kept = found.claims[0].comparison
    assert kept.critical == pytest.approx(stats.t.ppf((1 + 0.95**0.5) / 2, kept.freedom))  # of two claims still
    assert any(
        "“renamed - baseline > 0” refers to rows that no longer exist; not tested" in each
        for each in table_notes(found)
    )


def test_a_claim_waits_for_its_rows_and_the_family_does_not_shrink(fake):
    fake.about["claims"] = CLAIMS
    fake.add()
    fake.of("dropout")[0]["status"] = "failed"
    fake.write()
    found = tabulate(read("demo", fake.outputs))
    assert [each.outcome for each in found.claims] == ["holds", "refuted", "incomplete"]
    whole = table(type(fake)(fake.outputs))
    assert found.claims[0].comparison.critical == pytest.approx(whole.claims[0].comparison.critical, rel=0.02)


COMBINED = "(dropblock_last_two_skip - baseline) - (dropblock_fixed_keep_prob - drop_path) > 0"
INTERACTION = "(drop_path - dropout) - (spatial_dropout - baseline) < -20"


def combined(fake, claims):
    fake.about["claims"] = claims
    fake.add().write()
    return tabulate(read("demo", fake.outputs))


def values(fake, weights):
    cells = {row: [100 * c["result"]["metrics"]["test/acc_last"] for c in fake.of(row)] for row in weights}
    return [sum(weight * cells[row][seed] for row, weight in weights.items()) for seed in range(5)]


def test_a_claim_about_a_combination_is_judged_seed_by_seed(fake):
    found = combined(fake, [INTERACTION]).claims[0]
    weights = {"drop_path": 1, "dropout": -1, "spatial_dropout": -1, "baseline": 1}
    test = stats.ttest_1samp(values(fake, weights), 0.0)
    assert found.comparison.ci95 == pytest.approx(tuple(test.confidence_interval(0.95)))
    assert found.outcome == "refuted"


def test_all_stated_claims_share_the_risk_whatever_their_kind(fake):
    pair = "dropout - drop_path > 0"
    first, second, third = combined(fake, [pair, COMBINED, INTERACTION]).claims
    assert [each.outcome for each in (first, second, third)] == ["open", "holds", "refuted"]
    weights = {"drop_path": 1, "dropout": -1, "spatial_dropout": -1, "baseline": 1}
    level = 0.95 ** (1 / 3)
    expected = stats.ttest_1samp(values(fake, weights), 0.0).confidence_interval(level)
    assert third.comparison.ci95 == pytest.approx(tuple(expected))
    alone = table(type(fake)(fake.outputs), claims=CLAIMS).claims  # a pair beside two other pairs
    assert first.comparison.mean == pytest.approx(alone[2].comparison.mean)
    assert first.comparison.error == pytest.approx(alone[2].comparison.error)
    assert first.comparison.critical == pytest.approx(alone[2].comparison.critical, rel=0.05)


def test_the_notes_tell_how_a_combination_is_judged_where_there_is_one(fake):
    told = table_notes(combined(fake, [COMBINED]))
    assert any(note.startswith("A claim that is not a difference of two rows") for note in told)
    assert not any(note.startswith("A claim that is no plain") for note in table_notes(table(type(fake)(fake.outputs))))


def test_a_combination_waits_for_all_its_rows(fake):
    fake.add().of("spatial_dropout")[0]["status"] = "failed"
    fake.about["claims"] = [COMBINED, INTERACTION]
    fake.write()
    found = tabulate(read("demo", fake.outputs)).claims
    assert [each.outcome for each in found] == ["holds", "incomplete"]


def measured(ablation, name, unit, value):
    """The ablation whose cells have a metric of an evaluation: `value(row, seed)`."""
    blocks = [
        replace(
            block,
            rows={
                row: [cell.knowing(evaluations={name: Measured(value(row, cell.seed), name, unit)}) for cell in cells]
                for row, cells in block.rows.items()
            },
        )
        for block in ablation.blocks
    ]
    return replace(ablation, blocks=blocks)


def test_a_claim_about_a_metric_is_judged_by_it_in_its_unit(fake):
    texts = ["dropout - baseline > 0", "dropout - baseline < 0 in noise/x", "drop_path - baseline > 0.2 in noise/x"]
    fake.about["claims"] = texts
    ablation = read(fake.add(["baseline", "dropout", "drop_path"]).write(), fake.outputs)
    effect = {"baseline": 0.0, "dropout": -0.02, "drop_path": 0.01}

    def value(row, seed):
        return 0.5 + effect[row] + 1e-4 * ((seed * len(row)) % 3)

    share = judge_claims(measured(ablation, "noise/x", "%", value))
    assert [each.outcome for each in share] == ["open", "holds", "holds"]
    assert share[1].comparison.mean == pytest.approx(-2.0, abs=0.05) and share[1].comparison.family == 3
    assert share[1].comparison.examples is None  # test images are those of the headline alone
    plain = judge_claims(measured(ablation, "noise/x", "", value))
    assert plain[1].comparison.mean == pytest.approx(-0.02, abs=5e-4) and plain[2].outcome == "refuted"
    notes = table_notes(tabulate(measured(ablation, "noise/x", "", value)))
    assert "Claim “drop_path - baseline > 0.2 in noise/x” is refuted: +0.00990 [+0.00972, +0.01008]." in notes
    assert [each.outcome for each in judge_claims(ablation)] == ["open", "incomplete", "incomplete"]


@pytest.mark.parametrize("unit", ["%", ""])
def test_a_claim_about_a_difference_of_metrics_is_judged_by_the_difference_at_each_seed(fake, unit):
    shown = 100 if unit else 1
    name = "sparsity" if unit else "x"  # what `leave` counts as a share
    texts = [f"dropout < {-0.02 * shown} in noise/{name} - noise/other", f"dropout > 0 in noise/other - noise/{name}"]
    fake.about["claims"] = texts
    fake.add(["baseline", "dropout"])
    fake.write()
    seeds = range(5)
    other = {seed: 0.5 + 0.1 * seed for seed in seeds}
    gap = {seed: 0.05 + 0.001 * (seed % 3) for seed in seeds}
    leave(fake, "dropout", "noise", lambda _: {"a": np.ones(1)}, lambda s: {name: other[s] - gap[s]}, seeds=5)
    folder = [fake.outputs / "runs" / cell["line"]["cell"] / "evaluations" for cell in fake.of("dropout")]
    for seed, each in enumerate(folder):
        about = json.loads((each / "noise.json").read_text())
        about["metrics"]["other"], about["headings"]["other"] = other[seed], ["other", unit]
        (each / "noise.json").write_text(json.dumps(about))
    one, two = judge_claims(read(fake.write(), fake.outputs))
    values = np.array([-gap[seed] * shown for seed in seeds])
    half = stats.t.ppf((1 + 0.95**0.5) / 2, 4) * values.std(ddof=1) / 5**0.5  # two claims, by Šidák
    assert one.comparison.mean == pytest.approx(values.mean())
    assert one.comparison.ci95 == pytest.approx((values.mean() - half, values.mean() + half))
    assert (one.outcome, two.outcome) == ("holds", "holds")


def protocols(fake, claims, source="Ghiasi et al., 2018", **published):
    fake.about.update({"claims": claims, "source": source, "published": published})
    return tabulate(read(fake.add(["baseline", "dropout", "drop_path"]).write(), fake.outputs))


def test_a_claim_has_the_protocol_of_every_row_in_it_and_of_no_other(fake):
    claims = ["dropout - baseline < 5", "drop_path - baseline < 5", "drop_path - dropout < 5 in noise/x"]
    rows: dict = {"baseline": {"mean": 1}, "dropout": {"mean": 1}, "drop_path": {"mean": 1}}
    rows["drop_path"]["protocol"] = {"regularizer.keep_prob": 0.2}
    found = protocols(fake, claims, protocol={"trainer.max_epochs": 15}, rows=rows)
    assert [each.protocol for each in found.claims] == ["same", "other", "other"]
    assert [each["protocol"] for each in json.loads(json_format.render(found))["claims"]] == ["same", "other", "other"]
    replicated = [note for note in table_notes(found) if "conceptual replication" in note]
    assert len(replicated) == 1 and replicated[0].startswith("The protocol of “drop_path - baseline < 5” is not")


def test_a_claim_of_a_source_without_a_stated_protocol_is_a_conceptual_replication(fake):
    found = protocols(fake, ["dropout - baseline < 5"])
    assert found.claims[0].outcome == "holds" and found.claims[0].protocol == "other"
    assert any(note.startswith("The protocol is not the source's: a claim that holds") for note in table_notes(found))
    fake.about["source"] = None
    found = tabulate(read(fake.write(), fake.outputs))
    assert found.claims[0].protocol is None
    assert not any("conceptual replication" in note for note in table_notes(found))


def test_a_claim_about_spread_is_the_paired_test_of_distances_from_the_medians(fake):
    text = "dropout - baseline > 0 in deviation[epoch=2]/val/acc"
    fake.about["claims"] = [text]
    fake.add(rows=["baseline", "dropout"], seeds=9).write()
    (found,) = tabulate(read("demo", fake.outputs)).claims
    after = {
        row: np.array([100 * cell["curve"][1]["val/acc"] for cell in fake.of(row)]) for row in ("dropout", "baseline")
    }
    one, other = (np.abs(values - np.median(values)) for values in after.values())
    expected = stats.ttest_rel(one, other)
    assert found.comparison.mean == pytest.approx((one - other).mean())
    assert found.comparison.ci95 == pytest.approx(tuple(expected.confidence_interval(0.95)))


@pytest.mark.parametrize("draw", ["standard_normal", "standard_exponential"])
def test_equal_spreads_are_told_apart_no_oftener_than_stated(draw):
    values = getattr(np.random.default_rng(5), draw)((8_000, 2, 10))
    distances = np.abs(values - np.median(values, -1, keepdims=True))
    p = stats.ttest_rel(distances[:, 0], distances[:, 1], axis=-1).pvalue
    assert np.mean(p < 0.05) < 0.05 + 3 * (0.05 * 0.95 / 8_000) ** 0.5
