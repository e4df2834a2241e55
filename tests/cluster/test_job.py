"""Cells on their way: the override that carries them, the signals that reach a job, files that come back."""

import json
import os
import signal
import sys
import time

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from dropgrid.cluster.archive import pack_files, unpack_files
from dropgrid.cluster.job import KEY, Pack, bare_main, packed_cell, signals
from dropgrid.cluster.remote import folder_token
from dropgrid.execution.supervisor import Stop
from dropgrid.planning.plan import plans


@pytest.fixture(autouse=True)
def outputs(tmp_path, monkeypatch):
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))


def pack(tmp_path, token=""):
    (plan,) = plans(["data=fake", "regularizer=none,dropblock", "seed=0,1", "name=it"])
    cells = [packed_cell(cell) for cell in plan.cells]
    return plan, Pack(plan.name, cells, str(tmp_path), token, str(tmp_path), 1, 7.0)


def test_a_pack_travels_in_an_override(tmp_path):
    plan, packed = pack(tmp_path)
    (override,) = OverridesParser.create().parse_overrides([packed.override()])
    assert override.is_add() and override.key_or_group == KEY
    found = Pack.read(override.value())
    assert found == packed and found.shared()
    cells = found.plan(tmp_path).cells
    assert [(cell.id, cell.config) for cell in cells] == [(cell.id, cell.config) for cell in plan.cells]
    assert {cell.local["sweep"]["beat_seconds"] for cell in cells} == {10.0}


def test_a_job_knows_whether_it_sees_the_same_folder(tmp_path):
    _, packed = pack(tmp_path, folder_token(tmp_path))
    assert packed.shared() and folder_token(tmp_path) == packed.token
    (tmp_path / ".folder").write_text("another")
    assert not packed.shared()
    elsewhere = packed.plan(tmp_path / "elsewhere")
    assert elsewhere.cells[0].local["paths"]["outputs"] == str(tmp_path / "elsewhere")


def test_a_signal_asks_the_cells_to_stop_and_then_goes_to_who_had_it(tmp_path):
    had, stop = [], Stop()
    before = signal.signal(signal.SIGUSR2, lambda *_: had.append("requeued"))
    try:
        with pytest.raises(SystemExit), signals(stop, lambda: None) as pass_on:
            os.kill(os.getpid(), signal.SIGUSR2)
            assert stop.asked.wait(5) and not had
            pass_on()
        assert had == ["requeued"] and not stop.at_once.is_set()
        with signals(Stop(), lambda: None) as pass_on:
            pass_on()  # nobody asked
        os.kill(os.getpid(), signal.SIGUSR2)
        time.sleep(0.01)
        assert len(had) == 2  # it has it again
    finally:
        signal.signal(signal.SIGUSR2, before)


def test_signals_are_ignored_while_processes_start():
    seen = []
    with signals(Stop(), lambda: seen.extend(signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGUSR1))):
        pass
    assert seen == [signal.SIG_IGN] * 2


def test_cells_do_not_run_the_main_module_of_an_engines_worker():
    main = sys.modules["__main__"]
    with bare_main():
        assert sys.modules["__main__"].__spec__ is None and not hasattr(sys.modules["__main__"], "__file__")
    assert sys.modules["__main__"] is main


def run(outputs, files):
    for name, text in files.items():
        path = outputs / "runs" / "c0" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def found(outputs):
    folder = outputs / "runs" / "c0"
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_finished_cells_files_are_brought_whole_and_a_failed_ones_failure(tmp_path):
    there, here = tmp_path / "there", tmp_path / "here"
    here.mkdir()
    run(there, {"lease": "held", "state.json": "{}", "checkpoints/x": "x", "failure.json": "{}", "log.txt": "why"})
    assert unpack_files(pack_files(there, "c0"), here, "c0") == ""
    assert found(here) == {"failure.json": "{}", "log.txt": "why"}
    result = json.dumps({"metrics": {}, "reproduce": ""})
    finished = {"result.json": result, "evaluations/e.json": "{}", "last.safetensors": "w"}
    run(there, finished)
    assert unpack_files(pack_files(there, "c0"), here, "c0") == ""
    assert found(here) == {**finished, "log.txt": "why"} and not list(here.glob(".brought*"))
