"""A network of another kind, a vision transformer, is three files: all else finds them by itself."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

NETWORK = '''"""A small vision transformer (Dosovitskiy et al., ICLR 2021)."""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from dropgrid import checks
from dropgrid.models.layers import Conv2d, Linear
from dropgrid.models.parts import Activation, Norm, Parts
from dropgrid.sites import Option


class TokenNorm(nn.Module):
    """The axis's norm of each token by itself; (N, T, D) -> the same."""

    def __init__(self, parts: Parts, features: int):
        super().__init__()
        self.norm = parts.norm(partial(Linear, features, features, device="meta"), features)[1]

    def forward(self, tokens: Tensor) -> Tensor:
        output: Tensor = self.norm(tokens.flatten(0, 1)).view_as(tokens)
        return output


class Attention(nn.Module):
    """softmax(q kᵀ / √d) v of each head, then a projection (§3.1); (N, T, D) -> the same."""

    def __init__(self, parts: Parts, name: str, features: int, heads: int, group: int):
        super().__init__()
        self.heads = heads
        self.qkv, self.project = Linear(features, 3 * features), Linear(features, features)
        parts.weight(self.qkv, f"{name}.qkv", group, group)
        parts.weight(self.project, f"{name}.project", group, group)

    def forward(self, tokens: Tensor) -> Tensor:
        split = self.qkv(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        output: Tensor = self.project(scaled_dot_product_attention(*split).transpose(1, 2).flatten(2))
        return output


class Hidden(nn.Module):
    """Two linear layers with the activation between them (§3.1); (N, T, D) -> the same."""

    def __init__(self, parts: Parts, name: str, features: int, hidden: int, group: int):
        super().__init__()
        self.fc1, self.fc2 = Linear(features, hidden), Linear(hidden, features)
        self.act = parts.activation()
        self.drop = parts.site(f"{name}.fc1", "hidden", group, group, linear=True)
        parts.weight(self.fc1, f"{name}.fc1", group, group)
        parts.weight(self.fc2, f"{name}.fc2", group, group)

    def forward(self, tokens: Tensor) -> Tensor:
        output: Tensor = self.fc2(self.drop(self.act(self.fc1(tokens))))
        return output


class Block(nn.Module):
    """x + attention(norm(x)), then y + hidden(norm(y)) (§3.1, eqs. 2 and 3); (N, T, D) -> the same."""

    def __init__(self, parts: Parts, name: str, features: int, heads: int, group: int):
        super().__init__()
        self.norm1 = TokenNorm(parts, features)
        self.attention = Attention(parts, f"{name}.attention", features, heads, group)
        self.drop1 = parts.site(f"{name}.attention", "branch", group, group)
        self.norm2 = TokenNorm(parts, features)
        self.hidden = Hidden(parts, f"{name}.hidden", features, 2 * features, group)
        self.drop2 = parts.site(f"{name}.hidden", "branch", group, group)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.drop1(self.attention(self.norm1(tokens)))
        output: Tensor = tokens + self.drop2(self.hidden(self.norm2(tokens)))
        return output


class Patches(nn.Module):
    """Patches as tokens, with learned positions (§3.1, eq. 1); (N, C, H, W) -> (N, T, D)."""

    def __init__(self, parts: Parts, name: str, shape: tuple[int, int, int], features: int, patch: int):
        super().__init__()
        self.conv = Conv2d(shape[0], features, patch, stride=patch)
        parts.weight(self.conv, f"{name}.conv")
        self.position = nn.Parameter(torch.zeros((shape[1] // patch) * (shape[2] // patch), features))

    def forward(self, images: Tensor) -> Tensor:
        output: Tensor = self.conv(images).flatten(2).transpose(1, 2) + self.position
        return output


class TinyViT(nn.Module):
    """Patches, blocks of attention, mean over the tokens, linear classifier; (N, C, H, W) -> (N, classes).

    Args:
        features: of a token.
        patch: side of a patch; pixels that fill none are left out.
        heads: of the attention; they divide the features.
        layers: blocks, each a group.
        shape: of an image, (C, H, W).
        classes: of the data.
        norm, activation: the axes' options.
        sites: the regularizer options, asked at every site.

    Raises:
        ValueError: for a value outside these.
    """

    def __init__(
        self,
        *,
        features: int,
        patch: int,
        heads: int,
        layers: int,
        shape: tuple[int, int, int],
        classes: int,
        norm: Norm,
        activation: Activation,
        sites: tuple[Option, ...] = (),
    ):
        super().__init__()
        for name, value in (("features", features), ("patch", patch), ("heads", heads), ("layers", layers)):
            checks.whole_number(f"model.{name}", value, 1)
        if features % heads or patch > min(shape[1:]):
            raise ValueError("model.heads must divide model.features, and model.patch fit into an image")
        self.groups = layers
        parts = Parts(norm, activation, sites, groups=layers, blocks=layers)
        self.drop_input = parts.site("input", "input")
        self.patches = Patches(parts, "patches", shape, features, patch)
        for group in range(1, layers + 1):
            self.add_module(f"layer{group}", Block(parts, f"layer{group}", features, heads, group))
        self.norm = TokenNorm(parts, features)
        self.drop_head = parts.site("head", "head")
        self.fc = Linear(features, classes)
        parts.weight(self.fc, "fc")

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.patches(self.drop_input(images))
        for group in range(1, self.groups + 1):
            tokens = getattr(self, f"layer{group}")(tokens)
        output: Tensor = self.fc(self.drop_head(self.norm(tokens).mean(1)))
        return output
'''

OPTION = """# Small vision transformer (Dosovitskiy et al., ICLR 2021), for 32×32 images: attention between patches.
_target_: dropgrid.models.tiny_vit.TinyViT
_partial_: true
features: 48   # of a token
patch: 4       # side of a patch
heads: 3       # of the attention
layers: 2      # blocks of attention
"""

TEST = """import torch

from dropgrid.norms.none import none


def test_without_positions_the_order_of_the_patches_does_not_count(build):
    net = build("tiny_vit", norm=none).eval()
    images = torch.randn(2, 3, 32, 32)
    turned = images.unflatten(2, (8, 4)).flip(2).flatten(2, 3)
    assert torch.allclose(net(images), net(turned), atol=1e-5)
    torch.nn.init.normal_(net.patches.position)
    assert not torch.allclose(net(images), net(turned), atol=1e-5)
"""

FILES = {
    "src/dropgrid/models/tiny_vit.py": NETWORK,
    "conf/model/tiny_vit.yaml": OPTION,
    "tests/models/test_tiny_vit.py": TEST,
}


@pytest.fixture
def run(tmp_path):
    """Run Python in a copy of the checkout with the three files more; return what it prints."""
    for name in ("src", "conf", "tests", "scripts", "docs"):
        unwanted = shutil.ignore_patterns("__pycache__", "*.png", "methods", "ablations")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=unwanted)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name in ("README.md", "results", "examples"):
        (tmp_path / name).symlink_to(ROOT / name)
    for path, text in FILES.items():
        assert not (tmp_path / path).exists()
        (tmp_path / path).write_text(text)
    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path / "src"),
        "DROPGRID_OUTPUTS": str(tmp_path / "outputs"),
    }

    def run(*line):
        done = subprocess.run(
            [sys.executable, *line], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.mark.slow
def test_the_contracts_find_it(run):
    tests = ["tests/contracts/test_models.py", "tests/contracts/test_composed.py", "tests/models/test_tiny_vit.py"]
    chosen = "(tiny_vit or kept) and not all"
    out = run("-m", "pytest", *tests, "tests/test_rooms.py", "-v", "-p", "no:cacheprovider", "-k", f"{chosen} or rooms")
    assert out.count("tiny_vit") >= 12


@pytest.mark.slow
def test_it_trains_with_drop_path_which_drops_what_is_expected(run, tmp_path):
    assert "tiny_vit" in run("scripts/train.py", "--help")
    tiny = ["data=fake", "data.size=12", "data.train=64", "data.batch_size=16", "trainer.max_epochs=1", "name=new"]
    out = run("scripts/train.py", "-m", "model=tiny_vit", "regularizer=none,drop_path", "seed=0,1", *tiny)
    assert "4 of 4 done" in out
    table = (tmp_path / "outputs/ablations/new/table.json").read_text()
    assert "drop_path" in table and '"flagged": [\n' not in table


@pytest.mark.slow
def test_its_page_is_written(run, tmp_path):
    run("docs/methods.py", "texts")
    page = (tmp_path / "docs/methods/model/tiny_vit.md").read_text()
    assert "Dosovitskiy et al., ICLR 2021" in page and "`branch`" in page and "| `model.patch` | `4` |" in page
