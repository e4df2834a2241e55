"""Doses as planned, against sums written out cell by cell and step by step; doses as trained, against the counts."""

import json
import math

import pytest
import torch

from dropgrid import build
from dropgrid.errors import UserError
from dropgrid.planning.dose import GRID, solve
from dropgrid.planning.plan import plans
from dropgrid.sites import AbstractRandom
from dropgrid.training.train import train

SMALL = [
    "+ablation=dropblock_matched",
    "data.train=200",
    "data.val=50",
    "data.test=60",
    "trainer.max_epochs=2",
    "seed=0",
]
TABLE_1 = ["+ablation=dropblock_table1", *SMALL[1:]]


@pytest.fixture(autouse=True)
def outputs(tmp_path, monkeypatch):
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))


def dropblock_fraction(drop_prob, height, width, block):
    """The mean over cells of 1 - (1 - γ)^(blocks over the cell), counted block by block; γ is eq. 1 of the paper."""
    fits = [(y, x) for y in range(height - block + 1) for x in range(width - block + 1)]
    rate = min(1.0, drop_prob / block**2 * height * width / len(fits))
    over = {(y, x): 0 for y in range(height) for x in range(width)}
    for y, x in fits:
        for dy in range(block):
            for dx in range(block):
                over[y + dy, x + dx] += 1
    return sum(1 - (1 - rate) ** count for count in over.values()) / (height * width)


def brute_force(config, images):
    """The dose of a config, from its network's maps on real zeros and a loop over all steps, without closed forms."""
    data, node = config["data"], config["regularizer"]
    spec = build.source(config, {"data": {}, "paths": {"cache": "unused"}}).spec()
    net = build.network(config, spec)
    maps = {}
    for name, module in net.named_modules():
        if isinstance(module, AbstractRandom):
            module.register_forward_hook(lambda _, args, __, name=name: maps.update({name: tuple(args[0].shape[1:])}))
    net.eval()(torch.zeros(1, spec.channels, *spec.size))
    steps = config["trainer"]["max_epochs"] * (images // data["batch_size"])
    dropped = cells = 0.0
    for name, (channels, height, width) in maps.items():
        group, block = (int(part) for part in name.removeprefix("layer").split(".")[:2])
        share = 1.0
        if node["option"] == "dropblock" and node["per_group_rate"]:
            share = 4.0 ** (group - 3)
        if node["option"] == "drop_path":
            share = (2 * (group - 1) + block + 1) / 6
        total = 0.0
        for step in range(steps):
            progress = step / (steps - 1) if node["schedule"] == "linear" else 1.0
            drop_prob = (1 - node["keep_prob"]) * share * progress
            if node["option"] == "dropblock":
                drop_prob = dropblock_fraction(drop_prob, height, width, min(node["block_size"], height, width))
            total += drop_prob
        dropped += channels * height * width * total / steps
        cells += channels * height * width
    return dropped / cells


@pytest.mark.parametrize(("line", "target"), [(SMALL, 0.1), ([*TABLE_1, "+ablation.match.dose=0.03"], 0.03)])
def test_every_matched_row_is_planned_at_the_dose(line, target):
    (plan,) = plans(line)
    solved = {each["row"]: each for each in plan.about["matched"]}
    by_row = {cell.row: cell for cell in plan.cells}
    nothing = {"baseline", "cutout", "autoaugment", "label_smoothing"} & set(by_row)
    assert set(solved) == set(by_row) - nothing and len(solved) >= 4
    for row, about in solved.items():
        dose = brute_force(by_row[row].config, images=200)
        assert dose == pytest.approx(target, abs=1e-4), row
        assert dose == pytest.approx(about["dose"], abs=1e-9), row
        assert about["override"] in by_row[row].overrides
        digits = about["override"].partition("=")[2].partition(".")[2]
        assert by_row[row].config["regularizer"]["keep_prob"] == float(f"0.{digits}") and len(digits) <= 4
    assert not any("keep_prob" in each for each in by_row["baseline"].overrides)


def test_a_long_schedule_is_averaged_as_all_its_steps_are():
    (plan,) = plans(
        [*SMALL, "data.batch_size=5", "trainer.max_epochs=60", "~ablation.rows.spatial_dropout", "ablation.claims=[]"]
    )
    cell = next(cell for cell in plan.cells if cell.row == "dropblock_scheduled")
    assert brute_force(cell.config, images=200) == pytest.approx(0.1, abs=1e-4)


def test_what_is_planned_is_what_the_cells_drop(tmp_path):
    (plan,) = plans([*SMALL, "sweep.jobs=1"])
    for row in ("spatial_dropout", "dropblock_scheduled"):
        (cell,) = [cell for cell in plan.cells if cell.row == row]
        folder = tmp_path / row
        folder.mkdir()
        train(plan.supervised(cell), folder)
        lines = json.loads((folder / "result.json").read_text())["treatment"]["sites"]
        weights = [math.prod(line["shape"]) for line in lines]
        realised = sum(n * line["realised"] for n, line in zip(weights, lines, strict=True)) / sum(weights)
        stderr = math.hypot(*(n * line["stderr"] for n, line in zip(weights, lines, strict=True))) / sum(weights)
        assert abs(realised - 0.1) < 4 * stderr + 1e-4 and stderr < 0.005
        assert cell.knowing(result=json.loads((folder / "result.json").read_text())).dose() == pytest.approx(realised)


def test_the_same_cells_are_planned_from_what_a_cell_says_of_itself():
    (plan,) = plans(SMALL)
    cell = plan.cells[-1]
    ((again,),) = [each.cells for each in plans(cell.overrides)]
    assert again.id == cell.id


def test_rows_take_the_dose_of_a_row_and_those_not_listed_stay():
    (plan,) = plans([*TABLE_1, "+ablation.match.dose=dropout", "+ablation.match.rows=[dropblock,dropout]"])
    assert [each["row"] for each in plan.about["matched"]] == ["dropblock"]
    keep_probs = {cell.row: cell.keep_prob for cell in plan.cells}
    assert keep_probs["dropout"] == 0.9 and keep_probs["dropblock_label_smoothing"] == 0.9
    assert keep_probs["dropblock"] < 0.75
    assert plan.name != plans(TABLE_1)[0].name  # other cells under the same rows


def test_each_combination_of_factors_is_solved_for_itself():
    (plan,) = plans([*SMALL, "model=resnet14_mnist,resnet20"])
    fixed = [each for each in plan.about["matched"] if each["row"] == "dropblock_fixed"]
    assert len(fixed) == 2 and fixed[0]["override"] != fixed[1]["override"]
    assert {cell.keep_prob for cell in plan.cells if cell.row == "dropblock_fixed"} == {
        float(each["override"].partition("=")[2]) for each in fixed
    }


def test_of_stacked_regularizers_the_one_with_a_keep_prob_is_solved():
    stacked = "+ablation.rows.noisy=['regularizer=activation_noise','+regularizer@regularizer_2=dropout']"
    rows = "+ablation.match.rows=[noisy]"
    (plan,) = plans([*SMALL, stacked, rows])
    assert [(each["row"], each["override"]) for each in plan.about["matched"]] == [
        ("noisy", "regularizer_2.keep_prob=0.9")
    ]


MATCH = "+ablation.match.dose=0.1"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            [*SMALL, "ablation.match.dose=0.99"],
            r"row 'drop_path': no keep_prob has the dose 0.99; .*largest 0\.58",
        ),
        ([*SMALL, "ablation.match.dose=1e-5"], r"row 'dropout': no keep_prob of 4 digits comes within 2 % of .* 1e-05"),
        ([*SMALL, "ablation.match.dose=1"], r"dose must be a row or a fraction dropped in \(0, 1\), got 1"),
        ([*SMALL, "ablation.match.dose=true"], r"dose must be a row or a fraction dropped in \(0, 1\), got True"),
        ([*SMALL, "ablation.match.dose=dropuot"], "dose names 'dropuot', which is no row; did you mean 'dropout'"),
        ([*SMALL, "ablation.match.dose=baseline"], "row 'baseline' drops nothing and has no dose; name another row"),
        ([*SMALL, "ablation.match.dose=0.1,0.2"], "ablation.match.dose has one value a sweep"),
        ([*SMALL, "+ablation.match.row=[dropout]"], r"ablation.match is a mapping \{dose: ROW or number, rows"),
        ([*SMALL, "+ablation.match.rows=dropout"], r"ablation.match.rows lists rows, as in \[dropout, dropblock\]"),
        ([*SMALL, "+ablation.match.rows=[baseline]"], "row 'baseline' has no regularizer, hence no dose"),
        ([*SMALL, "sweep.tune=2"], "sweep.tune would choose settings of other doses"),
        ([*TABLE_1, MATCH, "sweep.tune=2"], "sweep.tune would choose settings of other doses"),
        (["+ablation=dropblock_keep_prob", MATCH], "row 'dropout_fixed keep_prob=0.95' is named by its keep_prob"),
        (["+ablation=noise", MATCH], "regularizer=activation_noise has no keep_prob, hence no dose; list the rows"),
        (
            [*SMALL, "+ablation.rows.two=['regularizer=dropout','+regularizer@regularizer_2=drop_path']"],
            "row 'two' has regularizer.keep_prob and regularizer_2.keep_prob, and one can be solved",
        ),
        (
            ["+ablation=drop_path", MATCH],
            "row 'fractal global': no keep_prob has the dose 0.1; the smallest here is 0.53",
        ),
    ],
)
def test_what_cannot_be_matched_is_one_line(line, message):
    with pytest.raises(UserError, match=message) as caught:
        plans(line)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("target", [0.02, 0.05, 0.1, 0.123_45, 0.4])
def test_the_closest_of_all_keep_probs_of_4_digits_is_found(target):
    def dose_at(keep_prob):
        return 0.6 * (1 - keep_prob) ** 1.1

    every = [each / GRID for each in range(1, GRID + 1)]
    assert solve(dose_at, target) == min(every, key=lambda each: abs(dose_at(each) - target))


def test_the_last_bits_of_a_machine_do_not_change_what_is_solved():
    noise = iter([1e-16, -1e-16] * 50)
    assert {solve(lambda keep_prob: round(1 - keep_prob + next(noise), 12), 0.1) for _ in range(4)} == {0.9}
