"""Under one name an ablation keeps one content of its data."""

import pytest
from PIL import Image

from dropgrid.errors import UserError
from dropgrid.execution.check import check
from dropgrid.planning.plan import plans
from dropgrid.store.files import write_json, write_yaml
from dropgrid.store.manifest import write_plan


@pytest.fixture
def plan(tmp_path):
    """Plans a sweep on images in one of two folders, at seeds."""
    for number, root in enumerate(("A", "B")):
        for name in ("cat", "dog"):
            (tmp_path / root / name).mkdir(parents=True)
            for i in range(5):
                Image.new("RGB", (8, 8), (number, i, ord(name[0]))).save(tmp_path / root / name / f"{i}.png")

    def make(root, *more, rows="none,dropout"):
        line = ["data=image_folder", f"data.root={tmp_path / root}", f"regularizer={rows}", "data.batch_size=4"]
        (found,) = plans([*line, f"paths.outputs={tmp_path / 'outputs'}", *more])
        return found

    return make


def begun(plan, finished=True):
    """The folder of a sweep, all of its cells finished or none."""
    write_plan(plan.outputs, plan.name, plan.about, plan.cells)
    for cell in plan.cells if finished else []:
        cell.folder.mkdir(parents=True)
        write_yaml(cell.run.config, cell.config)
        write_json(cell.run.result, {"metrics": {}, "reproduce": "", "provenance": {"source": "x", "finished": 1.0}})


def test_other_data_under_the_same_name_are_refused_once_a_cell_is_finished(plan):
    first, other = plan("A"), plan("B")
    assert first.name == other.name
    begun(first, finished=False)
    check([other])
    begun(first)
    check([first])
    rows = "regularizer=none, regularizer=dropout"
    words = rf"^data=image_folder,.* has 2 finished cells of other data \(row {rows}\), .*name=NAME$"
    with pytest.raises(UserError, match=words):
        check([other])
    check([plan("B", "name=b")])


def test_other_seeds_rows_and_settings_are_no_other_data(plan):
    begun(plan("A", "name=x"))
    for more in (["seed=1,2"], ["model.width=0.5"]):
        check([plan("A", "name=x", *more)])
    check([plan("B", "name=x", rows="weight_noise,drop_path")])


def test_a_change_of_the_files_is_other_data(plan, tmp_path):
    begun(plan("A", "name=x"))
    Image.new("RGB", (8, 8), (9, 9, 9)).save(tmp_path / "A/cat/0.png")
    with pytest.raises(UserError, match="^x has 2 finished cells of other data"):
        check([plan("A", "name=x")])
