"""Like is compared with like."""

import pytest

from dropgrid.errors import UserError
from dropgrid.reports import comparability
from dropgrid.store.ablation import read


def checked(fake):
    comparability.check_comparable(read(fake.write(), fake.outputs))


def test_rows_may_differ_in_what_their_overrides_set(fake):
    checked(fake.add())


def test_a_key_that_no_row_sets_stops_the_report_with_key_row_and_values(fake):
    fake.add(["baseline", "dropout", "drop_path"], seeds=2)
    for cell in fake.of("dropout"):
        cell["config"]["optimizer"]["lr"] = 0.2
    with pytest.raises(UserError) as caught:
        checked(fake)
    message = str(caught.value)
    assert "row 'dropout' differs from 'baseline' in optimizer.lr (0.05 against 0.2)" in message
    assert "drop_path" not in message and "regularizer" not in message


@pytest.mark.parametrize(("override", "stops"), [("data.noise=0.2", False), ("data.batch_size=100", True)])
def test_other_arguments_of_the_data_are_other_data_and_another_batch_size_is_not(fake, override, stops):
    fake.add(["baseline", "dropout"], seeds=2)
    for cell in fake.of("dropout"):
        cell["line"]["overrides"].append(override)
        cell["config"]["data"]["fingerprint"] = "cd34"
    if stops:
        with pytest.raises(UserError, match="data.fingerprint"):
            checked(fake)
    else:
        checked(fake)


def test_cells_of_a_row_may_differ_in_seed_alone(fake):
    fake.add(["baseline", "dropout"], seeds=3).of("dropout")[1]["config"]["regularizer"]["keep_prob"] = 0.5
    with pytest.raises(UserError, match=r"'dropout': its own cells differ in .*keep_prob \(0.9 against 0.5\)"):
        checked(fake)


def test_an_override_that_every_row_shares_explains_nothing(fake):
    fake.add(["baseline", "dropout"], seeds=1)
    for cell in fake.cells:
        cell["line"]["overrides"].append("optimizer.lr=0.05")
    checked(fake)
    fake.of("dropout")[0]["config"]["optimizer"]["lr"] = 0.1
    with pytest.raises(UserError, match=r"optimizer\.lr"):
        checked(fake)


def test_blocks_are_compared_within_themselves(fake):
    for lr in ("0.05", "0.1"):
        fake.add(["baseline", "dropout"], seeds=2, factors={"optimizer.lr": lr})
    checked(fake)
    fake.of("dropout", **{"optimizer.lr": "0.1"})[0]["config"]["data"]["train"] = 400
    with pytest.raises(UserError, match=r"\(optimizer.lr=0.1\).*data.train"):
        checked(fake)


def test_cells_not_yet_started_have_nothing_to_compare(fake):
    checked(fake.add(["baseline", "dropout"], seeds=2, status="pending"))


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("regularizer=dropblock", "regularizer.block_size"),
        ("regularizer.keep_prob=0.9", "regularizer.keep_prob"),
        ("+regularizer@regularizer_2=drop_path", "regularizer_2.keep_prob"),
        ("++optimizer.lr=1", "optimizer.lr"),
        ("~penalty", "penalty.option"),
        ("model/stem@model.stem=small", "model.stem.stride"),
        ("+extra.deep.key=1", "extra"),
        ("scale=cifar10", "trainer.max_epochs"),
        ("+task.module._target_=my.Net", "task.module.option"),
    ],
)
def test_what_an_override_covers(override, key):
    assert comparability.override_covers(comparability.covered_key(override), key)


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("regularizer.keep_prob=0.9", "regularizer.block_size"),
        ("regularizer=dropblock", "regularizer_2.keep_prob"),
        ("+regularizer@regularizer_2=drop_path", "regularizer.keep_prob"),
        ("model.width=2", "model.width_multiplier"),
    ],
)
def test_what_an_override_does_not_cover(override, key):
    assert not comparability.override_covers(comparability.covered_key(override), key)
