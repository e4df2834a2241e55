"""What cells recorded along the gradient: medians over training, over the baseline's, and the picture."""

import numpy as np
import pytest

from dropgrid.measure.snapshots import Snapshot
from dropgrid.measure.snapshots import write_snapshots as record
from dropgrid.reports.figures import diagnosis
from dropgrid.reports.questions import smoothness
from dropgrid.reports.report import write_report
from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import read


def moment(step, scale):
    """Losses that range over `scale`, gradients that change by up to 2 · scale, smoothness of up to 3 · scale."""
    eta = np.array([0.1, 0.2, 0.4])
    arrays = {"steps": eta, "loss": scale * np.array([1.0, 0.5, 0.0, 0.25]), "norm": np.array(1.0)}
    return Snapshot(
        step, {**arrays, "change": scale * np.array([0.5, 1, 2]), "smoothness": scale * np.array([3.0, 2, 1])}
    )


@pytest.fixture
def recorded(fake):
    """Two rows of three cells that recorded four moments; `dropout` is half as rough, by seed a little different."""
    fake.add(rows=["baseline", "dropout"], seeds=3)
    name = fake.write()
    for row, factor in (("baseline", 1.0), ("dropout", 0.5)):
        for seed, cell in enumerate(fake.of(row)):
            scale = factor * (1 + 0.1 * seed * (row == "dropout"))
            moments = [moment(step, scale * each) for step, each in zip((0, 10, 20, 30), (4, 1, 1, 0), strict=True)]
            folder = fake.outputs / "runs" / cell["line"]["cell"]
            record(folder / "diagnosis.npz", {"gradient": moments})
    return name


def test_the_median_over_training_leaves_the_end_out_and_ratios_are_geometric(recorded, fake):
    found = {
        (each.measure, each.row): each for each in tabulate(read(recorded, fake.outputs)).answer(smoothness.compute)
    }
    for measure, most in (("range", 1), ("change", 2), ("smoothness", 3)):
        baseline, dropout = found[measure, "baseline"], found[measure, "dropout"]
        assert baseline.n == 3 and baseline.ratio is None and baseline.value.mean == pytest.approx(most)
        assert dropout.ratio == pytest.approx(0.5 * (1.1 * 1.2) ** (1 / 3))
        assert dropout.ci95[0] < dropout.ratio < dropout.ci95[1]


def test_a_report_has_table_and_picture_of_it(recorded, fake):
    write_report(recorded, fake.outputs)
    folder = fake.outputs / "ablations" / recorded
    assert "## Along the gradient" in (folder / "table.md").read_text()
    assert (folder / "figure_diagnosis_gradient.png").exists()
    assert "Loss and gradient along the gradient" in (folder / "report.html").read_text()


def test_without_records_there_is_neither(fake):
    table = tabulate(read(fake.add(seeds=2).write(), fake.outputs))
    assert not table.answer(smoothness.compute) and diagnosis.draw(table) == {}
