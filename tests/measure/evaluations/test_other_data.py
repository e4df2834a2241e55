"""Another data set."""

from pathlib import Path

import pytest
import yaml

from dropgrid.errors import UserError
from dropgrid.measure.evaluations.other_data import other_data
from dropgrid.tasks.classification import accuracy


def node(**changes):
    given = yaml.safe_load((Path(__file__).parents[3] / "conf" / "data" / "fake.yaml").read_text())
    return {**given, "size": 12, **changes}


def test_it_is_the_accuracy_on_the_other_test_images_normalised_as_the_own(make_cell):
    cell = make_cell()
    same = other_data(cell, data={**cell.config["data"], **cell.local["data"]})
    assert same["fake"].value == accuracy(*cell.predict(cell.splits.test))
    other = other_data(cell, data=node(test=30, noise=60))
    assert 30 * other["fake"].value == pytest.approx(round(30 * other["fake"].value))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"classes": 7}, "7 classes of 12×12 images with 3 channels, the cell was trained on 10 classes of"),
        ({"size": [12, 10]}, "10 classes of 12×10"),
        ({"channels": 1}, "with 1 channel, "),
    ],
)
def test_data_that_do_not_fit_are_refused_with_both_shapes(make_cell, changes, told):
    with pytest.raises(UserError, match=told):
        other_data(make_cell(), data=node(**changes))


def test_data_must_be_named(make_cell):
    with pytest.raises(UserError, match="evaluate.data must name a data set"):
        other_data(make_cell(), data=None)
