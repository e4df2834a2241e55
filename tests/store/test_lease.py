"""At most one holder, on one machine by its locks, on several by their beats."""

import fcntl
import json
import multiprocessing
import os
import signal
import time

import pytest

from dropgrid.store import lease as module
from dropgrid.store.lease import Lease, holder


class Clock:
    """The module's time: it goes on by what is slept alone."""

    def __init__(self):
        self.now = time.time()

    def time(self):
        return self.now

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    module.SEEN.clear()
    return made


def elsewhere(tmp_path, beat=1, **more):
    """The lease of another machine, whose lock does not reach us."""
    now = module.time.time()  # type: ignore[attr-defined]  # the fixture's clock
    about = {"machine": "another", "token": "theirs", "host": "far", "pid": 1, "beat": beat, "time": now}
    (tmp_path / "lease").write_text(json.dumps({**about, **more}))


def test_one_holder_and_a_free_lease_leaves_no_file(tmp_path):
    first, second = Lease(tmp_path), Lease(tmp_path)
    assert first.acquire() and not second.acquire()
    assert holder(tmp_path)["pid"] == os.getpid()
    first.release()
    assert holder(tmp_path) is None and not (tmp_path / "lease").exists()
    assert second.acquire()
    second.release()


def test_a_folder_that_was_put_aside_has_no_lease_to_take(tmp_path):
    assert not Lease(tmp_path / "gone").acquire()


def test_two_that_look_do_not_see_each_other(tmp_path):
    about = {"machine": module.machine_id(), "token": "dead", "host": "here", "pid": 1, "beat": 1, "time": 0.0}
    (tmp_path / "lease").write_text(json.dumps(about))
    with open(tmp_path / "lease") as looking:
        assert module.lock(looking.fileno(), fcntl.LOCK_SH)
        assert holder(tmp_path) is None


@pytest.mark.parametrize("content", ['{"time": "x"}', "[" * 4000, '{"time": [1], "machine": "another"}', "null"])
def test_a_damaged_lease_is_nobodys(tmp_path, content):
    (tmp_path / "lease").write_text(content)
    assert not (holder(tmp_path) or {}).get("pid")
    Lease(tmp_path).acquire()


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "lease")
    assert holder(tmp_path) is None


def test_looking_takes_nothing(tmp_path):
    assert holder(tmp_path) is None and not (tmp_path / "lease").exists()
    held = Lease(tmp_path)
    assert held.acquire() and holder(tmp_path) and held.beat() and held.mine()


def hold(tmp_path, ready):
    assert Lease(tmp_path).acquire()
    ready.set()
    time.sleep(60)


def test_a_killed_holder_frees_it_at_once(tmp_path, clock):
    before = clock.now
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    process = context.Process(target=hold, args=(tmp_path, ready))
    process.start()
    assert ready.wait(30) and not Lease(tmp_path).acquire()
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert (tmp_path / "lease").exists() and holder(tmp_path) is None
    assert Lease(tmp_path).acquire() and clock.now == before


def test_another_machines_lease_holds_while_it_beats(tmp_path, clock):
    for beat in range(8):
        elsewhere(tmp_path, beat)
        assert not Lease(tmp_path).acquire()
        assert holder(tmp_path)["host"] == "far"
        clock.sleep(module.EXPIRY / 3)


def test_another_machines_lease_is_free_once_it_is_silent(tmp_path, clock):
    elsewhere(tmp_path)
    assert not Lease(tmp_path).acquire()
    clock.sleep(module.EXPIRY - 1)
    assert not Lease(tmp_path).acquire()
    clock.sleep(2)
    ours = Lease(tmp_path)
    assert ours.acquire() and ours.beat() and json.loads((tmp_path / "lease").read_text())["machine"] != "another"


def test_one_of_yesterday_is_free_at_once_whatever_the_clocks(tmp_path):
    elsewhere(tmp_path, time=time.time() - 2 * module.SKEW)
    assert Lease(tmp_path).acquire()


def test_of_two_machines_that_take_it_at_once_the_last_has_it(tmp_path, monkeypatch, clock):
    elsewhere(tmp_path, time=0.0)
    monkeypatch.setattr(clock, "sleep", lambda _: elsewhere(tmp_path, token="quicker"))
    assert not Lease(tmp_path).acquire()


def test_a_holder_that_was_held_up_learns_that_it_lost(tmp_path, clock):
    ours = Lease(tmp_path)
    assert ours.acquire()
    elsewhere(tmp_path)
    assert ours.beat()  # it is not time to
    clock.sleep(module.BEAT + 1)
    assert not ours.beat()
    ours.release()
    assert json.loads((tmp_path / "lease").read_text())["machine"] == "another"  # not ours to remove


def test_half_written_is_nobodys_yet_but_not_free(tmp_path, clock):
    (tmp_path / "lease").write_text("")
    assert not Lease(tmp_path).acquire()
    clock.sleep(module.EXPIRY + 1)
    assert Lease(tmp_path).acquire()
