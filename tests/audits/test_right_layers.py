"""The audit of layers that are right, over many seeds: no error and no warning."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.ops import DropBlock2d as TorchvisionDropBlock2d
from torchvision.ops import StochasticDepth

import dropgrid
from dropgrid.audits.hooks import WatchedModule
from dropgrid.audits.mask_checks import scale_findings
from dropgrid.audits.probe import Probe
from dropgrid.regularizers.drop_path import DropPath
from dropgrid.regularizers.dropblock import DropBlock2d
from dropgrid.regularizers.spatial_dropout import SpatialDropout


def statements(found, *grades):
    return [str(each) for each in found.findings if each.grade in grades]


class LockedDropout(nn.Module):
    """One mask for all steps of sequences (T, N, D); Merity, Keskar, Socher 2018."""

    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        return x * (torch.rand(1, *x.shape[1:]) >= self.p).float() / (1 - self.p) if self.training else x


class ClassicDropout(nn.Module):
    """Scaled at inference, by 1 - p, and not in training; Srivastava et al. 2014."""

    p = 0.3

    def forward(self, x):
        return x * (torch.rand_like(x) >= self.p) if self.training else x * (1 - self.p)


class AreaDropBlock(nn.Module):
    """Of no known law: γ = p / block², seeds anywhere, cut off at the border, scaled by what is kept."""

    def __init__(self, p=0.1):
        super().__init__()
        self.drop_prob = p

    def forward(self, x):
        if not self.training:
            return x
        seeds = (torch.rand(len(x), 1, *x.shape[2:]) < self.drop_prob / 9).float()
        mask = 1 - F.max_pool2d(seeds, 3, 1, 1)
        return x * mask * mask.numel() / mask.sum()


class GaussianDropout(nn.Module):
    p = 0.3

    def forward(self, x):
        return x * (1 + torch.randn_like(x) * (self.p / (1 - self.p)) ** 0.5) if self.training else x


class HalfDropout(nn.Module):
    """Drops one half of the channels of each example: masks come back, as there are few."""

    p = 0.5

    def forward(self, x):
        first = (torch.rand(len(x), 1, 1, 1) < 0.5).float()
        mask = torch.cat([first, 1 - first], 1).repeat_interleave(x.shape[1] // 2, 1)
        return x * mask * 2 if self.training else x


RIGHT = {
    "dropout": lambda: nn.Dropout(0.3),
    "rare dropout": lambda: nn.Dropout(1e-4),
    "nearly all": lambda: nn.Dropout(0.99),
    "channels": lambda: nn.Dropout2d(0.1),
    "rare channels": lambda: nn.Dropout2d(0.005),
    "depth": lambda: StochasticDepth(0.1, "row"),
    "rare depth": lambda: StochasticDepth(0.01, "row"),
    "batches": lambda: StochasticDepth(0.2, "batch"),
    "rare batches": lambda: StochasticDepth(0.02, "batch"),
    "blocks": lambda: TorchvisionDropBlock2d(0.1, 3),
    "rare blocks": lambda: TorchvisionDropBlock2d(0.005, 3),
    "own blocks": lambda: DropBlock2d(0.1, 3),
    "own rare blocks": lambda: DropBlock2d(0.001, 3, per_channel=False),
    "own path": lambda: DropPath(0.02),
    "own channels": lambda: SpatialDropout(0.1),
    "classic": ClassicDropout,
    "gaussian": GaussianDropout,
    "alpha": lambda: nn.AlphaDropout(0.2),
    "one of two halves": HalfDropout,
    "rare unknown blocks": lambda: AreaDropBlock(0.01),
}


@pytest.mark.parametrize("name", RIGHT)
def test_false_alarms_are_rare(name):
    """Each test's level is 1e-6; in 40 audits, none of the findings may be an error or a warning."""
    for seed in range(40):
        torch.manual_seed(seed)
        found = dropgrid.audit(nn.Sequential(RIGHT[name]()), [torch.randn(8, 4, 5, 5) for _ in range(6)])
        assert not statements(found, "error", "warning"), (seed, found.text)


def test_few_blocks_are_not_far_from_their_law():
    """They spread less than they would at the law's rate: the standard error is not that of what came."""
    drop = pytest.importorskip("timm.layers.drop", reason="timm is not installed")
    for seed in range(100):
        torch.manual_seed(seed)
        found = dropgrid.audit(nn.Sequential(drop.DropBlock2d(0.02, 3)), [torch.randn(8, 4, 5, 5) for _ in range(6)])
        assert not any("its law says" in each for each in statements(found, "error")), (seed, found.text)


class StackDropout(nn.Module):
    """One mask for all of several stacked features (K, N, C, H, W)."""

    p = 0.3

    def forward(self, x):
        return x * (torch.rand(x.shape[1:]) >= self.p) / (1 - self.p) if self.training else x


def test_features_stacked_before_the_examples_are_no_examples():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.drop = StackDropout()

        def forward(self, x):
            return self.drop(torch.stack([x, x + 1, x + 2, x + 3])).mean(0)

    found = dropgrid.audit(Net(), [torch.randn(2, 3, 5, 5) for _ in range(8)])
    assert not statements(found, "error", "warning")
    assert "drop: its mask is shared along dimension 0 (size 4)" in statements(found, "note")


def test_a_factor_that_is_right_once_is_not_right():
    """Of 20 calls that drop 30 % each, the first scales by 1 / 0.7 and the others do not."""
    seen = WatchedModule("drop", torch.nn.Dropout(0.3))
    seen.law, seen.levels = lambda: None, [0.3]
    factors = [1 / 0.7, *[1.0] * 19]
    right = Probe(shares=[0.3] * 20, means=[1.0] * 20, kept=[1 / 0.7] * 20)
    wrong = Probe(shares=[0.3] * 20, means=[0.7 * factor for factor in factors], kept=factors)
    assert not [*scale_findings(seen, right, 1.0)]
    ((grade, message),) = scale_findings(seen, wrong, 1.0)
    assert grade == "error" and "its scale is wrong" in message


@pytest.mark.parametrize("p", [0.5, 0.1, 0.02])
@pytest.mark.parametrize("times", [35, 20])
def test_steps_of_a_sequence_are_no_independent_draws(p, times):
    """In 20 sequences of 20 examples the time steps and the examples cannot be told apart by their number."""
    for seed in range(20):
        torch.manual_seed(seed)
        found = dropgrid.audit(LockedDropout(p), [torch.randn(times, 20, 16) for _ in range(8)])
        assert not statements(found, "error", "warning"), (seed, found.text)


def test_blocks_of_no_known_law_that_drop_less_than_nominal_are_no_error():
    """Cut off at the border and overlapping, they drop 8.4 % of 20 × 20 cells at a nominal 10 %: noted as a warning."""
    found = dropgrid.audit(nn.Sequential(AreaDropBlock()), [torch.randn(64, 2, 20, 20) for _ in range(8)])
    (warning,) = statements(found, "warning")
    assert "at a nominal 10.00 %" in warning and not statements(found, "error")


class Variational(nn.Module):
    """A recurrent net whose layer keeps its mask until it is reset, before every sequence."""

    p, mask = 0.4, None

    def __init__(self):
        super().__init__()
        self.cell, self.drop, self.head = nn.GRUCell(16, 16), KeptDropout(), nn.Linear(16, 3)

    def forward(self, x):
        self.drop.mask, state = None, torch.zeros(len(x), 16)
        for _ in range(4):
            state = self.cell(x, self.drop(state + 1e-3))
        return self.head(state)


class KeptDropout(nn.Module):
    p, mask = 0.4, None

    def forward(self, x):
        if self.mask is None:
            self.mask = (torch.rand_like(x) >= self.p) / (1 - self.p)
        return x * self.mask if self.training else x


def test_a_mask_kept_for_a_sequence_is_not_one_for_all_steps():
    found = dropgrid.audit(Variational(), [torch.randn(16, 16) for _ in range(8)])
    assert not statements(found, "error", "warning") and found.layers[0].realised == pytest.approx(0.4, abs=0.05)
