"""What every ablation's YAML must keep."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from dropgrid.execution.check import check
from dropgrid.planning.fingerprints import Fingerprints
from dropgrid.planning.plan import plans
from dropgrid.planning.rows import product_of
from dropgrid.reports.published import protocol_differences
from dropgrid.store.ablation import Ablation

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
    rows = node["ablation"]["rows"].items()
    names = {
        each for row, given in rows for each, _ in (product_of(row, given) if isinstance(given, dict) else [(row, 0)])
    }
    assert node["ablation"]["name"] == name and node["ablation"]["baseline"] in names


@pytest.mark.slow
@pytest.mark.parametrize("name", ABLATIONS)
def test_every_cell_builds(name, tmp_path, monkeypatch):
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))
    check(plans([f"+ablation={name}", "seed=0"]))


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


PAPER = [name for name in ABLATIONS if name.startswith("dropblock_")]
LARGER = [
    *((name, scale) for name in PAPER for scale in ("small_data", "fashion_cpu")),
    ("dropblock_table1", "cifar10"),
    ("dropblock_mask", "cifar100"),
    ("dropout_mnist", "mnist"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "scale"), LARGER)
def test_the_papers_ablations_build_at_larger_scales(name, scale, tmp_path, monkeypatch):
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))
    found = plans([f"+ablation={name}", f"scale={scale}", "data=fake", "data.size=32", "data.channels=3", "seed=0"])
    check(found)
    assert found[0].about["scale"] == scale and found[0].cells[0].config["data"]["batch_size"] in (50, 64, 128, 250)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scale", "other"),
    [("imagenet", []), ("imagenet_released", ["optimizer nesterov (published: momentum)", "lr_schedule.milestones"])],
)
def test_table_1_has_the_papers_protocol_at_its_own_scale_alone(scale, other, tmp_path, monkeypatch):
    """Every row builds, and its protocol is the published one; another count of epochs is named."""
    from dropgrid.reports.published import protocol_differences
    from dropgrid.store.ablation import Ablation, Block
    from dropgrid.store.cell import Cell

    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))
    for part in ("train", "val"):
        for label in ("n01", "n02"):
            (tmp_path / "data" / part / label).mkdir(parents=True)
            for index in range(512):
                (tmp_path / "data" / part / label / f"{index}.JPEG").touch()
    line = ["+ablation=dropblock_table1", f"scale={scale}", f"data.root={tmp_path / 'data'}", "seed=0"]
    (plan,) = plans(line)
    check([plan])
    assert plan.about["metric"] == "test/acc_best"
    for each in plan.cells:
        place = (each.id, each.row, {}, 0, each.overrides, tmp_path)
        cell = Cell(*place, {"config": each.config, "result": None})
        ablation = Ablation("x", plan.about, [Block({}, {})])
        found = protocol_differences(ablation, each.row, cell)
        assert len(found) == len(other)
        assert all(one.startswith(start) for one, start in zip(found, other, strict=True))
        for axis, key, value in (
            ("trainer", "max_epochs", 90),
            ("optimizer", "lr", 0.1),
            ("optimizer", "weight_decay", 0.0),
            ("lr_schedule", "gamma", 0.2),
            ("data", "crop", 160),
            ("augment", "option", "cutout"),
            ("regularizer", "keep_prob", 0.95),
            ("regularizer", "block_size", 5),
        ):
            if key in ("keep_prob", "block_size") and key not in each.config["regularizer"]:
                continue
            changed = {**each.config, axis: {**each.config[axis], key: value}}
            found = protocol_differences(ablation, each.row, Cell(*place, {"config": changed, "result": None}))
            assert [one for one in found if one.startswith(f"{axis}.{key} {value}" if key != "option" else axis)]


def test_an_ablation_at_another_scale_sets_no_block_as_large_as_the_paper_s(tmp_path, monkeypatch):
    """Block sizes come from the scale: no site of the main rows is clamped on CIFAR's maps."""
    from dropgrid import build, sites

    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))
    line = ["+ablation=dropblock_table1", "scale=cifar10", "data=fake", "data.size=32", "data.channels=3", "seed=0"]
    (cell,) = [cell for cell in plans(line)[0].cells if cell.row == "dropblock"]
    net = build.network(cell.config, build.source(cell.config, cell.local).spec())
    shapes = sites.shapes(net, (3, 32, 32))
    assert shapes and not any(sites.drops(net)[site].clamped(shape) for site, shape in shapes.items())


def test_table_1_at_the_papers_scale_keeps_the_published_protocol_and_no_other_row_does(tmp_path, monkeypatch):
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))
    monkeypatch.setattr(Fingerprints, "add_fingerprints", lambda self, config, local: None)  # there are no images
    (plan,) = plans(["+ablation=dropblock_table1", "scale=imagenet", "data.root=FOLDER", "seed=0"])
    ablation = Ablation("dropblock_table1", plan.about, ())
    cells = {cell.row: SimpleNamespace(config=cell.config) for cell in plan.cells}
    for row in cells:
        kept = [other for other in cells if not protocol_differences(ablation, other, cells[row])]
        assert kept == [row]


def test_the_dropout_papers_rows_differ_from_it_in_length_and_held_out_images_alone(tmp_path, monkeypatch):
    from dropgrid.reports.published import protocol_differences
    from dropgrid.store.ablation import Ablation, Block
    from dropgrid.store.cell import Cell

    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))
    line = ["+ablation=dropout_mnist", "scale=mnist", "data=fake", "data.size=28", "data.channels=1", "seed=0"]
    (plan,) = plans([*line, "sweep.tune=null", "sweep.tune_halving=false"])
    ablation = Ablation("x", plan.about, [Block({}, {})])
    for row in plan.about["published"]["rows"]:
        (each,) = (cell for cell in plan.cells if cell.row == row)
        cell = Cell(each.id, row, {}, 0, each.overrides, tmp_path, {"config": each.config, "result": None})
        found = [one.split(" ")[0] for one in protocol_differences(ablation, row, cell)]
        assert found == ["data", "data.val", "trainer.max_steps"], row
