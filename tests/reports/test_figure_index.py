"""The figures of a report: each module that draws is found, has a caption, and a place of its own."""

from collections import Counter
from pathlib import Path

from dropgrid import reports
from dropgrid.reports import figure_index
from dropgrid.tasks.description import CLASSIFICATION

FOLDER = Path(reports.__file__).parent


def test_every_module_that_draws_a_figure_of_a_report_is_found():
    drawing = {path.stem for path in FOLDER.glob("figures/*.py") if "\ndef draw(table: Table)" in path.read_text()} | {
        path.stem for path in FOLDER.glob("questions/*.py") if "\ndef figure(" in path.read_text()
    }
    assert drawing and {module.__name__.rpartition(".")[2] for module in figure_index.figure_modules()} == drawing


def test_no_two_have_one_place():
    assert set(Counter(module.ORDER for module in figure_index.figure_modules()).values()) == {1}


def test_the_first_is_that_of_all_rows():
    assert next(iter(figure_index.figure_captions(CLASSIFICATION))) == "figure"
