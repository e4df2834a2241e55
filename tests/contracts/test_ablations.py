"""What every ablation's YAML must keep."""

from pathlib import Path

import pytest
import yaml

from dropgrid.sweeps.plan import check, plans

FOLDER = Path(__file__).parents[2] / "conf" / "ablation"
ABLATIONS = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def test_there_are_ablations():
    assert "demo" in ABLATIONS


@pytest.mark.parametrize("name", ABLATIONS)
def test_it_opens_with_claim_command_cost_and_what_to_expect(name):
    head = [line for line in (FOLDER / f"{name}.yaml").read_text().splitlines() if line.startswith("#")]
    text = "\n".join(head)
    assert head[0] == "# @package _global_"
    for word in ("Claim:", "Command:", "Cost:", "Expected:", f"+ablation={name}"):
        assert word in text


@pytest.mark.parametrize("name", ABLATIONS)
def test_nothing_about_the_training_stands_outside_rows_and_scale(name):
    node = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    assert set(node) <= {"defaults", "sweep", "ablation"}
    assert all(set(each) == {"override /scale"} for each in node["defaults"])
    assert {"name", "question", "claim", "cost", "baseline", "rows"} <= set(node["ablation"])
    assert node["ablation"]["name"] == name and node["ablation"]["baseline"] in node["ablation"]["rows"]


@pytest.mark.parametrize("name", ABLATIONS)
def test_every_cell_builds(name, tmp_path, monkeypatch):
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))
    check(plans([f"+ablation={name}"]))


def test_the_demos_blocks_are_not_the_whole_map(tmp_path, monkeypatch):
    """A block of the map's size is spatial dropout."""
    from dropgrid import build, sites

    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))
    (plan,) = plans(["+ablation=demo", "seed=0"])
    seen = 0
    for cell in plan.cells:
        spec = build.source(cell.config, cell.local).spec()
        net = build.network(cell.config, spec)
        for site, shape in sites.shapes(net, (spec.channels, *spec.size)).items():
            assert min(shape[1:]) >= 7 and not sites.drops(net)[site].clamped(shape)
            seen += 1
    assert seen > 30
