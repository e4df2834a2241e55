"""Where sweeps stand, from their files alone."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dropgrid.cli import tail
from dropgrid.cli.clean import main as clean
from dropgrid.cli.status import main
from dropgrid.store.identity import source_fingerprint
from dropgrid.store.layout import RunFolder
from dropgrid.store.lease import Lease

SCRIPTS = Path(__file__).parents[2] / "scripts"
STATUSES = ["finished", "finished", "running", "failed", "interrupted", "pending"]


@pytest.fixture
def mixed(fake):
    """An ablation with a cell of each status."""
    fake.add(["baseline", "dropout"], seeds=3)
    for cell, status in zip(fake.cells, STATUSES, strict=True):
        cell["status"] = status
    fake.cells[0]["result"]["provenance"]["source"] = source_fingerprint()
    fake.write()
    return fake


def ask(fake, capsys, *given):
    code = main([*given, f"paths.outputs={fake.outputs}"])
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    return code, printed.out, printed.err


def test_no_config_is_read(mixed, capsys):
    for path in mixed.outputs.glob("runs/*/config.yaml"):
        path.write_text('{"half": [')
    assert ask(mixed, capsys, "demo")[0] == 0


def as_json(fake, capsys, *given):
    code, out, _ = ask(fake, capsys, *given, "--json")
    return code, json.loads(out)


def test_without_a_name_a_line_for_each_ablation(mixed, capsys):
    code, out, _ = ask(mixed, capsys)
    heading, line = out.splitlines()
    assert code == 0
    assert heading.split()[:7] == ["ablation", "cells", "finished", "running", "failed", "interrupted", "pending"]
    assert line.split()[:7] == ["demo", "6", "2", "1", "1", "1", "1"]


def test_an_ablation_that_cannot_be_read_does_not_hide_the_others(mixed, capsys):
    broken = mixed.outputs / "ablations" / "broken"
    broken.mkdir()
    (broken / "cells.json").write_text("[{")
    code, out, _ = ask(mixed, capsys)
    assert code == 0 and "demo " in out and "broken: cannot read" in out
    _, found = as_json(mixed, capsys)
    assert [set(each) for each in found["ablations"] if "error" in each] == [{"name", "error"}]


def test_nothing_run_yet_says_what_to_do(fake, capsys):
    code, out, _ = ask(fake, capsys)
    assert code == 0 and "nothing was run yet" in out and "scripts/train.py" in out


def test_with_a_name_rows_running_cells_failures_and_older_source(mixed, capsys):
    code, out, _ = ask(mixed, capsys, "demo")
    lines = out.splitlines()
    assert code == 0
    assert lines[0].startswith("demo  6 cells: 2 finished, 1 running, 1 failed, 1 interrupted, 1 pending; about ")
    assert ["baseline", "2", "1", "–", "–", "–"] in [line.split() for line in lines]
    (running,) = [line for line in lines if "4711" in line]
    assert all(word in running for word in ("baseline seed 2", "epoch 6/15, 40 %", "0.250", "elsewhere"))
    assert "failed  dropout seed 0: ValueError: loss is not finite at step 31" in lines
    assert str(mixed.outputs / "runs" / mixed.cells[3]["line"]["cell"] / "log.txt") in out
    assert "1 of 6 cells was trained by a different version of the code: sweep.rerun=stale trains it again" in lines
    assert all(line == line.rstrip() for line in lines)


def test_the_time_to_go_is_what_cells_took_less_what_is_done_shared_among_the_running(mixed, capsys):
    _, found = as_json(mixed, capsys)
    took = mixed.cells[0]["result"]["timing"]["total_seconds"]
    assert found["ablations"][0]["seconds_to_go"] == pytest.approx(took * (0.6 + 1 + 1))
    for cell in mixed.cells:
        cell["status"] = "pending" if cell["status"] == "running" else cell["status"]
    (mixed.outputs / "runs" / mixed.cells[2]["line"]["cell"] / "lease").unlink()
    _, found = as_json(mixed, capsys)
    assert found["ablations"][0]["seconds_to_go"] is None


def test_json_tells_all_and_counts_a_cell_in_two_rows_once(mixed, capsys):
    mixed.cells[5]["line"]["cell"] = mixed.cells[0]["line"]["cell"]
    mixed.write()
    code, found = as_json(mixed, capsys, "demo")
    assert code == 0 and set(found) == {"schema", "exit_code", "outputs", "ablations", "rows", "cells"}
    (about,) = found["ablations"]
    assert about["cells"] == 5 and about["finished"] == 2 and about["older_source"] == 1
    assert abs(about["last_activity"] - time.time()) < 60
    assert [row["cells"] for row in found["rows"]] == [3, 3]
    by_status = {cell["status"]: cell for cell in found["cells"]}
    running, failed = by_status["running"], by_status["failed"]
    assert (running["epoch"], running["epochs"], running["step"], running["progress"]) == (5, 15, 60, 0.4)
    assert (running["host"], running["pid"], running["loss"]) == ("elsewhere", 4711, 0.25)
    assert failed["failure"]["class"] == "ValueError" and failed["failure"]["log"].endswith("log.txt")
    assert failed["reproduce"].startswith("python scripts/train.py regularizer=dropout")


def test_a_loss_that_is_not_finite_is_null_in_json(mixed, capsys):
    state = mixed.outputs / "runs" / mixed.cells[2]["line"]["cell"] / "state.json"
    state.write_text(state.read_text().replace("0.25", "NaN"))
    _, found = as_json(mixed, capsys, "demo")
    assert found["cells"][2]["loss"] is None


def test_failed_shows_failures_alone_with_log_and_command_and_exits_with_1(mixed, capsys):
    mixed.cells[3]["line"]["overrides"] = ["regularizer=dropout", "regularizer.groups=[a,b]", "seed=0"]
    mixed.write()
    for given in (["demo", "--failed"], ["--failed"]):
        code, out, _ = ask(mixed, capsys, *given)
        assert code == 1 and "1 of 6 cells failed" in out and "baseline" not in out
        assert "python scripts/train.py regularizer=dropout 'regularizer.groups=[a,b]' seed=0" in out
    code, found = as_json(mixed, capsys, "--failed")
    assert code == 1 and [cell["ablation"] for cell in found["cells"]] == ["demo"]


def test_failed_without_failures_exits_with_0(fake, capsys):
    fake.add(["baseline"], seeds=1).write()
    assert ask(fake, capsys, "demo", "--failed") == (0, "0 of 1 cell failed\n", "")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["dmeo"], "did you mean 'demo'?"),
        (["demo", "--follow", "drpout/seed0"], "did you mean 'dropout/seed0'?"),
        (["demo", "--follow", "baseline"], "which of its cells? baseline/seed0, baseline/seed1"),
        (["--follow", ""], "no cell ''"),
        (["one", "two"], "unrecognized arguments: two"),
    ],
)
def test_what_is_unknown_is_a_line_and_exits_with_2(mixed, capsys, given, said):
    code, out, err = ask(mixed, capsys, *given)
    assert code == 2 and not out and said in err and err.startswith("error: ") and err.count("\n") == 1


def test_a_cell_is_found_by_id_prefix_row_and_seed_and_factors(fake):
    for lr in ("0.1", "0.05"):
        fake.add(["baseline"], seeds=2, factors={"optimizer.lr": lr})
    fake.write()
    ids = [cell["line"]["cell"] for cell in fake.cells]
    for given in (ids[1], ids[1][:8], "optimizer.lr=0.1/baseline/seed1"):
        assert tail.find(given, fake.outputs)[0] == tail.find(given, fake.outputs, "demo")[0] == ids[1]
    with pytest.raises(Exception, match="'baseline/seed1' may be any of"):
        tail.find("baseline/seed1", fake.outputs)


def test_follow_prints_what_is_there_and_how_the_cell_ended(mixed, capsys):
    assert ask(mixed, capsys, "--follow", "baseline/seed0")[:2] == (
        0,
        f"training baseline\n--- demo: baseline seed 0 ({mixed.cells[0]['line']['cell']}) is finished\n",
    )
    code, out, _ = ask(mixed, capsys, "demo", "--follow", "dropout/seed0")
    assert code == 1 and out.endswith(" failed: ValueError: loss is not finite at step 31\n")
    code, out, _ = ask(mixed, capsys, "--follow", "dropout/seed2")
    assert code == 0 and out.endswith("is pending\n")


def test_follow_goes_on_while_the_log_grows_is_cut_and_is_replaced_until_nobody_trains(fake, capsys, monkeypatch):
    monkeypatch.setattr(tail, "SECONDS_BETWEEN", 0.01)
    fake.add(["baseline"], seeds=1, status="interrupted").write()
    folder = fake.outputs / "runs" / fake.cells[0]["line"]["cell"]
    log, seen = folder / "log.txt", []
    lease = Lease(folder)
    assert lease.acquire()

    def train():
        def wait(text):
            deadline = time.monotonic() + 60
            while text not in "".join(seen) and time.monotonic() < deadline:
                time.sleep(0.01)

        wait("training baseline\n")
        with open(log, "a") as file:
            file.write("grün, half a li")
            file.flush()
            file.write("ne\n")
        wait("half a line\n")
        log.write_text("cut\n")
        wait("cut\n")
        (folder / "new").write_text("another and much longer file\nwith the end")
        (folder / "new").replace(log)
        wait("longer")
        (folder / "result.json").write_text('{"metrics": {}, "reproduce": ""}')
        lease.release()

    trainer = threading.Thread(target=train, daemon=True)
    trainer.start()
    for text in tail.growing(RunFolder(folder)):
        seen.append(text)
    trainer.join()
    assert "".join(seen) == ("training baseline\ngrün, half a line\ncut\nanother and much longer file\nwith the end")


def test_a_sweep_in_another_process_is_seen_followed_left_alone_and_found_interrupted(tmp_path, capsys):
    place = f"paths.outputs={tmp_path}"
    chosen = ["data=fake", "trainer.max_epochs=5000", "model=resnet20", "name=real"]
    command = [sys.executable, SCRIPTS / "train.py", *chosen, place]
    with open(tmp_path / "said", "w") as said:
        training = subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True)
    try:
        cell = wait_for(lambda: running(place, capsys), training)
        follower = subprocess.Popen(
            [sys.executable, SCRIPTS / "status.py", "--follow", cell["cell"][:8], place],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert follower.stdout.readline().startswith("--- 20")
        assert clean(["--checkpoints", "--orphaned", "--failed", "--stale", "--yes", place]) == 0
        assert main(["real", place]) == 0
        assert "epoch " in capsys.readouterr().out and (tmp_path / "runs" / cell["cell"] / "state.json").exists()
        assert training.poll() is None
        follower.send_signal(signal.SIGINT)
        assert follower.communicate(timeout=10)[1] == "" and follower.returncode == 130
    finally:
        os.killpg(training.pid, signal.SIGKILL)
        training.wait()
    assert wait_for(lambda: status_of(place, capsys) == "interrupted")
    assert main(["--follow", cell["cell"], place]) == 0
    assert capsys.readouterr().out.endswith("is interrupted\n")


def the_cell(place, capsys):
    capsys.readouterr()
    code = main(["real", "--json", place])
    printed = capsys.readouterr().out
    return json.loads(printed)["cells"][0] if code == 0 else None


def status_of(place, capsys):
    return the_cell(place, capsys)["status"]


def running(place, capsys):
    found = the_cell(place, capsys)
    return found if found and found["status"] == "running" and found["step"] else None


def wait_for(condition, process=None):
    deadline = time.monotonic() + 120
    while not (found := condition()):
        assert time.monotonic() < deadline and (process is None or process.poll() is None)
        time.sleep(0.1)
    return found
