"""Two commands that measure the same cell measure it once."""

import shutil
import threading
import time
from types import SimpleNamespace

import pytest

from dropgrid.execution import run_evaluations
from dropgrid.store.files import write_json
from dropgrid.store.layout import Outputs
from dropgrid.store.lease import Lease

pytestmark = pytest.mark.survives("two commands that measure one cell")

EVALUATION = SimpleNamespace(id="e", label="calibration")


@pytest.fixture
def cell(tmp_path):
    return SimpleNamespace(id="c", run=Outputs(tmp_path).run("c"), folder=tmp_path)


@pytest.fixture
def other(cell):
    """Another command's lease of the same evaluation."""
    place = run_evaluations.place_of(cell, EVALUATION)
    place.folder.mkdir(parents=True)
    lease = Lease(place.folder)
    assert lease.acquire()
    yield lease
    lease.release()


def taking(cell, stop):
    """A thread that takes its turn, and where its answer comes."""
    found = []
    thread = threading.Thread(target=lambda: found.append(run_evaluations.take_turn(cell, EVALUATION, stop)))
    thread.start()
    time.sleep(0.5)
    assert thread.is_alive() and not found, "it waits"
    return thread, found


def result(cell):
    empty = {"evaluate": "calibration", "config": {"evaluate": "calibration"}, "weights": "last", "metrics": {}}
    write_json(run_evaluations.place_of(cell, EVALUATION).result, empty)
    assert run_evaluations.is_measured(cell, EVALUATION)


def test_what_another_command_has_measured_meanwhile_is_not_measured_again(cell, other):
    thread, found = taking(cell, threading.Event())
    result(cell)
    shutil.rmtree(other.folder)
    other.release()
    thread.join(5)
    assert found == [None] and not other.folder.exists()


def test_after_another_command_has_failed_or_died_it_is_our_turn(cell, other):
    thread, found = taking(cell, threading.Event())
    other.release()
    thread.join(5)
    assert isinstance(found[0], Lease) and found[0].mine()
    found[0].release()


def test_who_waits_can_be_stopped(cell, other):
    stop = threading.Event()
    thread, found = taking(cell, stop)
    stop.set()
    thread.join(5)
    assert found == [None] and other.mine()
