from pathlib import Path

from dropgrid import reports
from dropgrid.reports.figure_index import CAPTIONS

NOT_OF_A_REPORT = {"figure_predictions"}  # for loggers
SEVERAL = {"figure_diagnosis"}  # its figures are named after what was recorded


def test_every_figure_that_a_report_may_draw_has_a_caption():
    drawn = {path.stem for path in Path(reports.__file__).parent.glob("figure*.py")} - NOT_OF_A_REPORT - SEVERAL
    assert drawn and drawn <= set(CAPTIONS)
