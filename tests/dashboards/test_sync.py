"""Which offline folders are uploaded: of each cell the last that holds anything, once."""

import pytest

from dropgrid.dashboards.sync import pending_folders
from dropgrid.store.ablation import read


@pytest.fixture
def cells(fake):
    """A finished, a failed and a running cell."""
    fake.add(["baseline", "dropout", "drop_path"], seeds=1)
    for row, status in (("dropout", "failed"), ("drop_path", "running")):
        fake.of(row)[0]["status"] = status
    return {cell.status: cell for cell in read(fake.write(), fake.outputs).cells}


def leave(fake, cell, time, size=100, uploaded=False):
    folder = fake.outputs / "wandb" / f"offline-run-20261122_{time}-{cell.id}"
    folder.mkdir(parents=True)
    (folder / f"run-{cell.id}.wandb").write_bytes(b"." * size)
    if uploaded:
        (folder / f"run-{cell.id}.wandb.synced").touch()
    return folder


def test_the_last_of_each_cell_in_the_order_in_which_they_began(fake, cells):
    leave(fake, cells["finished"], "100000")
    failed = leave(fake, cells["failed"], "110000")
    finished = leave(fake, cells["finished"], "120000")
    leave(fake, cells["running"], "130000")
    assert pending_folders(list(cells.values()), fake.outputs) == [failed, finished]


def test_one_that_was_killed_before_it_wrote_anything_is_passed_over(fake, cells):
    before = leave(fake, cells["failed"], "100000")
    leave(fake, cells["failed"], "110000", size=7)
    assert pending_folders(list(cells.values()), fake.outputs) == [before]


def test_what_is_uploaded_is_not_again_nor_what_it_superseded(fake, cells):
    leave(fake, cells["finished"], "100000")
    leave(fake, cells["finished"], "110000", uploaded=True)
    assert pending_folders(list(cells.values()), fake.outputs) == []


def test_another_ablations_runs_stay(fake, cells):
    leave(fake, cells["finished"], "100000")
    assert pending_folders([cells["failed"]], fake.outputs) == []
