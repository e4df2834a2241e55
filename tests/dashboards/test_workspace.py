"""The workspace and the report as data: what they show, of which runs, grouped how."""

import json
import re

import pytest

from dropgrid.cli import dashboard
from dropgrid.dashboards.document import make_report
from dropgrid.dashboards.service import as_plain_data
from dropgrid.dashboards.workspace import make_workspace
from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import read

PLACE = {"project": "dropgrid", "entity": ""}


@pytest.fixture
def without_key(monkeypatch, tmp_path):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


def table_of(fake):
    return tabulate(read(fake.write(), fake.outputs))


def panels(found):
    return {panel.get("title"): panel for section in found["sections"] for panel in section["panels"]}


def test_the_workspace_is_of_the_ablations_runs_by_row(fake):
    found = as_plain_data(make_workspace(table_of(fake.add()), **PLACE))
    (filtered,) = [found["runset_settings"]["filters"]]
    assert "ablation:demo" in str(filtered) and "tags" in str(filtered).lower()
    assert [each["name"] for each in found["runset_settings"]["groupby"]] == ["rows.demo"]
    assert [each["name"] for each in found["sections"]] == [
        *("Accuracy", "Learning curves", "Drop rates", "Settings", "Images")
    ]
    accuracy = panels(found)["Validation accuracy"]
    assert (accuracy["groupby"]["name"], accuracy["groupby_aggfunc"]) == ("rows.demo", "mean")
    assert accuracy["groupby_rangefunc"] == "stddev" and accuracy["y"] == ["val/acc"]


def test_every_site_that_drops_has_its_curve_and_settings_that_differ_their_axis(fake):
    found = panels(as_plain_data(make_workspace(table_of(fake.add()), **PLACE)))
    sites = {str(site["site"]) for cell in fake.cells for site in cell["result"]["treatment"]["sites"]}
    assert sites and all(found[f"Realised fraction at {site}"]["y"] == [f"drop/{site}"] for site in sites)
    assert set(found["Expected, all of training"]["metrics"]) == {f"expected/{site}" for site in sites}
    axes = [each["metric"]["name"] for each in found["Settings against accuracy"]["columns"]]
    assert "regularizer.keep_prob" in axes and axes[-1] == "test/acc_last"
    assert not any(each.endswith(".option") or each == "seed" for each in axes)


def test_pictures_are_of_what_the_cells_record(fake):
    fake.add(["baseline", "dropout"], seeds=1)
    node = {"option": "Diagnosis", "every": 10, "images": 64}
    fake.of("baseline")[0]["config"]["diagnosis"] = node | {"hessian": {"option": "x", "images": 128}}
    fake.of("dropout")[0]["config"]["diagnosis"] = node | {"weights_by_depth": {"option": "x", "images": 2}}
    found = panels(as_plain_data(make_workspace(table_of(fake), **PLACE)))
    assert found["Diagnosis"]["media_keys"] == ["diagnosis/hessian", "diagnosis/weights_by_depth"]
    fake.cells.clear()
    assert "Diagnosis" not in panels(as_plain_data(make_workspace(table_of(fake.add(["baseline"])), **PLACE)))


def test_without_sites_there_are_no_drop_rates(fake):
    found = as_plain_data(make_workspace(table_of(fake.add(["baseline"])), **PLACE))
    assert "Drop rates" not in [each["name"] for each in found["sections"]]


def test_a_factor_groups_too_and_charts_follow_the_table_of_runs(fake):
    for lr in ("0.1", "0.2"):
        fake.add(["baseline", "dropout"], seeds=2, factors={"optimizer.lr": lr})
    found = as_plain_data(make_workspace(table_of(fake), **PLACE))
    assert [each["name"] for each in found["runset_settings"]["groupby"]] == ["rows.demo", "optimizer.lr"]
    assert "groupby" not in panels(found)["Validation accuracy"]


def test_a_dot_in_a_name_is_no_level_and_signs_are_spelled_otherwise(fake):
    fake.about["name"] = "demo+optimizer.lr=0.1"
    found = as_plain_data(make_workspace(table_of(fake.add(["baseline", "dropout"])), **PLACE))
    assert [each["name"] for each in found["runset_settings"]["groupby"]] == ["rows.demo+optimizer_lr=0_1"]
    assert found["name"] == "demo-optimizer.lr-0.1"


def test_the_report_holds_question_table_figures_and_run_sets(fake):
    made = make_report(table_of(fake.add()), ["figures/figure"], **PLACE)
    found = as_plain_data(made)
    text = json.dumps(found, ensure_ascii=False)
    assert found["title"] == fake.about["title"]
    assert fake.about["question"] in text and fake.about["claim"] in text and fake.about["command"] in text
    (table,) = [each["text"] for each in found["blocks"] if "Difference to baseline" in each.get("text", "")]
    assert table.startswith("| Row") and "dropblock_last_two_skip" in table
    grids = [each for each in found["blocks"] if each["class"] == "PanelGrid"]
    assert grids[0]["panels"][0]["media_keys"] == ["figures/figure"]
    assert "report:demo" in grids[0]["runsets"][0]["filters"]
    assert "ablation:demo" in grids[1]["runsets"][0]["filters"]
    made._to_model()  # the package accepts it, without a network


def test_the_dry_run_needs_no_key_and_prints_json(fake, without_key, capsys):
    fake.add(["baseline", "dropout"]).write()
    (fake.outputs / "ablations" / "demo" / "figure.png").write_bytes(b"")
    assert dashboard.main(["demo", "--dry-run", f"paths.outputs={fake.outputs}"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["workspace"]["name"] == "demo" and list(found["figures"]) == ["figures/figure"]
    assert found["report"]["blocks"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["demo"], "no W&B API key, --dry-run shows .*: run `wandb login` or set WANDB_API_KEY"),
        (["demo", "--sync"], "no W&B API key, nothing was sent"),
        (["dmo", "--dry-run"], "no ablation 'dmo'.*did you mean 'demo'"),
        (["demo", "--weights"], "--weights goes with --from-files"),
        (["demo", "--dry-run", "--sync"], "--dry-run prints the workspace and the report"),
    ],
)
def test_what_cannot_be_done_is_one_line(fake, without_key, capsys, arguments, said):
    fake.add(["baseline"]).write()
    assert dashboard.main([*arguments, f"paths.outputs={fake.outputs}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(said, line), line
