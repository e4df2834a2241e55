"""The audit against layers whose law is known, layers that are off, and networks that were never ours."""

import copy
import json
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.ops import DropBlock2d as TorchvisionDropBlock2d
from torchvision.ops import StochasticDepth

import dropgrid
from dropgrid.audits.tails import chance_of_no_drop
from dropgrid.regularizers.activation_noise import GaussianNoise
from dropgrid.regularizers.drop_path import DropPath
from dropgrid.regularizers.dropblock import DropBlock2d
from dropgrid.regularizers.dropout import Dropout


def loader(batches=8, examples=32, size=7, channels=16):
    return [(torch.randn(examples, channels, size, size), torch.zeros(examples)) for _ in range(batches)]


def only(found):
    (layer,) = found.layers
    return layer


def statements(found, *grades):
    """What was found, of these grades or all."""
    return [str(each) for each in found.findings if not grades or each.grade in grades]


def faultless(found):
    return not statements(found, "error", "warning")


def near(layer, share):
    return abs(layer.realised - share) < 5 * layer.stderr


@pytest.mark.parametrize(
    ("layer", "share"),
    [
        (nn.Dropout(0.3), 0.3),
        (nn.Dropout(0.3, inplace=True), 0.3),
        (nn.Dropout2d(0.3), 0.3),
        (StochasticDepth(0.3, "row"), 0.3),
        (TorchvisionDropBlock2d(0.1, 1), 0.1),
        (DropPath(0.3), 0.3),
        (DropBlock2d(0.1, 3, gamma="exact"), 0.1),
        (Dropout(0.3), 0.3),
    ],
)
def test_a_layer_that_does_what_it_says(layer, share):
    found = dropgrid.audit(layer, loader())
    seen = only(found)
    assert seen.on and seen.expected == pytest.approx(share, abs=1e-6) and near(seen, share)
    assert seen.in_eval == "identity" and not found.findings and seen.scale == pytest.approx(1, abs=0.05)
    assert seen.calls == 8 and found.examples == 256
    assert found.verdict == "1 of 1 drop layer on: no errors, no warnings, no notes."


def mean_of_many(layer, size, draws=4000):
    """The dropped share of ones, over so many draws: slow, and with no formula."""
    layer.train()
    with torch.no_grad():
        return float((layer(torch.ones(draws, 4, size, size)) == 0).float().mean())


@pytest.mark.parametrize(("p", "block", "size"), [(0.1, 3, 7), (0.3, 5, 9), (0.25, 7, 7)])
def test_torchvisions_law_is_its_own(p, block, size):
    layer = TorchvisionDropBlock2d(p, block)
    seen = only(dropgrid.audit(layer, loader(size=size)))
    assert seen.expected == pytest.approx(mean_of_many(layer, size), abs=0.01) and near(seen, seen.expected)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(("p", "block", "size"), [(0.1, 7, 7), (0.1, 3, 7), (0.2, 4, 8)])
def test_timms_law_is_its_own(p, block, size, shared):
    drop = pytest.importorskip("timm.layers.drop", reason="timm is not installed")
    layer = drop.DropBlock2d(p, block, couple_channels=shared)
    found = dropgrid.audit(layer, loader(size=size))
    seen = only(found)
    assert seen.expected == pytest.approx(mean_of_many(layer, size), abs=0.01) and near(seen, seen.expected)
    if block == size:
        assert seen.expected == pytest.approx(0.93, abs=0.01)
        assert [each for each in statements(found, "error") if "at a nominal 10.00 %" in each]


def test_a_network_of_timm():
    timm = pytest.importorskip("timm", reason="timm is not installed")
    model = timm.create_model("resnet18", drop_block_rate=0.1, drop_path_rate=0.2, drop_rate=0.1)
    found = dropgrid.audit(model, loader(batches=3, examples=8, size=64, channels=3))
    kinds = {layer.kind for layer in found.layers}
    assert {"timm.layers.drop.DropBlock2d", "timm.layers.drop.DropPath"} <= kinds
    assert any("at a nominal" in each for each in statements(found, "error"))
    (function,) = [layer for layer in found.layers if layer.kind == "F.dropout"]
    assert function.nominal == pytest.approx(0.1) and function.on and function.in_eval == "identity"


def test_a_network_of_torchvision():
    from torchvision.models import efficientnet_b0

    found = dropgrid.audit(efficientnet_b0(), loader(batches=2, examples=8, size=32, channels=3))
    depth = [layer for layer in found.layers if layer.kind.endswith("StochasticDepth")]
    ran = [layer for layer in depth if layer.calls]
    assert len(depth) == 16 and len(ran) == 9 and ran[-1].nominal == pytest.approx(0.2 * 14 / 16)
    never = {each.about for each in found.findings if each.message == "it never ran in train mode"}
    assert never == {layer.name for layer in depth if not layer.calls}  # blocks without a shortcut
    assert all(near(layer, layer.nominal) for layer in ran)
    by_name = {layer.name: layer for layer in found.layers}
    assert by_name["classifier.0"].expected == pytest.approx(0.2)


def test_blocks_where_borders_are_zero_are_held_against_the_cells_that_told():
    """Borders are dropped less often: a map of zeros there has its own expectation."""
    batches = loader(batches=20)
    for images, _ in batches:
        images[..., 0, :] = images[..., -1, :] = images[..., :, 0] = images[..., :, -1] = 0
    whole = only(dropgrid.audit(TorchvisionDropBlock2d(0.2, 3), loader(batches=20)))
    centre = only(dropgrid.audit(TorchvisionDropBlock2d(0.2, 3), batches))
    assert centre.expected > whole.expected + 0.03 and near(centre, centre.expected) and near(whole, whole.expected)


class Net(nn.Module):
    """A network around a layer."""

    def __init__(self, layer, use=True):
        super().__init__()
        self.conv, self.norm, self.regularizer, self.use = nn.Conv2d(16, 16, 3), nn.BatchNorm2d(16), layer, use

    def forward(self, images):
        features = self.norm(self.conv(images))
        return self.regularizer(features) if self.use else features


class Frozen(nn.Dropout):
    """Somebody's train() that forgets it."""

    def train(self, mode=True):
        return super().train(False)


class Always(nn.Module):
    """Dropout that does not know of eval mode; its name says so."""

    p = 0.5


class AlwaysDropout(Always):
    def forward(self, input):
        return F.dropout(input, self.p)


@pytest.mark.parametrize(
    ("model", "grade", "message"),
    [
        (Net(nn.Dropout(0.0)), "note", "its probability is 0"),
        (Net(nn.Dropout(0.5), use=False), "warning", "it never ran"),
        (Net(Frozen(0.5)), "error", "it is the identity in train mode, at a nominal 50.00 %"),
        (Net(AlwaysDropout()), "error", "it is random in eval mode"),
        (Net(DropBlock2d(0.1, 7, inference=True)), "warning", "it is random in eval mode, as it is configured"),
        (Net(TorchvisionDropBlock2d(0.1, 7)), "warning", "its block is larger than the map, and clamped"),
        (Net(DropBlock2d(0.1, 7)), "warning", "its block is larger than the map, and clamped"),
    ],
)
def test_what_is_silently_off_or_on_is_found(model, grade, message):
    found = dropgrid.audit(model, loader())
    assert any(message in each and each.startswith("regularizer: ") for each in statements(found, grade)), found.text
    assert only(found).on is ("train mode" not in message and "is 0" not in message and "never" not in message)
    assert message in found.text and message in found.html and found.graded(grade)


class FrozenPath(DropPath):
    """The same of whole examples."""

    def train(self, mode=True):
        return super().train(False)


class DropsNothing(nn.Module):
    """Of no law that is known."""

    p = 0.001

    def forward(self, input):
        return input


def stuck(rate):
    """torchvision's layer, whose law is known, kept in eval mode."""
    layer = StochasticDepth(rate, "row").eval()
    layer.train = lambda mode=True: layer
    return layer


def test_a_rare_draw_that_did_not_come_is_no_fault():
    found = dropgrid.audit(Net(DropPath(1e-5)), loader())
    assert only(found).on is False and faultless(found)
    assert [each for each in statements(found) if "it dropped nothing, as 9" in each and "audit more batches" in each]


@pytest.mark.parametrize("layer", [FrozenPath(0.03), FrozenPath(0.3), stuck(0.03)])
def test_a_rare_draw_that_should_have_come_is_a_fault(layer):
    """0.97^(32 · 40) is 1e-17: in the batches and in calls on ones."""
    found = dropgrid.audit(Net(layer), loader())
    assert "it is the identity in train mode" in statements(found, "error")[0]


def test_a_layer_of_no_known_law_that_drops_nothing_may_draw_once_a_batch():
    found = dropgrid.audit(Net(DropsNothing()), loader())
    assert "it may be one draw per batch" in statements(found, "warning")[0]


def test_a_layer_that_may_have_been_on_is_reported_with_its_chance():
    """0.999^(32 · 40) is 0.28."""
    (statement,) = statements(dropgrid.audit(Net(stuck(0.001)), loader()))
    assert "inconclusive: it dropped nothing, as 27.7" in statement or "as 27.8" in statement, statement


def test_the_chance_of_nothing():
    draws = torch.rand(20000, 40, generator=torch.Generator().manual_seed(0)) < 0.05
    counted = float((~draws.any(1)).float().mean())
    assert chance_of_no_drop(0.05, 40) == pytest.approx(counted, abs=0.01)
    assert chance_of_no_drop(1.0, 4) == 0


def test_nothing_on_is_reported():
    assert "Nothing drops" in dropgrid.audit(Net(nn.Dropout(0.0)), loader()).verdict
    assert "No drop layer was found" in dropgrid.audit(nn.Conv2d(16, 4, 1), loader()).verdict


def scheduled(level, layer=None):
    """The audit of a layer whose probability is `level(progress)`."""
    model = Net(layer or nn.Dropout(0.4))

    def advance(progress):
        model.regularizer.p = level(progress)

    return dropgrid.audit(model, loader(), advance=advance)


def test_a_schedule_that_moves():
    found = scheduled(lambda progress: 0.4 * progress)
    moving = only(found)
    assert moving.levels == (0.0, pytest.approx(0.4)) and not found.findings
    assert moving.nominal == pytest.approx(0.2) == moving.expected


@pytest.mark.parametrize(
    ("level", "grade", "message"),
    [
        (lambda progress: 0.4, "error", "its probability stays 40.00 %, although a schedule was advanced"),
        (lambda progress: 0.4 * (1 - progress), "warning", "its probability falls from 40.00 % to 0.00 %"),
        (lambda progress: min(0.4, 4 * progress), "note", "rises from 0.00 % to 40.00 % over the schedule, all of it"),
        (lambda progress: 0.4 * (progress > 0.99), "note", "rises from 0.00 % to 40.00 % over the schedule, all of it"),
        (lambda progress: 0.004 * progress, "warning", "its probability rises only from 0.00 % to 0.40 %"),
    ],
)
def test_a_schedule_that_runs_wrongly(level, grade, message):
    assert message in statements(scheduled(level), grade)[0]


def test_a_layer_beside_one_that_is_scheduled_may_be_constant():
    model = nn.Sequential(DropBlock2d(0.1, 3, schedule="linear"), nn.Dropout(0.2))
    found = dropgrid.audit(model, loader(), advance=lambda progress: advance_own(model, progress))
    assert faultless(found) and "1: its probability stays 20.00 %, although a schedule was advanced" in statements(
        found
    )


def advance_own(model, progress):
    model[0].level.fill_(model[0].level_at(progress))


def test_a_schedule_of_ours_is_compared_with_itself():
    model = nn.Sequential(DropBlock2d(0.1, 3, schedule="linear"))
    assert "0: its schedule (linear) was not advanced" in statements(dropgrid.audit(model, loader()))
    for pace in (lambda progress: 1 - progress, lambda progress: progress / 100, lambda progress: 1.0):
        found = dropgrid.audit(model, loader(), advance=lambda progress, pace=pace: advance_own(model, pace(progress)))
        assert "its own schedule (linear) goes from 0.00 % to 10.00 %" in statements(found, "error")[0]


@pytest.mark.parametrize(
    ("pace", "message"),
    [
        (
            lambda progress: min(1, 10 * progress),
            "is 10.00 % at a progress of 0.14; its own schedule (linear) gives 1.43",
        ),
        (
            lambda progress: float(progress > 0.99),
            "is 0.00 % at a progress of 0.86; its own schedule (linear) gives 8.57",
        ),
        (lambda progress: progress**0.5, "its own schedule (linear) gives"),
    ],
)
def test_a_schedule_of_ours_is_compared_between_its_ends_too(pace, message):
    model = nn.Sequential(DropBlock2d(0.1, 3, schedule="linear"))
    found = dropgrid.audit(model, loader(), advance=lambda progress: advance_own(model, pace(progress)))
    assert message in statements(found, "error")[0]
    assert faultless(dropgrid.audit(model, loader(), advance=lambda progress: advance_own(model, progress)))


def test_functions_are_rows_like_layers():
    class Functional(nn.Module):
        def __init__(self):
            super().__init__()
            self.drop = nn.Dropout(0.1)

        def forward(self, images):
            features = F.dropout(self.drop(images), 0.25, self.training)
            return F.dropout2d(features, p=0.0)

    found = dropgrid.audit(Functional(), loader())
    layer, function = found.layers
    assert (layer.kind, function.kind, function.calls) == ("torch.nn.modules.dropout.Dropout", "F.dropout", 8)
    assert near(function, 0.25) and function.unit == "cell" and function.name.startswith("(the model itself), line ")
    assert not found.findings


def test_noise_and_what_sets_other_values_are_no_dropped_share():
    noise = only(dropgrid.audit(Net(GaussianNoise(0.1)), loader()))
    assert noise.expected == pytest.approx(0.3173, abs=1e-4)
    found = dropgrid.audit(Net(nn.AlphaDropout(0.1)), loader())
    assert only(found).on and only(found).realised is None and faultless(found)
    assert "regularizer: its law is not known here" in statements(found)


def test_the_network_is_left_as_it_was():
    model = Net(DropBlock2d(0.1, 3))
    model.norm.eval()
    model.conv.weight.requires_grad_(False)
    before, modes = copy.deepcopy(model.state_dict()), [module.training for module in model.modules()]
    batches = loader()
    state = torch.random.get_rng_state()
    dropgrid.audit(model, batches)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert [module.training for module in model.modules()] == modes
    after = model.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[key], after[key]) for key in before)
    assert int(model.regularizer.seen) == 0 and not model.regularizer._forward_hooks
    assert [name for name, each in model.named_parameters() if not each.requires_grad] == ["conv.weight"]
    assert all(each.grad is None for each in model.parameters())


def test_a_network_that_fails_is_left_as_it_was_too():
    model = Net(nn.Dropout(0.5)).eval()
    with pytest.raises(RuntimeError):
        dropgrid.audit(model, [torch.zeros(2, 3, 4, 4)])
    assert not model.training and not model.regularizer._forward_hooks


@pytest.mark.parametrize(
    ("batches", "message"), [([], "the loader gave no batch"), ([("a", 1)], "pass forward=lambda model, batch")]
)
def test_no_batch_is_an_error(batches, message):
    with pytest.raises(ValueError, match=message):
        dropgrid.audit(nn.Dropout(), batches)


def test_batches_of_another_kind_take_a_forward():
    seen = only(
        dropgrid.audit(Net(nn.Dropout(0.5)), [{"x": [torch.randn(4, 16, 5, 5)]}], forward=lambda m, b: m(b["x"][0]))
    )
    assert near(seen, 0.5)


def test_the_page_escapes_what_came_from_outside_and_needs_nothing(tmp_path):
    hostile = type("<script>alert(1)</script>Dropout", (nn.Dropout,), {})
    model = nn.ModuleDict({"a<b>": hostile(0.0)})
    model.forward = lambda images: model["a<b>"](images)
    found = dropgrid.audit(model, loader())
    page = found.write(tmp_path / "page.html").read_text()
    assert "<script" not in page and "<b>" not in page and "a&lt;b&gt;" in page and "http" not in page
    assert found.write(tmp_path / "page.txt").read_text() == str(found) == found.text
    as_json = json.loads(found.write(tmp_path / "page.json").read_text())
    assert as_json["findings"] == [{"grade": "note", "about": "a<b>", "message": "its probability is 0"}]
    assert max(map(len, found.text.splitlines())) <= 160


def test_import_of_dropgrid_stays_light():
    code = "import sys, dropgrid; assert 'torch' not in sys.modules; dropgrid.audit; assert 'torch' in sys.modules"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        dropgrid.nothing  # noqa: B018


class Named(Net):
    """Its drop layer is called by keyword."""

    def forward(self, images):
        return self.regularizer(input=self.conv(images))


@pytest.mark.parametrize("layer", [nn.Dropout(0.3), DropBlock2d(0.3, 1)])
def test_a_layer_called_by_keyword(layer):
    seen = only(dropgrid.audit(Named(layer), loader()))
    assert seen.on and near(seen, 0.3) and seen.in_eval == "identity"


def test_nan_is_no_drop_and_no_change():
    batches = loader()
    batches[0][0][0, 0, 0, 0] = torch.nan
    seen = only(dropgrid.audit(nn.Dropout(0.3), batches))
    assert seen.on and near(seen, 0.3) and seen.in_eval == "identity"


class PairDropout(nn.Dropout):
    """Gives its features and something beside them."""

    def forward(self, input):
        return super().forward(input), None


def test_a_layer_that_gives_a_tuple_is_looked_into():
    seen = only(dropgrid.audit(PairDropout(0.3), loader()))
    assert seen.on and near(seen, 0.3) and seen.in_eval == "identity"


@pytest.mark.parametrize("layer", [nn.Dropout(0.3), TorchvisionDropBlock2d(0.3, 3), DropBlock2d(0.3, 3)])
def test_of_an_empty_batch_nothing_is_told(layer):
    found = dropgrid.audit(layer, [torch.zeros(0, 3, 8, 8)])
    assert faultless(found) and any("inconclusive" in each for each in statements(found, "note"))
    assert only(found).on is None and "1 inconclusive" in found.verdict


def test_where_all_is_zero_ones_are_measured():
    found = dropgrid.audit(nn.Dropout(0.3), [torch.zeros(2, 8)])
    assert statements(found) == ["(the model itself): its inputs were 0, so it was measured on ones"]
    assert near(only(found), 0.3) and only(found).on and only(found).stderr == pytest.approx(0.02, abs=0.005)


def test_an_expanded_buffer_is_put_back():
    model = Net(nn.Dropout(0.3))
    model.register_buffer("wide", model.norm.running_mean[:, None].expand(16, 5))
    before = model.wide.clone()
    dropgrid.audit(model, loader())
    assert torch.equal(model.wide, before) and torch.equal(model.norm.running_mean, before[:, 0])


@pytest.mark.parametrize(
    ("model", "batches", "message"),
    [
        (nn.Linear(2, 2, device="meta"), [torch.zeros(2, 2)], "weight is on the meta device"),
        (nn.Dropout(), [torch.zeros(2, 2, device="meta")], "a batch is on the meta device"),
        (nn.LazyLinear(2), [torch.zeros(2, 2)], "weight is lazy and has no shape yet"),
        (nn.LazyBatchNorm1d(affine=False), [torch.zeros(2, 2)], "running_mean is lazy"),
    ],
)
def test_what_has_no_values_is_an_error(model, batches, message):
    with pytest.raises(ValueError, match=message):
        dropgrid.audit(model, batches)


@pytest.mark.parametrize("batches", [0, 1.5, "3", True])
def test_batches_that_cannot_be(batches):
    with pytest.raises(ValueError, match="batches must be a whole number, 1 or more"):
        dropgrid.audit(nn.Dropout(), loader(), batches=batches)


def test_a_loader_that_gives_nothing():
    with pytest.raises(TypeError, match="the loader must give batches"):
        dropgrid.audit(nn.Dropout(), 3)


def test_a_probability_that_is_no_number_is_flagged():
    found = dropgrid.audit(StochasticDepthOf(torch.nan), loader())
    assert "(the model itself): its probability is not a number" in statements(found, "error")
    assert json.loads(found.json, parse_constant=pytest.fail)["layers"][0]["levels"] == [None, None]


class StochasticDepthOf(nn.Module):
    """Whatever its probability."""

    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, input):
        return input


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_scripts_cannot_be_seen_and_it_says_so():
    found = dropgrid.audit(nn.Sequential(torch.jit.trace(nn.ReLU(), torch.zeros(1)), nn.Dropout()), loader())
    (note,) = statements(found)
    assert note == "inconclusive: 0: scripted or traced by torch.jit; what drops inside cannot be seen"
    assert note in found.text and note in found.html


def test_dropout_of_torch_itself_is_seen():
    class Bare(nn.Module):
        def forward(self, images):
            return torch.dropout(images, 0.25, self.training)

    seen = only(dropgrid.audit(Bare(), loader()))
    assert seen.kind == "F.dropout" and near(seen, 0.25) and seen.calls == 8


def test_a_layer_of_no_known_law_is_counted_at_every_call():
    seen = only(dropgrid.audit(Net(AlwaysDropout()), loader()))
    assert seen.expected is None and near(seen, 0.5) and seen.stderr < 0.02
