from pathlib import Path

from dropgrid import reports
from dropgrid.reports.captions import CAPTIONS


def test_every_figure_that_a_report_may_draw_has_a_caption():
    drawn = {path.stem for path in Path(reports.__file__).parent.glob("figure*.py")} - {"figure_diagnosis"}
    assert drawn and drawn <= set(CAPTIONS)
