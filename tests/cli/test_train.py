"""The command, as a user types it: real processes where those are what is tested, real files."""

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import in_process
import numpy as np
import pytest
import torch
import yaml
from PIL import Image

ROOT = Path(__file__).parents[2]
slow = partial(pytest.param, marks=pytest.mark.slow)
TINY = ["data=fake", "data.size=12", "data.train=64", "data.batch_size=16", "model.width=0.25", "trainer.max_epochs=2"]


def command(*overrides, outputs, **more):
    environment = {**os.environ, "DROPGRID_OUTPUTS": str(outputs), "COLUMNS": "160"}
    line = [sys.executable, "scripts/train.py", *overrides]
    return subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, **more)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """A sweep of two rows at two seeds, with what it printed."""
    outputs = tmp_path_factory.mktemp("outputs")
    done = command("-m", *TINY, "regularizer=none,dropblock", "seed=0,1", "name=tiny", outputs=outputs)
    assert done.returncode == 0, done.stdout + done.stderr
    return outputs, done


def results(outputs):
    return {path.parent.name: json.loads(path.read_text()) for path in outputs.glob("runs/*/result.json")}


def weights(outputs):
    return {cell: result["weights"]["last"] for cell, result in results(outputs).items()}


def test_a_sweep_has_a_name_and_a_report(sweep):
    outputs, done = sweep
    folder = outputs / "ablations" / "tiny"
    for name in ("table.md", "table.csv", "table.tex", "table.json", "figure.png", "report.html"):
        assert (folder / name).stat().st_size > 100
        assert str(folder / name) in done.stdout
    rows = json.loads((folder / "table.json").read_text())["rows"]
    assert [(row["row"], row["n"]) for row in rows] == [("regularizer=none", 2), ("regularizer=dropblock", 2)]
    assert "4 of 4 done" in done.stdout


def test_a_run_leaves_its_files_and_no_others(sweep):
    outputs, _ = sweep
    wanted = {
        "best.safetensors",
        "config.yaml",
        "environment.json",
        "last.safetensors",
        "local.yaml",
        "log.txt",
        "metrics.csv",
        "predictions.npz",
        "result.json",
    }
    for folder in (outputs / "runs").iterdir():
        assert {path.name for path in folder.iterdir()} == wanted
    assert {path.name for path in outputs.iterdir()} - {".cache"} == {"runs", "ablations"}
    links = list((outputs / "ablations" / "tiny" / "cells").glob("*/seed*"))
    assert len(links) == 4 and all((link / "result.json").exists() for link in links)


def test_the_same_command_again_finds_everything_finished(sweep):
    outputs, _ = sweep
    before = {path: path.stat().st_mtime_ns for path in outputs.glob("runs/*/*")}
    again = command("-m", *TINY, "regularizer=none,dropblock", "seed=0,1", "name=tiny", outputs=outputs)
    assert again.returncode == 0 and "4 cells, 4 already finished" in again.stdout
    assert {path: path.stat().st_mtime_ns for path in outputs.glob("runs/*/*")} == before


def test_the_same_command_elsewhere_gives_the_same_bits(sweep, tmp_path):
    outputs, _ = sweep
    words = ["-m", *TINY, "regularizer=dropblock,none", "seed=1,0", "sweep.jobs=1"]
    assert in_process.command("train", *words, outputs=tmp_path).returncode == 0
    assert weights(tmp_path) == weights(outputs) and len(set(weights(outputs).values())) == 4
    for folder in (outputs / "runs").iterdir():
        twin = tmp_path / "runs" / folder.name
        for name in ("metrics.csv", "config.yaml", "last.safetensors", "best.safetensors"):
            assert (folder / name).read_bytes() == (twin / name).read_bytes()
        one, two = (json.loads((each / "result.json").read_text()) for each in (folder, twin))
        for result in (one, two):
            del result["timing"], result["provenance"], result["reproduce"]
        assert one == two


def test_the_reproduce_line_names_the_same_cell(sweep, tmp_path):
    outputs, _ = sweep
    cell, result = next(iter(results(outputs).items()))
    line = result["reproduce"].split()
    assert line[:2] == ["python", "scripts/train.py"]
    done = in_process.command("train", *line[2:], outputs=tmp_path)
    assert done.returncode == 0 and weights(tmp_path) == {cell: result["weights"]["last"]}


def test_more_seeds_join_the_table(sweep):
    outputs, _ = sweep
    words = ["-m", *TINY, "regularizer=none,dropblock", "seed=2", "name=tiny"]
    done = in_process.command("train", *words, outputs=outputs)
    assert done.returncode == 0
    rows = json.loads((outputs / "ablations" / "tiny" / "table.json").read_text())["rows"]
    assert [row["n"] for row in rows] == [3, 3]


def test_a_finished_cell_is_loaded_back(sweep):
    from dropgrid import load_cell

    outputs, _ = sweep
    cell, result = next(iter(results(outputs).items()))
    net = load_cell(cell, outputs)
    assert sum(p.numel() for p in net.parameters()) == result["parameters"] and not net.training
    assert net(torch.zeros(1, 3, 12, 12)).shape == (1, 10)


def test_an_ablation_is_a_tidy_frame(sweep):
    import dropgrid

    outputs, _ = sweep
    frame = dropgrid.load("tiny", outputs=outputs)
    assert set(frame["row"]) == {"regularizer=none", "regularizer=dropblock"}
    assert frame["test/acc_last"].between(0, 1).all()


def test_build_model_gives_the_network_of_a_composed_config(tmp_path, monkeypatch):
    from hydra import compose

    from dropgrid.cli.train import build_model
    from dropgrid.planning.compose import hydra_context

    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))
    with hydra_context():
        nets = [build_model(compose("train", [*TINY, f"seed={seed}"])) for seed in (0, 0, 1)]
    states = [hashlib.sha256(net.fc.weight.detach().numpy().tobytes()).hexdigest() for net in nets]
    assert states[0] == states[1] != states[2]


def test_a_killed_cell_costs_itself_alone_and_the_command_says_so(tmp_path):
    environment = {**os.environ, "DROPGRID_OUTPUTS": str(tmp_path)}
    cells = ["data=fake", "data.train=500", "trainer.max_epochs=1,60", "name=kill", "sweep.jobs=2"]
    line = [sys.executable, "scripts/train.py", "-m", *cells, "sweep.retries.SIGKILL=0"]
    process = subprocess.Popen(line, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    victim = wait_for(lambda: next((s for s in states(tmp_path) if s["epochs"] == 60), None))
    os.kill(victim["pid"], signal.SIGKILL)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "1 failed" in output and "SIGKILL" in output and "log.txt" in output
    assert len(results(tmp_path)) == 1
    assert [json.loads(p.read_text())["class"] for p in tmp_path.glob("runs/*/failure.json")] == ["SIGKILL"]


def begun(outputs, *overrides):
    """A command under way, and the state of its cell that trains."""
    environment = {**os.environ, "DROPGRID_OUTPUTS": str(outputs), "COLUMNS": "160"}
    line = [sys.executable, "scripts/train.py", *overrides]
    process = subprocess.Popen(line, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    return process, wait_for(lambda: next((s for s in states(outputs) if s["step"] > 3), None))


def log_of(outputs):
    return "\n".join(path.read_text() for path in outputs.glob("runs/*/log.txt"))


@pytest.mark.slow
@pytest.mark.parametrize("request_to_stop", [signal.SIGINT, signal.SIGTERM])
def test_stopped_it_leaves_cleanly_and_the_same_command_goes_on_to_the_same_bits(tmp_path, request_to_stop):
    line = [*TINY, "regularizer=dropblock", "trainer.max_epochs=40"]
    process, state = begun(tmp_path / "stopped", *line)
    process.send_signal(request_to_stop)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130 and "the same command continues" in output
    assert not results(tmp_path / "stopped") and not list(tmp_path.glob("stopped/runs/*/failure.json"))
    with pytest.raises(ProcessLookupError):
        os.kill(state["pid"], 0)
    step = int(log_of(tmp_path / "stopped").rpartition("stopped before step ")[2])
    assert step >= state["step"]
    done = command(*line, outputs=tmp_path / "stopped")
    assert done.returncode == 0 and f"continues before step {step}\n" in log_of(tmp_path / "stopped")
    command(*line, outputs=tmp_path / "alone")
    assert weights(tmp_path / "stopped") == weights(tmp_path / "alone")


def images(folder, count, seed=0):
    """A folder of two classes."""
    noise = np.random.default_rng(seed)
    for number in range(count):
        path = folder / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise.integers(0, 255, (12, 12, 3), dtype=np.uint8)).save(path)
    return folder


@pytest.mark.slow
def test_an_edit_of_a_loss_of_ones_own_is_named_and_trained_again_as_stale(tmp_path, monkeypatch):
    lab = tmp_path / "lab"
    (lab / "conf/loss").mkdir(parents=True)
    (lab / "conf/loss/scaled.yaml").write_text("_target_: own_losses.Scaled\n")
    (lab / "targets.txt").write_text("own_losses.*\n")
    (lab / "own_parts.py").write_text("FACTOR = 1.0\n")
    (lab / "own_losses.py").write_text(
        "from own_parts import FACTOR\nfrom torch import nn\n\n\nclass Scaled(nn.CrossEntropyLoss):\n"
        "    def forward(self, input, target):\n        return FACTOR * super().forward(input, target)\n"
    )
    monkeypatch.setenv("DROPGRID_CONF", str(lab / "conf"))
    monkeypatch.setenv("DROPGRID_TARGETS", str(lab / "targets.txt"))
    monkeypatch.setenv("PYTHONPATH", f"{lab}:{os.environ.get('PYTHONPATH', '')}")
    line = ["-m", *TINY, "loss=cross_entropy,scaled", "name=own"]
    first = command(*line, outputs=tmp_path)
    assert first.returncode == 0, first.stdout + first.stderr
    before = weights(tmp_path)
    (lab / "own_parts.py").write_text("FACTOR = 0.01\n")
    again = command(*line, outputs=tmp_path)
    assert "2 already finished, 1 of them trained by a different version of the code: kept" in again.stdout
    more = command(*line, "seed=0,1", outputs=tmp_path)
    assert "1 of 2 cells was trained by a different version of the code, in own_losses" in " ".join(more.stdout.split())
    assert "1 of them trained by a different version of the code: trained again" in (
        command(*line, "sweep.rerun=stale", outputs=tmp_path).stdout
    )
    after = weights(tmp_path)
    assert sorted(after[cell] == before[cell] for cell in before) == [False, True]


@pytest.mark.slow
def test_a_folder_of_images_is_understood_refused_under_its_name_with_others_and_compared_by_blocks(tmp_path):
    one, two = (images(tmp_path / name, 20, seed) for seed, name in enumerate("AB"))
    (one / "a/notes.txt").write_text("")
    net = ["model.width=0.25", "data.batch_size=4", "trainer.max_epochs=1"]
    line = ["-m", "data=image_folder", "regularizer=none,dropout", *net]
    first = command(*line, f"data.root={one}", outputs=tmp_path / "o")
    assert first.returncode == 0, first.stdout + first.stderr
    assert first.stdout.splitlines()[0] == "2 classes (a 10, b 10); train 14, val 2, test 4; left out: 1 .txt"
    (folder,) = (tmp_path / "o/ablations").iterdir()
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    other = command(*line, f"data.root={two}", outputs=tmp_path / "o")
    assert (
        other.returncode == 2 and "has 2 finished cells of other data" in other.stderr and "name=NAME" in other.stderr
    )
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    both = command(*line, f"data.root={one},{two}", "name=both", outputs=tmp_path / "o")
    assert both.returncode == 0, both.stdout + both.stderr
    rows = json.loads((tmp_path / "o/ablations/both/table.json").read_text())["rows"]
    assert [(row["factors"]["data.root"], row["row"]) for row in rows] == [
        (str(root), f"regularizer={name}") for root in (one, two) for name in ("none", "dropout")
    ]
    assert [row["delta"] is None for row in rows] == [True, False] * 2


@pytest.mark.slow
def test_with_processes_that_read_images_an_end_is_as_quick(tmp_path):
    folder = images(tmp_path / "images", 60)
    line = ["data=image_folder", f"data.root={folder}", "data.val=10", "data.test=10", "data.memory_limit=0"]
    line += [*TINY[1:2], "data.batch_size=8", "data.workers=2", "model.width=0.25", "trainer.max_epochs=500"]
    process, _ = begun(tmp_path / "stopped", *line)
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130 and "stopped before step" in log_of(tmp_path / "stopped")
    took = time.monotonic() - started
    process, _ = begun(tmp_path / "failed", *line)
    started = time.monotonic()
    for path in folder.rglob("*.png"):
        path.write_bytes(path.read_bytes()[:60])
    assert "has changed since this cell was planned (planned with sha256 " in process.communicate(timeout=60)[0]
    assert process.returncode == 1 and not [*(tmp_path / "failed").rglob("result.json")]
    took = max(took, time.monotonic() - started)
    assert took < 45, "a process that waits for its readers is killed after a minute"


def test_a_second_ctrl_c_stops_at_once(tmp_path):
    process, state = begun(tmp_path, "data=fake", "trainer.max_epochs=60")
    os.kill(state["pid"], signal.SIGSTOP)  # a cell that cannot listen
    process.send_signal(signal.SIGINT)
    time.sleep(1)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130 and not alive(state["pid"])


def test_a_killed_cell_goes_on_from_its_last_checkpoint(tmp_path):
    line = [*TINY, "regularizer=dropblock", "trainer.max_epochs=40", "sweep.checkpoint.steps=2"]
    process, state = begun(tmp_path / "killed", *line)
    os.kill(state["pid"], signal.SIGKILL)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0 and "(2 attempts)" in output
    assert "continues before step" in log_of(tmp_path / "killed")
    in_process.command("train", *line, outputs=tmp_path / "alone")
    assert weights(tmp_path / "killed") == weights(tmp_path / "alone")


def test_a_hung_cell_is_killed_and_tried_again(tmp_path):
    line = [*TINY, "trainer.max_epochs=40", "sweep.checkpoint.steps=2", "sweep.hang_minutes=0.05"]
    process, state = begun(tmp_path, *line)
    os.kill(state["pid"], signal.SIGSTOP)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0 and "(2 attempts)" in output and not alive(state["pid"])


@pytest.mark.slow
def test_a_sweep_started_twice_trains_each_cell_once(tmp_path):
    line = ["-m", *TINY, "trainer.max_epochs=10", "regularizer=none,dropblock", "seed=0,1,2", "name=twice"]
    environment = {**os.environ, "DROPGRID_OUTPUTS": str(tmp_path)}
    line = [sys.executable, "scripts/train.py", *line, "sweep.jobs=1"]
    both = [subprocess.Popen(line, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    printed = [each.communicate(timeout=120)[0] for each in both]
    assert [each.returncode for each in both] == [0, 0]
    assert len(results(tmp_path)) == 6 and all("0 running, 0 left" in text for text in printed)
    logs = [path.read_text() for path in tmp_path.glob("runs/*/log.txt")]
    assert [log.count("--- ") for log in logs] == [1] * 6


def test_on_error_stop_lets_the_others_write_a_checkpoint(tmp_path):
    line = ["-m", "data=fake", "trainer.max_epochs=59,60", "name=stop", "sweep.on_error=stop", "sweep.retries=null"]
    process, state = begun(tmp_path, *line, "sweep.jobs=2")
    wait_for(lambda: len([s for s in states(tmp_path) if s["step"] > 3]) == 2)
    os.kill(state["pid"], signal.SIGKILL)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 1 and "1 failed" in output and not results(tmp_path)
    assert len(list(tmp_path.glob("runs/*/checkpoints/*.ckpt"))) == 1


@pytest.mark.slow
def test_a_full_disk_ends_the_cell_with_a_clear_message_and_the_same_command_goes_on(tmp_path):
    line = [*TINY, "sweep.checkpoint.steps=2", "trainer.max_epochs=3"]
    alone = command(*line, outputs=tmp_path / "alone")
    assert alone.returncode == 0
    checkpoint = 3 * next(tmp_path.glob("alone/runs/*/last.safetensors")).stat().st_size

    def almost_full():
        resource.setrlimit(resource.RLIMIT_FSIZE, (checkpoint // 2, resource.RLIM_INFINITY))

    done = command(*line, outputs=tmp_path / "full", preexec_fn=almost_full)
    assert done.returncode == 1
    assert "DiskFull: " in done.stdout and "make room, then run the same command again" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr and not list(tmp_path.glob("full/runs/*/checkpoints/*"))
    again = command(*line, outputs=tmp_path / "full")
    assert again.returncode == 0 and weights(tmp_path / "full") == weights(tmp_path / "alone")


@pytest.mark.slow
def test_rerun_all_trains_again_and_keeps_what_was(sweep, tmp_path):
    line = [*TINY, "seed=5"]
    command(*line, outputs=tmp_path)
    before = results(tmp_path)
    done = command(*line, "sweep.rerun=all", outputs=tmp_path)
    assert done.returncode == 0 and weights(tmp_path) == {c: r["weights"]["last"] for c, r in before.items()}
    (kept,) = (tmp_path / "replaced").iterdir()
    assert json.loads((kept / "result.json").read_text()) == next(iter(before.values()))
    assert (
        next(iter(results(tmp_path).values()))["provenance"]["finished"]
        > next(iter(before.values()))["provenance"]["finished"]
    )


def test_a_cell_does_not_outlive_its_sweep(tmp_path):
    environment = {**os.environ, "DROPGRID_OUTPUTS": str(tmp_path)}
    line = [sys.executable, "scripts/train.py", "data=fake", "trainer.max_epochs=60"]
    process = subprocess.Popen(line, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    child = wait_for(lambda: next(iter(states(tmp_path)), None))["pid"]
    process.kill()
    process.wait()
    assert wait_for(lambda: not alive(child))


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"


def states(outputs):
    return [json.loads(path.read_text()) for path in outputs.glob("runs/*/state.json")]


def wait_for(question, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := question():
            return answer
        time.sleep(0.1)
    raise AssertionError("waited in vain")


@pytest.mark.slow
def test_the_basic_launcher_supervises_too(sweep, tmp_path):
    outputs, _ = sweep
    done = command("-m", *TINY, "regularizer=none,dropblock", "hydra/launcher=basic", outputs=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    seed_0 = {cell: result for cell, result in results(outputs).items() if result["seed"] == 0}
    assert weights(tmp_path) == {cell: result["weights"]["last"] for cell, result in seed_0.items()}


def test_cfg_job_prints_the_config(tmp_path):
    done = command("--cfg", "job", "regularizer=dropblock", outputs=tmp_path)
    assert done.returncode == 0 and yaml.safe_load(done.stdout)["regularizer"]["block_size"] == 7


def test_help_lists_groups_and_options_without_torch(tmp_path):
    done = command("--help", outputs=tmp_path)
    assert done.returncode == 0
    for group in ("regularizer", "ablation", "model"):
        options = sorted(path.stem for path in (ROOT / "conf" / group).glob("*.yaml"))
        assert f"{group}: {', '.join(options)}" in done.stdout
    assert "+ablation=demo" in done.stdout
    probe = "import sys; sys.argv = ['train.py', '--help']; import dropgrid.cli.train; dropgrid.cli.train.main()"
    check = f"{probe}; assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", check], capture_output=True).returncode == 0


def test_shell_completion_knows_groups_and_options(tmp_path):
    environment = {**os.environ, "COMP_LINE": "python scripts/train.py regularizer=drop", "COMP_POINT": "100"}
    line = [sys.executable, "scripts/train.py", "-sc", "query=bash"]
    done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    options = {path.stem for path in (ROOT / "conf/regularizer").glob("drop*.yaml")}
    assert {"dropblock", "dropout"} < options
    assert set(done.stdout.split()) == {f"regularizer={option}" for option in options}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["regularizer=dropblok"], "error: regularizer has no option 'dropblok'; did you mean 'dropblock'?"),
        (["-m", "seed=0,1", "optimizer.lrr=1"], "error: there is no key 'optimizer.lrr'"),
        slow(["+ablation=demo", "regularizer.keep_prob=.5"], "error: regularizer.keep_prob is set by row 'baseline'"),
        slow(["+evaluate=noise"], "error: evaluate measures what is trained: python scripts/evaluate.py NAME"),
        slow(["-m", "seed=0,1", "sweep.budget=long"], "error: sweep.budget must be a time above 0 with its unit"),
        (["sweep.on_error=ignore"], "error: sweep.on_error must be continue or stop, got 'ignore'"),
        slow(["paths.outputs=/proc/none"], "error: cannot use /proc/none"),
        slow(["--cfg", "job", "model=resnet19"], "error: model has no option 'resnet19'"),
    ],
)
def test_a_users_mistake_is_one_line_and_exit_code_2(tmp_path, overrides, message):
    assert_refused(command(*overrides, outputs=tmp_path), message, tmp_path)


def test_so_is_one_that_is_found_as_the_network_is_built(tmp_path):
    words = ["regularizer=dropblock", "regularizer.keep_prob=1.5"]
    done = in_process.command("train", *words, outputs=tmp_path)
    assert_refused(done, "error: regularizer: keep_prob must be a number", tmp_path)


def assert_refused(done, message, outputs):
    assert done.returncode == 2
    assert done.stderr.startswith(message) and len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stdout and not (outputs / "runs").exists()


@pytest.mark.parametrize("many", [[], slow(["-m", "seed=0,1"])])
def test_cells_import_nothing_that_the_process_they_are_forks_of_should_have(tmp_path, monkeypatch, many):
    """Seconds a cell: Lightning, torch's compiler, Numba. Python lists in the log what a process imports itself."""
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    command(*many, *TINY, "regularizer=dropblock", "regularizer.block_size=2", outputs=tmp_path)
    logs = [path.read_text() for path in tmp_path.glob("runs/*/log.txt")]
    assert len(logs) == max(1, 2 * len(many[:1]))
    for log in logs:
        imported = {line.rpartition("|")[2].strip() for line in log.splitlines() if line.startswith("import time:")}
        assert not imported & {"torch", "pytorch_lightning", "torchvision", "numba", "hydra", "dropgrid.training.train"}
        assert not any(name.startswith("dropgrid.") for name in imported), sorted(imported)
