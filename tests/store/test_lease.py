"""At most one holder, on one machine by its locks, on several, and without locks, by their beats."""

import errno
import fcntl
import json
import multiprocessing
import os
import signal
import time

import pytest

from dropgrid.errors import UserError
from dropgrid.store import lease as module
from dropgrid.store.lease import Lease, holder

pytestmark = pytest.mark.survives("a lease that is damaged, silent, taken at once by two, or another machine's")


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
        assert module.lock(looking.fileno(), tmp_path / "lease", fcntl.LOCK_SH)
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


@pytest.fixture(params=[errno.ENOLCK, errno.ENOTSUP, errno.EINVAL, None])
def without_locks(monkeypatch, request):
    """No file locks, or such that exclude nobody."""

    def refuse(*_):
        if request.param is not None:
            raise OSError(request.param, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)


def test_without_locks_a_live_lease_of_this_machine_is_never_taken(tmp_path, clock, without_locks):
    first, second = Lease(tmp_path), Lease(tmp_path)
    assert first.acquire()
    for _ in range(20):
        assert not second.acquire() and holder(tmp_path)["pid"] == os.getpid() and first.mine()
        clock.sleep(module.BEAT + 0.1)
        assert first.beat()
    first.release()
    assert holder(tmp_path) is None and second.acquire()


def test_without_locks_a_silent_lease_of_this_machine_comes_free(tmp_path, clock, without_locks):
    first, second = Lease(tmp_path), Lease(tmp_path)
    assert first.acquire() and not second.acquire()
    clock.sleep(module.EXPIRY - 1)
    assert not second.acquire()
    clock.sleep(2)
    assert second.acquire() and not first.mine() and not first.beat()
    first.release()
    assert second.mine() and second.scratch.exists() and not first.scratch.exists()


def test_who_takes_a_lease_takes_the_scratch_folders_of_all_others(tmp_path, clock, without_locks):
    first, second = Lease(tmp_path), Lease(tmp_path)
    assert first.acquire() and first.scratch.is_dir() and not second.acquire()
    (first.scratch / "half").write_text("half a file")
    clock.sleep(module.EXPIRY + 1)
    assert second.acquire() and module.scratch_folders(tmp_path) == [second.scratch]
    assert not list(second.scratch.iterdir())
    second.release()
    assert not list(tmp_path.iterdir())


def test_a_taker_held_up_before_it_removed_the_others_folder_leaves_one_writer_at_most(tmp_path, clock, monkeypatch):
    elsewhere(tmp_path, time=0.0)
    slow, quick = Lease(tmp_path, "slow"), Lease(tmp_path, "quick")
    monkeypatch.setattr(module, "lock", lambda *_: None)
    look = slow.mine

    def held_up():
        found = look()
        monkeypatch.setattr(slow, "mine", look)
        clock.sleep(module.EXPIRY + 1)
        quick.acquire()  # begins to watch
        clock.sleep(module.EXPIRY + 1)
        assert quick.acquire()
        return found

    monkeypatch.setattr(slow, "mine", held_up)
    slow.acquire()
    assert not slow.mine() and not slow.scratch.exists()


IMPOSSIBLE = ["1e999", "-1e999", "NaN", "-5", '"now"', "true", "[1]", "{}", "9" * 400, "-" + "9" * 400, "1e300", "null"]


@pytest.mark.parametrize("machine", ["ours", "another"])
@pytest.mark.parametrize("when", IMPOSSIBLE)
def test_a_time_that_no_clock_shows_is_watched_by_our_own(tmp_path, clock, when, machine):
    name = module.machine_id() if machine == "ours" else machine
    (tmp_path / "lease").write_text(f'{{"machine": "{name}", "token": "t", "host": "h", "pid": 1, "time": {when}}}')
    assert holder(tmp_path) is None
    lease = Lease(tmp_path)
    if machine == "another":
        assert not lease.acquire()
        clock.sleep(module.EXPIRY + 1)
    assert lease.acquire() and lease.mine()


def test_an_old_file_that_does_not_say_when_is_free_at_once(tmp_path):
    (tmp_path / "lease").write_text('{"machine": "another", "time": 1e999}')
    os.utime(tmp_path / "lease", (1.0, 1.0))
    assert Lease(tmp_path).acquire()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to(path.parent / "elsewhere")])
def test_what_is_no_file_is_nobodys_lease_and_is_not_taken(tmp_path, make):
    make(tmp_path / "lease")
    assert holder(tmp_path) is None
    with pytest.raises((UserError, IsADirectoryError)):
        Lease(tmp_path).acquire()
    assert not (tmp_path / "elsewhere").exists()


def test_no_room_for_a_lease_leaves_none(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        lease = Lease(tmp_path)
        with pytest.raises(OSError, match="No space"):
            lease.acquire()
    assert lease.file is None and lease.acquire()
