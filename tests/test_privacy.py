"""No secret and no home path gets into what a run leaves for others to read."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
KEY = "0123456789abcdef0123456789abcdef01234567"
TINY = [
    *("data=image_folder", "data.size=12", "data.train=24", "data.val=8", "data.test=8", "data.batch_size=8"),
    *("model.width=0.25", "trainer.max_epochs=1", "name=there"),
]
FOR_THE_MACHINE = ("local.yaml", "debug.log")
"""Where a cell runs; W&B's own notes about its client."""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home folder with images, and outputs of runs that finished, that logged to W&B, and that failed."""
    home = tmp_path_factory.mktemp("home") / "ada.lovelace"
    noise = np.random.default_rng(0)
    for number in range(40):
        path = home / "pics" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise.integers(0, 255, (12, 12, 3), dtype=np.uint8)).save(path)
    environment = {
        **os.environ,
        **{"HOME": str(home), "DROPGRID_OUTPUTS": str(home / "outputs")},
        **{"WANDB_API_KEY": KEY, "WANDB_MODE": "offline", "COLUMNS": "160"},
        **{"PYTHONPATH": f"{home}:{os.environ.get('PYTHONPATH', '')}", "DROPGRID_TARGETS": str(home / "targets")},
    }
    (home / "targets").write_text("own_losses.*\n")
    (home / "own_losses.py").write_text(
        "import os\nfrom torch import nn\n\n\nclass Missing(nn.CrossEntropyLoss):\n"
        "    def forward(self, input, target):\n        if not input.is_meta:  # as it is when a cell is planned\n"
        "            open(os.path.expanduser('~/pics/weights.txt'))\n        return super().forward(input, target)\n"
    )

    def run(*overrides, code=0):
        line = [sys.executable, "scripts/train.py", *TINY, *overrides]
        done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == code, done.stdout + done.stderr

    run("-m", "data.root=~/pics", "seed=0,1")
    run(f"data.root={home}/pics", "logger=wandb", "seed=2")
    run(f"data.root={home}/pics", "loss._target_=own_losses.Missing", "name=failing", code=1)
    for path in (home / "pics").rglob("*.png"):
        path.unlink()
    return home


@pytest.mark.slow
def test_what_is_left_has_neither(home):
    outputs = home / "outputs"
    files = [path for path in outputs.rglob("*") if path.is_file() and ".cache" not in path.parts]
    assert {"config.yaml", "result.json", "failure.json", "log.txt", "cells.json", "report.html"} <= {
        path.name for path in files
    }
    assert any(path.suffix == ".wandb" for path in files)
    for path in files:
        content = path.read_bytes()
        assert KEY.encode() not in content, path
        assert str(home).encode() not in content or path.name in FOR_THE_MACHINE, path
    page = (outputs / "ablations" / "there" / "report.html").read_text()
    assert "~/pics" in page and "ada.lovelace" not in page


@pytest.mark.slow
def test_the_recorded_command_names_the_folder_by_its_tilde(home):
    results = [json.loads(path.read_text()) for path in (home / "outputs" / "runs").glob("*/result.json")]
    assert len(results) == 3
    for result in results:
        assert "data.root=~/pics" in shlex.split(result["reproduce"])
