"""The scoreboard: what published tables found of the claims of the sources."""

import json
import re
import shutil
from pathlib import Path

import pytest

from dropgrid.reports.publish import publish_scoreboard
from dropgrid.reports.scoreboard import NAME, as_json, as_markdown, scoreboard, summary

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def claims():
    return scoreboard(ROOT / "results")


def test_the_committed_scoreboard_is_that_of_the_published_tables(claims, tmp_path):
    assert (ROOT / f"results/{NAME}.json").read_text() == as_json(claims)
    page = (ROOT / "docs/scoreboard.md").read_text()
    assert as_markdown(claims) in page and summary(claims) in page
    assert summary(claims) in (ROOT / "README.md").read_text()


def test_every_claim_of_every_table_is_there_with_its_verdict_and_interval(claims):
    for table in {claim["table"] for claim in claims}:
        published = json.loads((ROOT / f"results/{table}/table.json").read_text())
        own = {claim["claim"]: claim for claim in claims if claim["table"] == table}
        assert (ROOT / f"results/{table}/figure.png").exists()
        tested = [claim for claim in published["claims"] if claim["outcome"] != "gone"]  # of rows that were taken out
        assert own.keys() == {claim["claim"] for claim in tested}
        doses = {row["row"]: row["dose"] for row in published["rows"]}
        for claim in tested:
            found = own[claim["claim"]]
            assert found["verdict"] == claim["outcome"] and found["source"] and found["protocol"] in ("same", "other")
            assert found["interval"] == (claim["comparison"] and claim["comparison"]["ci95"])
            first = re.split(r" [-+<>] ", claim["claim"].lstrip("("))[0]
            assert found["dose"] == doses[first]
    before = {claim["table"] for claim in claims if claim["stated"] == "before training"}
    notes = {table: json.loads((ROOT / f"results/{table}/table.json").read_text())["notes"][0] for table in before}
    assert all(note.startswith("Stated before the first cell trained") for note in notes.values())


def test_a_claim_has_its_own_protocol_and_not_that_of_a_row_whose_name_is_part_of_another(tmp_path):
    shutil.copytree(ROOT / "results/dropblock_table1", tmp_path / "table")
    table = json.loads((tmp_path / "table/table.json").read_text())
    for claim in table["claims"]:
        claim["protocol"] = "same" if claim["claim"] == "dropblock - dropout > 0" else "other"
    for row in table["rows"]:
        row["protocol"] = "same" if row["row"] in ("dropout", "dropblock_label_smoothing") else "other"
    (tmp_path / "table/table.json").write_text(json.dumps(table))
    found = {claim["claim"]: claim["protocol"] for claim in scoreboard(tmp_path)}
    assert [name for name, protocol in found.items() if protocol == "same"] == ["dropblock - dropout > 0"]


def test_pages_are_renewed_between_their_markers_alone(tmp_path):
    for folder in ("docs", "results/demo"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("table.json", "cells.json.gz"):
        (tmp_path / "results/demo" / file).write_bytes((ROOT / "results/demo" / file).read_bytes())
    before = "".join(
        f"{each}\n<!-- results/{name} -->\n(before)\n<!-- end -->\n"
        for each, name in (("a", NAME), ("b", f"{NAME} counts"))
    )
    (tmp_path / "README.md").write_text(before)
    publish_scoreboard(tmp_path)
    after, claims = (tmp_path / "README.md").read_text(), scoreboard(tmp_path / "results")
    assert len(claims) == len(json.loads((tmp_path / "results/demo/table.json").read_text())["claims"]) > 0
    assert after == before.replace("(before)", as_markdown(claims), 1).replace("(before)", summary(claims), 1)
    assert after.count("[demo](../results/demo/figure.png)") == len(claims)
