"""The audit of networks whose drop layers are right: popular models, and networks that trip hooks."""

import pytest
import torch
import torch.nn.functional as F
from faulty import AsksItself
from torch import nn
from torch.utils.checkpoint import checkpoint
from torchvision import models
from torchvision.ops import StochasticDepth

import dropgrid
from dropgrid.regularizers.drop_connect import DropConnect
from dropgrid.regularizers.dropout import Dropout


def statements(found, *grades):
    return [str(each) for each in found.findings if each.grade in grades]


TIMM = {
    "vit_tiny_patch16_224": {"img_size": 32, "drop_rate": 0.1, "drop_path_rate": 0.1},
    "deit_tiny_patch16_224": {"img_size": 32, "drop_path_rate": 0.1},
    "swin_tiny_patch4_window7_224": {"img_size": 56, "drop_path_rate": 0.1},
    "convnext_atto": {"drop_path_rate": 0.1},
    "efficientnet_b0": {"drop_rate": 0.2, "drop_path_rate": 0.2},
    "regnetx_002": {"drop_path_rate": 0.1},
    "resnet26d": {"drop_rate": 0.1, "drop_path_rate": 0.1},
    "resnet50": {"drop_path_rate": 0.1},
    "mobilenetv3_small_050": {"drop_rate": 0.2},
}
TORCHVISION = {
    "densenet121": (lambda: models.densenet121(drop_rate=0.1), 32),
    "vgg11": (models.vgg11, 32),
    "alexnet": (models.alexnet, 64),
    "squeezenet1_1": (models.squeezenet1_1, 32),
    "efficientnet_b0": (models.efficientnet_b0, 32),
    "convnext_tiny": (models.convnext_tiny, 32),
    "vit": (lambda: models.VisionTransformer(32, 8, 2, 4, 32, 64, dropout=0.1, attention_dropout=0.1), 32),
}


def audit_right(model, size, examples=4, batches=6):
    """Return the audit of a model in which nothing is wrong, and check that."""
    torch.manual_seed(0)
    found = dropgrid.audit(model, [torch.randn(examples, 3, size, size) for _ in range(batches)])
    assert not statements(found, "error"), found.text
    warnings = statements(found, "warning")  # EfficientNets have layers in blocks without a shortcut
    assert all("it never ran in train mode" in each for each in warnings), found.text
    assert any(layer.on for layer in found.layers) and all(layer.on is not None for layer in found.layers), found.text
    return found


@pytest.mark.parametrize("name", TIMM)
def test_nothing_is_wrong_with_models_of_timm(name):
    timm = pytest.importorskip("timm", reason="timm is not installed")
    found = audit_right(timm.create_model(name, **TIMM[name]), TIMM[name].get("img_size", 32))
    if name.startswith(("resnet", "regnet")):  # their last batch norm starts at 0, and so do the branches
        paths = [layer for layer in found.layers if "DropPath" in layer.kind and layer.on]
        assert paths and all(layer.realised is not None and layer.scale is not None for layer in paths)
        assert any("its inputs were 0, so it was measured on ones" in each for each in statements(found, "note"))


def test_probabilities_of_zero_are_one_note():
    timm = pytest.importorskip("timm", reason="timm is not installed")
    found = dropgrid.audit(timm.create_model("vit_tiny_patch16_224", img_size=32), [torch.randn(2, 3, 32, 32)])
    assert {each.grade for each in found.findings} == {"note"} and "nothing drops" in found.verdict.lower()
    assert found.text.count("its probability is 0") == 1


@pytest.mark.parametrize("name", TORCHVISION)
def test_nothing_is_wrong_with_models_of_torchvision(name):
    build, size = TORCHVISION[name]
    audit_right(build(), size)


class Words(nn.Module):
    """Embedded numbers, through any encoder."""

    def __init__(self, encoder):
        super().__init__()
        self.words, self.encoder, self.head = nn.Embedding(50, 16), encoder, nn.Linear(16, 3)

    def forward(self, numbers):
        output = self.encoder(self.words(numbers))
        return self.head((output[0] if isinstance(output, tuple) else output).mean(1))


@pytest.mark.parametrize("recurrent", [nn.LSTM, nn.GRU, nn.RNN])
def test_dropout_between_recurrent_layers_is_seen(recurrent):
    model = Words(recurrent(16, 16, 2, dropout=0.5, batch_first=True))
    found = dropgrid.audit(model, [torch.randint(0, 50, (4, 6)) for _ in range(4)])
    (layer,) = found.layers
    assert layer.on and layer.nominal == 0.5 and layer.in_eval == "fixed" and layer.realised is None
    assert statements(found, "error", "warning") == []
    assert "inconclusive: it is on" in statements(found, "note")[0]


def test_dropout_in_attention_is_seen():
    layer = nn.TransformerEncoderLayer(16, 2, 32, 0.1, batch_first=True)
    found = dropgrid.audit(Words(layer), [torch.randint(0, 50, (4, 6)) for _ in range(4)])
    kinds = [each.kind.rpartition(".")[2] for each in found.layers if each.on]
    assert kinds == ["Dropout"] * 3 + ["multi_head_attention_forward"] and not statements(found, "error", "warning")


class Checkpointed(nn.Module):
    def __init__(self, reentrant):
        super().__init__()
        self.body, self.head, self.reentrant = (
            nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.3)),
            nn.Linear(8, 3),
            reentrant,
        )

    def forward(self, x):
        return self.head(checkpoint(self.body, x, use_reentrant=self.reentrant))


class Labels(nn.Module):
    """What it returns has no gradient."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.3), nn.Linear(8, 3))

    def forward(self, x):
        return self.body(x).argmax(1)


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad=True:UserWarning")
@pytest.mark.parametrize(
    "model",
    [
        Checkpointed(False),
        Checkpointed(True),
        Labels(),
        torch.compile(nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.3), nn.Linear(8, 3)), backend="eager"),
        nn.Sequential(nn.Dropout(0.3, inplace=True), nn.ReLU(inplace=True), nn.Linear(8, 3)),
        nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.3), nn.Linear(8, 3)).requires_grad_(False),
    ],
    ids=["checkpoint", "reentrant checkpoint", "labels", "compiled", "in place", "frozen"],
)
def test_results_that_no_gradient_reaches_are_used_all_the_same(model):
    batches = [torch.randn(16, 8) for _ in range(8)]
    kept = [each.clone() for each in batches]
    found = dropgrid.audit(model, batches)
    assert not found.findings and found.layers[0].on, found.text
    assert all(torch.equal(one, other) for one, other in zip(batches, kept, strict=True))


class Branch(nn.Module):
    """A dropout in a branch that starts at a factor of 0, or that is dropped whole nearly always."""

    def __init__(self, factor, depth):
        super().__init__()
        self.body, self.depth = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.3), nn.Linear(8, 8)), depth
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, x):
        return x + self.depth(self.factor * self.body(x))


@pytest.mark.parametrize(
    "model",
    [
        Branch(0.0, nn.Identity()),
        Branch(0.0, StochasticDepth(0.9, "batch")),
        Branch(1.0, StochasticDepth(0.95, "batch")),
        nn.Sequential(Branch(1.0, nn.Identity()), nn.Softmax(1)),
    ],
    ids=["zero", "both", "depth", "softmax"],
)
def test_results_whose_gradient_may_be_zero_are_used(model):
    before = [each.clone() for each in model.parameters()]
    for seed in range(3):
        torch.manual_seed(seed)
        found = dropgrid.audit(model, [torch.randn(16, 8) for _ in range(8)])
        assert not statements(found, "error"), found.text
    assert all(torch.equal(one, other) for one, other in zip(before, model.parameters(), strict=True))


def test_layers_of_ours_with_keys_have_one_mask_in_a_checkpoint():
    model = Checkpointed(False)
    model.body.append(Dropout(0.3)).append(nn.Linear(8, 8)).append(nn.Dropout(0.3))
    model.body[2].advance(0.3, 5)
    found = dropgrid.audit(model, [torch.randn(16, 8) for _ in range(8)])
    assert not statements(found, "error", "warning"), found.text


def test_a_frozen_part_in_eval_mode_is_a_note():
    model = nn.Sequential(nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.3)), nn.Linear(8, 3))
    model[0].requires_grad_(False).eval()
    found = dropgrid.audit(model, [torch.randn(16, 8) for _ in range(8)])
    assert not statements(found, "error", "warning") and "the part is frozen" in statements(found, "note")[0]
    assert not model[0].training and [each.requires_grad for each in model.parameters()] == [False] * 2 + [True] * 2


def test_functions_of_a_frozen_part_in_eval_mode_are_a_note():
    model = nn.Sequential(nn.Sequential(nn.Linear(8, 8), AsksItself("function")), nn.Linear(8, 3))
    model[0].requires_grad_(False).eval()
    found = dropgrid.audit(model, [torch.randn(16, 8) for _ in range(8)])
    assert not statements(found, "error") and any("the part is frozen" in each for each in statements(found, "note"))


def test_a_layer_whose_probability_fused_attention_reads_is_a_note():
    timm = pytest.importorskip("timm", reason="timm is not installed")
    model = timm.create_model("vit_tiny_patch16_224", img_size=32, depth=2, attn_drop_rate=0.1)
    batches = [torch.randn(2, 3, 32, 32) for _ in range(3)]
    found = dropgrid.audit(model, batches)
    assert not statements(found, "error", "warning")
    beside = "never ran in train mode; F.scaled_dot_product_attention beside it drops at its probability"
    assert sum(beside in each for each in statements(found, "note")) == 2
    model.blocks[0].attn.attn_drop.p, model.blocks[1].attn.proj_drop.p = 0.2, 0.1
    model.blocks[1].attn.proj_drop.forward = lambda x: x  # it runs: it is not the layer that the call stands for
    model.blocks[0].attn.spare = nn.Dropout(0.2)
    found = dropgrid.audit(model, batches)
    never = [each.about for each in found.findings if each.message == "it never ran in train mode"]
    assert never == ["blocks.0.attn.attn_drop", "blocks.0.attn.spare"]  # one call, and two that it may stand for


def test_an_unscaled_path_on_purpose_is_a_warning():
    drop = pytest.importorskip("timm.layers.drop", reason="timm is not installed")
    layer = drop.DropPath(0.3, scale_by_keep=False)
    found = dropgrid.audit(nn.Sequential(layer), [torch.randn(16, 8) for _ in range(8)])
    assert not statements(found, "error") and "by 1, not by" in statements(found, "warning")[0]


def test_masks_on_weights_are_counted_by_our_own_layer():
    layer = DropConnect(0.3, per_example=True)
    linear = nn.Linear(8, 8)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.drop, self.linear = layer, linear

        def forward(self, x):
            return self.drop(x, self.linear.weight, self.linear.bias, F.linear)

    found = dropgrid.audit(Net(), [torch.randn(16, 8) for _ in range(8)])
    assert not statements(found, "error", "warning") and found.layers[0].realised == pytest.approx(0.3, abs=0.02)
