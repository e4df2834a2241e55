"""Rows, factors, seeds, names and precedence, on the real configs."""

import shutil
from collections import Counter
from types import SimpleNamespace

import hydra
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from PIL import Image

from dropgrid.errors import UserError
from dropgrid.execution.check import check
from dropgrid.paths import CONF
from dropgrid.planning.command_line import read_command_line
from dropgrid.planning.overrides import parse_text
from dropgrid.planning.plan import cells, plans

FAKE = ["data=fake", "model=resnet20"]


@pytest.fixture(autouse=True)
def outputs(tmp_path, monkeypatch):
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))


def rows_of(found):
    return list(dict.fromkeys(cell.row for cell in found))


def test_the_demo_is_rows_times_seeds():
    (plan,) = plans(["+ablation=demo"])
    assert plan.name == "demo" and plan.about["baseline"] == "baseline"
    assert len(rows_of(plan.cells)) == 5
    assert len(plan.cells) == 5 * 4
    assert len({cell.id for cell in plan.cells}) == len(plan.cells)


def test_seeds_of_the_command_line_replace_the_ablations():
    assert {cell.seed for cell in cells(["+ablation=demo", "seed=7,9"])} == {7, 9}
    assert {cell.seed for cell in cells(["+ablation=demo", "seed=3"])} == {3}
    assert {cell.seed for cell in cells(["+ablation=demo", "seed=range(2,5)"])} == {2, 3, 4}
    assert {cell.seed for cell in cells([*FAKE, "sweep.seeds=[4,8]"])} == {4, 8}


def test_the_same_cell_asked_for_in_two_ways_is_one():
    row = next(c for c in cells(["+ablation=demo"]) if c.row == "dropblock" and c.seed == 52)
    assert cells(row.overrides)[0].id == row.id
    assert row.reproduce.startswith("python scripts/train.py scale=demo ") and row.reproduce.endswith("seed=52")


def test_precedence_is_file_scale_ablation_command_line_row():
    (default,) = cells([])
    assert default.config["trainer"]["max_epochs"] == 10 and default.config["data"]["train"] == 3000
    (scaled,) = cells(["scale=demo"])
    assert scaled.config["data"]["train"] == 500
    (overridden,) = cells(["scale=demo", "data.train=600"])
    assert overridden.config["data"]["train"] == 600
    by_row = {c.row: c for c in cells(["+ablation=demo", "seed=0", "trainer.max_epochs=2"])}
    assert by_row["dropblock"].config["trainer"]["max_epochs"] == 2
    assert by_row["dropblock"].config["regularizer"]["groups"] == [-2, -1]
    assert by_row["dropblock"].config["regularizer"]["block_size"] == 3
    assert by_row["dropblock_overdose"].config["regularizer"]["schedule"] == "constant"


def test_a_key_swept_beside_an_ablation_is_a_factor():
    found = cells(["+ablation=demo", "optimizer.lr=0.1,0.2", "seed=0"])
    assert [cell.factors for cell in found[:1]] == [{"optimizer.lr": "0.1"}]
    assert len(found) == 2 * len(rows_of(found))
    assert {cell.config["optimizer"]["lr"] for cell in found if cell.factors["optimizer.lr"] == "0.2"} == {0.2}


def test_an_ad_hoc_sweeps_combinations_are_its_rows():
    (plan,) = plans([*FAKE, "regularizer=none,dropblock", "seed=0,1"])
    assert rows_of(plan.cells) == ["regularizer=none", "regularizer=dropblock"]
    assert plan.about["baseline"] == "regularizer=none" and len(plan.cells) == 4
    assert plan.name == "data=fake,model=resnet20,regularizer=none,dropblock"
    (other,) = plans([*FAKE, "regularizer=none,dropblock", "report.baseline='regularizer=dropblock'"])
    assert other.about["baseline"] == "regularizer=dropblock"


@pytest.mark.parametrize(
    ("swept", "factors", "rows"),
    [
        (["data=fake,digits"], [{"data": "fake"}, {"data": "digits"}], ["run"]),
        (["data=digits", "data.split_seed=0,1"], [{"data.split_seed": "0"}, {"data.split_seed": "1"}], ["run"]),
        (["data=digits", "data.test=100,200", "model.width=0.5,1"], [{"data.test": "100"}, {"data.test": "200"}], None),
        (["data=digits", "data.train=100,200"], [{}], ["data.train=100", "data.train=200"]),
        (["data=digits", "data.normalize=none,center"], [{}], ["data.normalize=none", "data.normalize=center"]),
    ],
)
def test_what_chooses_the_test_images_makes_blocks_and_not_rows(swept, factors, rows):
    (plan,) = plans([*swept, "trainer.max_epochs=1"])
    assert [dict(each) for each in {str(c.factors): c.factors for c in plan.cells}.values()] == factors
    assert rows_of(plan.cells) == (rows or ["model.width=0.5", "model.width=1"])
    assert plan.about["baseline"] == rows_of(plan.cells)[0]


def test_each_swept_root_is_a_block_without_the_path_of_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for number, root in enumerate(("A", "B")):
        for name in ("cat", "dog"):
            (tmp_path / root / name).mkdir(parents=True)
            for i in range(4):
                Image.new("RGB", (8, 8), (number, i, ord(name[0]))).save(tmp_path / root / name / f"{i}.png")
    roots = f"data.root={tmp_path}/A,{tmp_path}/B"
    line = ["data=image_folder", roots, "regularizer=none,dropout", "data.batch_size=4", "data.val=0"]
    (plan,) = plans([*line, f"paths.outputs={tmp_path}/outputs"])
    assert [cell.factors for cell in plan.cells[::2]] == [{"data.root": "~/A"}, {"data.root": "~/B"}]
    assert [cell.row for cell in plan.cells] == ["regularizer=none", "regularizer=dropout"] * 2
    assert len({cell.config["data"]["fingerprint"] for cell in plan.cells}) == 2
    understood = "2 classes (cat 4, dog 4); train 6, val 0, test 2"
    assert check([plan]).data == [f"data.root=~/{root}: {understood}" for root in "AB"]


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ([], "demo"),
        (["seed=1,2", "sweep.jobs=1", "logger=tensorboard"], "demo"),
        (["trainer.max_epochs=2"], "demo+trainer.max_epochs=2"),
        (["scale=demo"], "demo@demo"),
        (["optimizer.lr=0.1,0.2"], "demo+optimizer.lr=0.1,0.2"),
        (["name=my sweep"], "my_sweep~04da9ba84a"),
    ],
)
def test_names(more, name):
    assert plans(["+ablation=demo", *more])[0].name == name


def test_several_ablations_are_several_plans(monkeypatch, tmp_path):
    monkeypatch.setattr("dropgrid.planning.compose.CONF", with_twin(tmp_path / "conf"))
    both = plans(["+ablation=demo,twin", "seed=0"])
    assert [plan.name for plan in both] == ["demo", "twin"]
    assert rows_of(both[0].cells) == rows_of(both[1].cells)
    assert {c.id for c in both[0].cells} == {c.id for c in both[1].cells}  # a shared cell trains once


def with_twin(folder):
    """The project's configs and a second ablation, a copy of the demo."""
    shutil.copytree(CONF, folder)
    shutil.copy(folder / "ablation" / "demo.yaml", folder / "ablation" / "twin.yaml")
    return folder


def test_duplicate_keys_in_an_ablations_yaml_are_refused(monkeypatch, tmp_path):
    folder = with_twin(tmp_path / "conf")
    twin = folder / "ablation" / "twin.yaml"
    twin.write_text(twin.read_text() + "    baseline: [regularizer=dropout]\n")
    monkeypatch.setattr("dropgrid.planning.compose.CONF", folder)
    with pytest.raises(UserError, match="found duplicate key baseline") as caught:
        plans(["+ablation=twin"])
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "line",
    [
        ["+ablation=demo", "trainer.max_epochs=2", "optimizer.lr=0.1,0.2", "seed=1,2"],
        ["-m", "data=fake", "regularizer=none,dropblock"],
        ["data=fake", "seed=3"],
    ],
)
def test_the_command_that_made_a_sweep_is_kept(line):
    overrides = [each for each in line if each != "-m"]
    (plan,) = plans([*overrides, "paths.cache=/tmp/elsewhere"])
    assert plan.about["command"] == " ".join(["python scripts/train.py", *line])


def test_rows_are_edited_from_the_command_line():
    found = rows_of(cells(["+ablation=demo", "seed=0", "~ablation.rows.dropout"]))
    assert "dropout" not in found and "dropblock" in found
    new = "+ablation.rows.wide=['model.width=2']"
    assert rows_of(cells(["+ablation=demo", "seed=0", new]))[-1] == "wide"


def test_a_second_regularizer_is_part_of_the_cell():
    plain = cells([*FAKE, "regularizer=dropout"])[0]
    stacked = cells(
        [*FAKE, "regularizer=dropout", "+regularizer@regularizer_2=drop_path", "regularizer_2.keep_prob=0.5"]
    )[0]
    assert stacked.config["regularizer_2"]["keep_prob"] == 0.5 and stacked.id != plain.id


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["regularizer=dropblok"], r"regularizer has no option 'dropblok'; did you mean 'dropblock'\?; options: "),
        (["regularzer=dropblock"], r"there is no key 'regularzer'; did you mean 'regularizer'\?"),
        (["regularizer=dropblock", "regularizer.keep_prb=.9"], "did you mean 'regularizer.keep_prob'"),
        (["optimizer.lrr=0.1"], "there is no key 'optimizer.lrr' with optimizer=nesterov; did you mean 'optimizer.lr'"),
        (["+optimizer.lrr=0.1"], "one slip away from the existing key optimizer.lr"),
        (["++trainer.max_epoch=3"], "one slip away from the existing key trainer.max_epochs"),
        (["+nonsense.x=1"], "nothing reads the key nonsense; keys of a run: --cfg job"),
        (["++sweep.foo=1"], r"nothing reads sweep\.foo; keys of sweep: jobs, "),
        (
            ["+sweep.checkpoint.foo=1"],
            r"nothing reads sweep\.checkpoint\.foo; keys of sweep.checkpoint: minutes, steps",
        ),
        (["+ablation.foo=1"], r"ablation\.… asks something of an ablation: name one with \+ablation=NAME"),
        (["+ablation=demo", "+ablation.foo=1"], r"nothing reads ablation\.foo; keys of ablation: ablation, baseline"),
        (["+optimizer.lr=0.1"], "optimizer.lr exists already; override it without the +"),
        (["+scale=demo", "seed=0"], r"\+scale=demo: scale has an option already; .* without the \+: scale=demo"),
        (["regularizer=[dropblock,dropout]"], r"stack a second one: .*\+regularizer@regularizer_2=dropout"),
        (["+ablation=demo", "+ablation=depth"], r"several are one list, as \+ablation=a,b"),
        (["data=image_folder", "data.root=nowhere", "data.batch_size=all"], "data.root=nowhere is not a folder"),
        (["+ablation=dmo"], "ablation has no option 'dmo'; did you mean 'demo'"),
        (["+ablation=demo", "regularizer.keep_prob=.5"], "regularizer.keep_prob is set by row 'baseline'"),
        (["+ablation=demo", "regularizer=dropout"], "regularizer is set by row"),
        (["+ablation=demo", "regularizer.block_size=1,3"], "regularizer.block_size is set by row"),
        (["+ablation=demo", "+ablation.rows.baseline=['model.width=2']"], "ablation.rows.baseline exists already"),
        (["seed=0,0"], "names 0 twice"),
        (["seed=a"], "seeds are whole numbers"),
        (["optimizer.lr=interval(0,1)"], "is an interval: name its values"),
        (["report.baseline=none"], "report.baseline=none is no row; rows: run"),
        (
            ["regularizer.keepprob=0.9"],
            "no key 'regularizer.keepprob' with regularizer=none; keep_prob is a key of .*dropblock.*: choose one",
        ),
        (["regularizer.block_size=3"], "with regularizer=none; block_size is a key of dropblock: choose one with"),
        (
            ["regularizer=none,dropout", "regularizer.block_size=3"],
            "with regularizer=none,dropout; block_size is a key",
        ),
        (
            ["-m", "regularizer=dropout", "regularizer.block_size=3,5"],
            "with regularizer=dropout; block_size is a key of",
        ),
        (["+regularizer@regularizer_2=none", "regularizer_2.keep_prb=1"], "choose one with regularizer_2="),
        (["model=mlp", "model.base_width=8"], "with model=mlp; base_width is a key of .*resnet"),
        (["+ablation=demo", "optimizer.nonsense=1"], "there is no key 'optimizer.nonsense' with optimizer=nesterov"),
        (["+ablation=demo", "optimizer=adam,sgd", "optimizer.nonsense=1"], "there is no key 'optimizer.nonsense'"),
        *(
            ([f"~{key}"], f"^~{key}: a run needs {key}")
            for key in ("report", "seed", "paths.cache", "model", "sweep.only")
        ),
        (["optimizer=adam,sgd", "optimizer.nonsense=1,2"], "there is no key 'optimizer.nonsense'"),
        (["optimizer.lr=[0.1"], "cannot read"),
    ],
)
def test_mistakes_get_one_clear_line(overrides, message):
    with pytest.raises(UserError, match=message) as caught:
        plans(read_command_line(overrides).overrides)
    assert len(str(caught.value).splitlines()) == 1


APPLIED = [
    (
        ["regularizer=none,dropblock", "regularizer.block_size=3"],
        {"regularizer=none": None, "regularizer=dropblock": 3},
        "regularizer.block_size is not a key of regularizer=none: not set there",
    ),
    (
        ["regularizer=none,dropblock", "regularizer.block_size=3,5"],
        {
            "regularizer=none": None,
            "regularizer=dropblock, regularizer.block_size=3": 3,
            "regularizer=dropblock, regularizer.block_size=5": 5,
        },
        "regularizer.block_size is not a key of regularizer=none: not set there",
    ),
    (
        ["regularizer=dropblock,dropout,none", "regularizer.keep_prob=.8", "regularizer.block_size=3"],
        {"regularizer=dropblock": 3, "regularizer=dropout": None, "regularizer=none": None},
        "regularizer.block_size is not a key of regularizer=dropout, regularizer=none: not set there",
    ),
    (
        ["+regularizer@regularizer_2=none,dropblock", "regularizer_2.block_size=null"],
        {"+regularizer@regularizer_2=none": None, "+regularizer@regularizer_2=dropblock": None},
        "regularizer_2.block_size is not a key of regularizer_2=none: not set there",
    ),
]


@pytest.mark.parametrize(("overrides", "block_sizes", "note"), APPLIED)
def test_a_key_applies_to_the_options_that_define_it(overrides, block_sizes, note):
    (plan,) = plans(read_command_line(["-m", *FAKE, "seed=0,1", *overrides]).overrides)
    assert {cell.row: cell.config["regularizer"].get("block_size") for cell in plan.cells} == block_sizes
    assert len(plan.cells) == 2 * len(block_sizes) and note in plan.notes
    for cell in plan.cells[:: len(plan.cells) // 2]:  # its own command has no key that it lacks
        assert cells(cell.overrides)[0].id == cell.id


def test_a_key_that_all_rows_have_or_that_is_new_is_no_note():
    (plan,) = plans([*FAKE, "regularizer=dropblock,dropout", "regularizer.keep_prob=.8", "++optimizer.momentum=.8"])
    assert not plan.notes and all(cell.config["regularizer"]["keep_prob"] == 0.8 for cell in plan.cells)


def test_a_key_beside_an_ablation_applies_to_the_factors_that_define_it():
    line = ["+ablation=demo", "seed=0", "optimizer=nesterov,adam", "optimizer.momentum=.8,.7"]
    (plan,) = plans(read_command_line(line).overrides)
    found = {(*cell.factors.values(), cell.row): cell for cell in plan.cells}
    assert found["nesterov", "0.8", "dropout"].config["optimizer"]["momentum"] == 0.8
    assert found["nesterov", "0.8", "dropout"].id != found["nesterov", "0.7", "dropout"].id
    assert found["adam", "0.8", "dropout"].id == found["adam", "0.7", "dropout"].id  # it trains once
    assert [*plan.notes] == ["optimizer.momentum is not a key of optimizer=adam: not set there"]


def test_the_headline_is_a_metric_that_cells_have(tmp_path, monkeypatch):
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))
    assert plans(["data=fake", "report.metric=test/acc_best"])[0].about["metric"] == "test/acc_best"
    with pytest.raises(UserError, match="report.metric must be test/acc_last, .* got 'test/nope'"):
        plans(["data=fake", "report.metric=test/nope"])


def test_a_row_that_is_taken_out_takes_its_claims_along(tmp_path, monkeypatch):
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))
    (plan,) = plans(["+ablation=demo", "seed=0", "~ablation.rows.dropout"])
    assert "dropout" not in {cell.row for cell in plan.cells}
    assert "dropblock - dropout > 0" in plan.about["claims"]  # the table says that it is not tested
    with pytest.raises(UserError, match="'nothing' is no row"):
        plans(["+ablation=demo", "seed=0", "~ablation.rows.dropout", "ablation.claims=['nothing - baseline > 0']"])


def test_claims_and_measurements_may_be_added_to_an_ablation_that_has_none(tmp_path, monkeypatch):
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))
    (tmp_path / "ablation").mkdir()
    (tmp_path / "ablation" / "x.yaml").write_text(FILE.replace("  claims: [b - a > 0]\n", ""))
    monkeypatch.setenv("DROPGRID_CONF", str(tmp_path))
    (plan,) = plans([*FAKE, "+ablation=x", "+ablation.claims=['b - a < 0']", "+ablation.evaluate=[cam]"])
    assert plan.about["claims"] == ["b - a < 0"] and plan.about["evaluate"] == ["cam"]
    with pytest.raises(UserError, match="one slip away"):
        plans(["+ablation=demo", "+ablation.claimz=x"])


def test_a_plan_is_expected_with_the_configs_of_all_its_rows_and_several_plans_are_not():
    heard = []
    (plan,) = plans([*FAKE, "regularizer=none,dropblock", "name=it"], expect=lambda *told: heard.append(told))
    ((outputs, name, configs),) = heard
    assert (outputs, name) == (plan.outputs, "it")
    assert [each["regularizer"] for each in configs] == [cell.config["regularizer"] for cell in plan.cells]
    plans(["+ablation=demo,dropblock_mask", "seed=0"], expect=lambda *told: heard.append(told))
    assert len(heard) == 1


def test_a_text_is_parsed_once_and_a_choice_of_options_composed_once(monkeypatch):
    parsed, composed = Counter(), Counter()

    def parse_overrides(texts):
        parsed.update(texts)
        return OverridesParser.create().parse_overrides(texts)

    def compose(name, overrides, **more):
        composed[tuple(overrides)] += 1
        return hydra.compose(name, overrides=overrides, **more)

    parser = SimpleNamespace(create=lambda: SimpleNamespace(parse_overrides=parse_overrides))
    monkeypatch.setattr("dropgrid.planning.overrides.OverridesParser", parser)
    monkeypatch.setattr("dropgrid.planning.compose.compose", compose)
    parse_text.cache_clear()
    typed = ["+ablation=demo", "trainer.max_epochs=2", "optimizer.lr=0.1,0.2", "seed=0,1"]
    (plan,) = plans(read_command_line(typed).overrides)
    assert {*typed, "regularizer=dropblock", "regularizer.block_size=3"} < parsed.keys()
    regularizers = {each for cell in plan.cells for each in cell.overrides if each.startswith("regularizer=")}
    assert len(regularizers) == 3 and len({cell.row for cell in plan.cells}) == 5
    options = {*regularizers, "+augment@augment_2=randaugment"}
    assert composed.keys() == {(), ("+ablation=demo",), *(("+ablation=demo", each) for each in options)}
    assert {*parsed.values(), *composed.values()} == {1}


@pytest.mark.parametrize(
    ("name", "folder"),
    [("my_sweep", "my_sweep"), ("my sweep", "my_sweep~"), ("my/sweep", "my_sweep~"), ("../x", "_x~"), ("_", "_")],
)
def test_a_name_is_that_of_a_folder_and_several_have_several(name, folder):
    (plan,) = plans(["data=fake", f"name='{name}'"])
    assert plan.name == folder if "~" not in folder else plan.name.startswith(folder)
    (again,) = plans(["data=fake", f"name='{plan.name}'"])
    assert again.name == plan.name, "commands take the folder's name too"


def test_a_name_that_the_file_system_takes_for_another_s_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))
    folder = tmp_path / "ablations" / "demo"
    folder.mkdir(parents=True)
    (folder / "cells.json").write_text("[]")
    assert plans(["data=fake", "name=Demo"])[0].name == "Demo"
    (tmp_path / "ablations" / "Demo").symlink_to("demo")  # as where upper and lower case are the same
    with pytest.raises(UserError, match="'demo', which is there already"):
        plans(["data=fake", "name=Demo"])


FILE = """# @package _global_
mine: {depth: 3}
sweep: {seeds: 2}
ablation:
  claims: [b - a > 0]
  rows: {a: [regularizer=none], b: [regularizer=dropblock, "regularizer.block_size=${mine.depth}"]}
"""


@pytest.mark.parametrize(
    ("was", "typed", "message"),
    [
        ("seeds: 2", "seed: 2", r"nothing reads sweep\.seed; did you mean 'seeds'\?; keys of sweep: "),
        ("  claims", "  clams", r"nothing reads ablation\.clams; did you mean 'claims'\?"),
        ("sweep:", "sweeep:", r"nothing reads the key sweeep; did you mean 'sweep'\?"),
        ("${mine.depth}", "3", "nothing reads the key mine"),
        ("{seeds: 2}", "5", "sweep has keys, as in sweep.seeds=5, got sweep=5"),
        ("sweep: {seeds: 2}", "report: null", "report has keys, as in report.metric=.*, got report=None"),
        (
            "sweep: {seeds: 2}",
            "model: cifar_quick",
            "model must be one of its options, got 'cifar_quick'; a YAML chooses",
        ),
        ("sweep: {seeds: 2}", "data: null", "data must be one of its options, got None"),
        ("sweep: {seeds: 2}", "regularizer_2: dropout", "regularizer_2 must be one of its options, got 'dropout'"),
        ("sweep: {seeds: 2}", "scale: demo", "scale must be one of its options, got 'demo'"),
    ],
)
def test_a_key_of_a_file_that_nothing_reads_or_that_is_no_node_is_refused(tmp_path, monkeypatch, was, typed, message):
    (tmp_path / "ablation").mkdir()
    file = tmp_path / "ablation" / "x.yaml"
    monkeypatch.setenv("DROPGRID_CONF", str(tmp_path))
    file.write_text(FILE)
    assert len(cells([*FAKE, "+ablation=x"])) == 4
    file.write_text(FILE.replace(was, typed))
    with pytest.raises(UserError, match=message):
        cells([*FAKE, "+ablation=x"])
