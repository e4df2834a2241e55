"""Some dozens of the same through real processes: exit codes, streams, and files."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from damage import outputs
from hostile import BOMB, ESCAPE
from test_ablations import ACTS, HEAD, SOUND, merged

ROOT = Path(__file__).parents[2]
TINY = ["data=fake", "data.size=12", "data.train=64", "data.batch_size=16", "model=resnet14", "model.width=0.25"]
LINES = [
    ["train", *TINY, "regularizer._target_=builtins.open"],
    ["train", *TINY, "optimizer._target_=os.system", f"+optimizer.command=touch {ESCAPE}"],
    ["train", *TINY, "name=${oc.env:HOME}"],
    ["train", *TINY, "+hydra.callbacks.x._target_=builtins.open"],
    ["train", *TINY, f"hydra.run.dir={ESCAPE}"],
    ["train", *TINY, "hydra/job_logging=default"],
    ["train", *TINY, "regularizer=dropblock", "regularizer.keep_prob=nan"],
    ["train", *TINY, "regularizer=dropblock", "regularizer.block_size=1e400"],
    ["train", *TINY, "trainer.max_epochs=-1"],
    ["train", "-m", *TINY, "seed=range(0,100000000000)"],
    ["train", *TINY, "sweep.seeds=100000000000"],
    ["train", *TINY, "model.width=1e9"],
    ["train", "--nonsense"],
    ["train", "--config-name=x"],
    ["train", "\x01=\x02"],
    ["train", "data=image_folder", "data.root=/nowhere"],
    ["train", *TINY, "init=checkpoint", "init.path=/dev/null"],
    ["train", "+ablation=../../etc/passwd"],
    ["plan", *TINY, "loss._target_=builtins.eval"],
    ["plan", "--nonsense"],
    ["evaluate", "demo", "+evaluate=noise", "evaluate._target_=os.system"],
    ["evaluate", "../demo", "+evaluate=noise"],
    ["diagnose", "signal", *TINY, "model._target_=os.system"],
    ["diagnose", "../x"],
    ["report", "../../etc"],
    ["status", "<b>"],
    ["clean", "--keep=/etc"],
    ["merge", "/etc"],
]


DEEP = 3000
NESTED = [
    f"data.x={'[' * DEEP}1{']' * DEEP}",
    f"+data.x={'{a:' * DEEP}1{'}' * DEEP}",
    f"name={'${' * DEEP}a{'}' * DEEP}",
    "name=" + '"' * (DEEP + 1),
    f"name={'(' * DEEP}",
    f"data.x={'[' * DEEP}",
    f"seed={'choice(' * DEEP}1{')' * DEEP}",
    f"{'.'.join('a' * DEEP)}=1",
    f"+{'/'.join('a' * DEEP)}=1",
    "data.train=1000000000000",
    "data.train=1000000000000,2000000000000",
    "+ablation=deep",
]
MEMORY = 8 * 2**30
"""Bytes of address space for these."""


def limited():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def run(place, script, *words, **more):
    environment = {**os.environ, "DROPGRID_OUTPUTS": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
    line = [sys.executable, str(ROOT / "scripts" / f"{script}.py"), *words]
    return subprocess.run(line, cwd=place.parent, env=environment, capture_output=True, text=True, timeout=180, **more)


def as_trial(trial, place, line, **more):
    """The process as the trial counts it."""

    def act():
        done = run(place, *line, **more)
        assert "Traceback" not in done.stdout, done.stdout
        print(done.stderr, end="", file=sys.stderr)
        return done.returncode

    return trial(act, line)


@pytest.fixture
def trial(trial, monkeypatch):
    """Here a process is started for each: that is no code run."""
    monkeypatch.setattr("trial.RUNS", ("pickle.find_class",))
    monkeypatch.setattr("trial.SPAWNS", ())
    return trial


@pytest.mark.slow
def test_lines(trial, tmp_path):
    place = tmp_path / "outputs"
    outputs(place)
    before = sorted(tmp_path.rglob("*"))
    for line in LINES:
        assert as_trial(trial, place, line) == "refused", (line, trial.wrong)
    made = {path for path in set(tmp_path.rglob("*")) - set(before) if ".cache" not in path.parts}
    assert not made and not ESCAPE.exists()


@pytest.mark.slow
@pytest.mark.parametrize("script", ["train", "plan"])
def test_what_is_deep_or_large(trial, tmp_path, script):
    place, folder = tmp_path / "outputs", tmp_path / "conf"
    place.mkdir()
    (folder / "ablation").mkdir(parents=True)
    deep = f"{'{a: ' * DEEP}1{'}' * DEEP}"
    (folder / "ablation" / "deep.yaml").write_text(f"# @package _global_\nablation: {{rows: {{baseline: {deep}}}}}\n")
    for text in NESTED:
        line = [script, "--config-dir", str(folder), *TINY, text, *(["-m"] if "0,2" in text else [])]
        assert as_trial(trial, place, line, preexec_fn=limited) == "refused", (text[:40], trial.wrong)


@pytest.mark.slow
def test_files(trial, tmp_path):
    import yaml

    place, folder = tmp_path / "outputs", tmp_path / "conf"
    place.mkdir()
    (folder / "ablation").mkdir(parents=True)
    texts = [BOMB, *(HEAD + yaml.safe_dump(merged(SOUND, act)) for act in ACTS[:9])]
    for text in texts:
        (folder / "ablation" / "x.yaml").write_text(text)
        assert as_trial(trial, place, ["train", "--config-dir", str(folder), "+ablation=x"]) == "refused", trial.wrong
    assert not list(place.iterdir()) and not ESCAPE.exists()
