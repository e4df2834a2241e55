import json

import pytest

from dropgrid.reports import formats
from dropgrid.reports.cells import read
from dropgrid.reports.claims import digest
from dropgrid.reports.notes import notes
from dropgrid.reports.table import tabulate

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
    first, second, *_ = notes(found)
    assert first.startswith("Stated before the first cell trained (recorded 2026-11-21") and "exploratory" in first
    assert second.startswith("Claim “dropblock_last_two_skip - baseline > 0” holds: +1.")
    told = json.loads(formats.as_json(found))["claims"]
    assert [each["outcome"] for each in told] == ["holds", "refuted", "open"]


def test_claims_stated_late_or_changed_are_said_to_be(fake):
    found = table(fake, finished=12, claims=CLAIMS[:1])
    assert "Stated when 12 of 45 cells were trained already" in notes(found)[0]
    assert "have been changed since" in notes(found)[0] and len(found.claims) == 3


def test_a_claim_waits_for_its_rows_and_the_family_does_not_shrink(fake):
    fake.about["claims"] = CLAIMS
    fake.add()
    fake.of("dropout")[0]["status"] = "failed"
    fake.write()
    found = tabulate(read("demo", fake.outputs))
    assert [each.outcome for each in found.claims] == ["holds", "refuted", "incomplete"]
    whole = table(type(fake)(fake.outputs))
    assert found.claims[0].comparison.critical == pytest.approx(whole.claims[0].comparison.critical, rel=0.02)
