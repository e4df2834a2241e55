"""A new regularizer is three files and nothing else: they are added to a copy, whose own contract tests find them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

CODE = '''"""Gaussian dropout (Srivastava et al., JMLR 2014, §10)."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from dropgrid.masks.uniform import count_zeros, keep_mask
from dropgrid.sites import AbstractDrop, Site, drop_prob_of


class HalfDropout(AbstractDrop):
    """Units of every other channel dropped."""

    def drop(self, input: Tensor, key: Tensor) -> tuple[Tensor, Tensor, int]:
        mask = keep_mask(input.detach(), self.drop_prob, key, input.shape)
        mask[:, ::2] = 1
        scale = mask.numel() / (mask.numel() - count_zeros(mask))
        return (input * mask * scale).to(input.dtype), count_zeros(mask), mask.numel()

    def share(self, shape: Sequence[int]) -> float:
        return (shape[0] // 2) / shape[0]

    def expected(self, shape: Sequence[int], drop_prob: np.ndarray) -> np.ndarray:
        return drop_prob * self.share(shape)

    def variance(self, shape: Sequence[int], drop_prob: np.ndarray) -> np.ndarray:
        return drop_prob * (1 - drop_prob) * self.share(shape) / np.prod(shape)


def half_dropout(site: Site, *, keep_prob: float, groups: Sequence[int] | None) -> nn.Module:
    """At the convolutions of the wanted groups."""
    module = HalfDropout(drop_prob_of(keep_prob))
    return module if site.place == "conv" and site.in_groups(groups) else nn.Identity()
'''

YAML = """# Half dropout: a method made up for a test.
_target_: dropgrid.regularizers.half_dropout.half_dropout
_partial_: true
keep_prob: 0.8
groups: null
"""

TEST = """import torch

from dropgrid.regularizers.half_dropout import HalfDropout


def test_every_other_channel_is_left_alone():
    out = HalfDropout(0.5)(torch.ones(8, 4, 5, 5))
    assert (out[:, ::2] != 0).all() and (out[:, 1::2] == 0).any()
"""


@pytest.fixture
def copy(tmp_path):
    """A checkout with three files more."""
    for name in ("src", "conf", "tests", "scripts"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "src/dropgrid/regularizers/half_dropout.py").write_text(CODE)
    (tmp_path / "conf/regularizer/half_dropout.yaml").write_text(YAML)
    (tmp_path / "tests/regularizers/test_half_dropout.py").write_text(TEST)
    return tmp_path


def test_the_contracts_find_it_and_a_run_trains_with_it(copy):
    environment = {**os.environ, "PYTHONPATH": str(copy / "src"), "DROPGRID_OUTPUTS": str(copy / "outputs")}

    def run(*line):
        done = subprocess.run(
            [sys.executable, *line], cwd=copy, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    contracts = [
        "tests/contracts/test_regularizers.py",
        "tests/regularizers/test_half_dropout.py",
        "tests/test_floors.py",
    ]
    out = run("-m", "pytest", "-v", "-p", "no:cacheprovider", *contracts)
    assert out.count("half_dropout") >= 10
    assert "half_dropout" in run("scripts/train.py", "--help")
    tiny = ["data=fake", "data.size=12", "data.train=64", "data.batch_size=16", "trainer.max_epochs=1"]
    out = run("scripts/train.py", "-m", *tiny, "regularizer=none,half_dropout", "name=new")
    assert "2 of 2 done" in out
    table = (copy / "outputs/ablations/new/table.json").read_text()
    assert "half_dropout" in table and '"flagged": [\n' not in table
