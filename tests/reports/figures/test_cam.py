"""figure_cam.png: which maps of which cells are drawn, and how."""

import json

import numpy as np
import pytest
from drawn import check_drawn

from dropgrid.errors import UserError
from dropgrid.plotting import style
from dropgrid.reports.figures import cam
from dropgrid.reports.report import write_report
from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import read

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 1, 28, 28), dtype=np.uint8)
TARGETS = np.array([0, 1, 4])


def leave(fake, row, label="cam", images=IMAGES, spread=(0.2, 0.3, 0.4), **factors):
    """Arrays and a result on each cell of a row; the map's one hot place is its seed."""
    for cell, value in zip(fake.of(row, **factors), spread, strict=False):
        seed = cell["line"]["seed"]
        fake.asked(label)
        folder = fake.outputs / "runs" / cell["line"]["cell"] / "evaluations"
        folder.mkdir(parents=True, exist_ok=True)
        maps = np.zeros((len(images), 5, 5), np.float32)
        maps[:, seed, 0] = 1
        arrays = {"images": images, "maps": maps, "targets": TARGETS, "predicted": np.array([0, 1, 3])}
        np.savez(folder / f"{label}.npz", classes=np.array([*"abcde"]), **arrays)
        result = {
            "evaluate": label,
            "config": {"evaluate": "cam", "threshold": 0.5},
            "metrics": {"spread": value, "regions": 1.5},
            "headings": {"spread": ["CAM area", "%"], "regions": ["CAM regions", ""]},
            "arrays": list(arrays),
        }
        (folder / f"{label}.json").write_text(json.dumps(result))


def table_of(fake):
    return tabulate(read(fake.write(), fake.outputs))


def texts(drawn):
    return [each.get_text() for each in drawn.texts]


@pytest.fixture
def measured(fake):
    fake.add(["baseline", "dropout"], seeds=3)
    for row in ("baseline", "dropout"):
        leave(fake, row)
    return fake


def hottest(axes):
    """The row and column of a 5×5 grid at which a picture is brightest."""
    picture = axes.images[0].get_array()
    value = picture.mean(-1) if picture.ndim == 3 else picture
    blocks = value[:220, :220].reshape(5, 44, 5, 44).mean((1, 3))
    return np.unravel_index(blocks.argmax(), blocks.shape)


def test_a_column_an_image_and_a_line_a_row_under_the_images(measured):
    drawn = cam.draw(table_of(measured))
    assert len(drawn.axes) == 3 * (1 + 2) + 1
    shown = drawn.axes[0].images[0].get_array()
    assert np.asarray(shown)[::8, ::8] == pytest.approx(IMAGES[0, 0] / 255)
    tops = [round(axes.get_position().y0, 4) for axes in drawn.axes[:9]]
    assert len(set(tops)) == 3 and tops == sorted(tops, reverse=True)


def test_the_lowest_seed_that_all_rows_have_is_drawn(measured):
    dark = np.zeros_like(IMAGES)
    for row in ("baseline", "dropout"):
        leave(measured, row, images=dark)
    assert hottest(cam.draw(table_of(measured)).axes[3]) == (0, 0)
    (path,) = (measured.outputs / "runs" / measured.of("dropout")[0]["line"]["cell"] / "evaluations").glob("*.json")
    path.unlink()
    drawn = cam.draw(table_of(measured))
    assert [hottest(axes) for axes in (drawn.axes[3], drawn.axes[6])] == [(1, 0), (1, 0)]
    assert "seed 1." in texts(drawn)[-1]


def test_each_row_has_its_spread_over_all_seeds(measured):
    shown = texts(cam.draw(table_of(measured)))
    assert shown.count("30.0 ± 10.0 % of the map\n1.50 ± 0.00 regions") == 2


def test_right_and_wrong_are_told_without_colour(measured):
    shown = texts(cam.draw(table_of(measured)))
    assert (shown.count("✓"), shown.count("✗ d")) == (4, 2)
    assert [each for each in shown if each in [*"abcde"]] == ["a", "b", "e"]


def test_a_row_that_saw_other_images_is_named_not_drawn(measured):
    leave(measured, "dropout", images=IMAGES[:, :, ::-1])
    drawn = cam.draw(table_of(measured))
    assert len(drawn.axes) == 3 * 2 + 1 and "Tested on other images, not shown: dropout." in " ".join(
        texts(drawn)[-1].split()
    )


def test_a_block_has_its_own_images(fake):
    for lr in ("0.05", "0.1"):
        fake.add(["baseline", "dropout"], seeds=2, factors={"optimizer.lr": lr})
    leave(fake, "baseline", **{"optimizer.lr": "0.1"})
    assert len(cam.draw(table_of(fake)).axes) == 3 * 2 + 1
    leave(fake, "dropout", **{"optimizer.lr": "0.05"})
    drawn = cam.draw(table_of(fake))
    assert len(drawn.axes) == 2 * 3 * 2 + 1 and {"optimizer.lr=0.05", "optimizer.lr=0.1"} <= set(texts(drawn))


def test_upsampling_is_bilinear_between_the_middles_of_cells():
    cells = np.random.default_rng(1).normal(size=(3, 4))
    large = cam.upsample(cells, (9, 20))
    assert large.shape == (9, 20)
    assert large[1::3, 2::5] == pytest.approx(cells)  # the middles
    assert large[0, 0] == pytest.approx(cells[0, 0]) and large[-1, -1] == pytest.approx(cells[-1, -1])
    between = (2 * cells[0, 0] + cells[1, 0]) / 3
    assert large[2, 2] == pytest.approx(between)
    assert cam.upsample(np.full((5, 7), 0.3), (224, 224)) == pytest.approx(0.3)


def test_texts_stay_within_the_figure_and_off_the_pictures(measured):
    drawn = cam.draw(table_of(measured))
    style.png(drawn, dpi=50)
    pictures = [axes.get_window_extent() for axes in drawn.axes[:-1]]
    for text in drawn.texts:
        box = text.get_window_extent()
        assert drawn.bbox.x0 <= box.x0 and box.x1 <= drawn.bbox.x1 and drawn.bbox.y0 <= box.y0
        assert not any(box.x1 > p.x0 + 1 and p.x1 > box.x0 + 1 and box.y1 > p.y0 + 2 and p.y1 > box.y0 + 2
                       for p in pictures), text.get_text()  # fmt: skip


def test_a_report_has_it_once_something_was_measured_and_damage_is_named(measured):
    write_report(measured.write(), measured.outputs)
    folder = measured.outputs / "ablations" / "demo"
    check_drawn(folder / "figure_cam.png")
    assert (folder / "figure_cam.pdf").exists()
    for path in measured.outputs.glob("runs/*/evaluations/*.npz"):
        path.write_bytes(b"PK")
    with pytest.raises(UserError, match=r"cannot read .*cam.npz"):
        cam.draw(table_of(measured))
    for path in measured.outputs.glob("runs/*/evaluations/*"):
        path.unlink()
    assert cam.draw(table_of(measured)) is None
