import copy
import math

import pytest
import torch
from torch import nn

from dropgrid import sites, streams
from dropgrid.models.lstm import TrainRows
from dropgrid.regularizers.drop_connect import drop_connect
from dropgrid.regularizers.dropout import Dropout, dropout
from dropgrid.regularizers.spatial_dropout import spatial_dropout
from dropgrid.regularizers.weight_noise import weight_noise

SHAPE = (2, 6, 3)
INPUTS, STEPS, UNITS = 6, 6, 5
RECURRENT = {"place": "recurrent", "groups": None, "skip": True, "schedule": "constant", "inference": False}


@pytest.fixture
def lstm(build, option):
    """An LSTM of a few units over 6 rows of 6 values, all its parameters drawn, in float64."""

    def lstm(norm="none", about=None, seed=0, **changes):
        given = {"hidden": [UNITS], "shape": SHAPE, "activation": nn.Tanh} | changes
        net = build("lstm", norm=option("norm", norm, **about or {}), **given).double()
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64) / 2)
        return net

    return lstm


def images(batch=4, shape=SHAPE):
    return torch.randn(batch, *shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def recurrent_dropout(site):
    return dropout(site, keep_prob=0.6, **RECURRENT)


def slow(net, x, *, norm=lambda values, *_: values, inner=math.tanh, forget_bias=1.0, factor=None):
    """Logits of rows x (N, C, H, W), one number at a time; norm(values of one gate or of the memory, gain, shift)."""
    layer = net.layer1
    w_x, w_h = layer.from_input.weight.tolist(), layer.from_state.weight.tolist()
    bias = [0.0] * 4 * UNITS if layer.from_input.bias is None else layer.from_input.bias.tolist()
    learned = {name: value.tolist() for name, value in layer.norms.named_parameters()}

    def block(name, gate):
        return learned[name][gate * UNITS : (gate + 1) * UNITS] if name in learned else None

    def sigmoid(value):
        return 1 / (1 + math.exp(-value))

    found = []
    for n, image in enumerate(x):
        h, c = [0.0] * UNITS, [0.0] * UNITS
        for t in range(image.shape[1]):
            values = [float(v) for channel in image for v in channel[t]]
            gates = []
            for gate in range(4):
                rows = range(gate * UNITS, (gate + 1) * UNITS)
                sums = [
                    sum(w * v for w, v in zip(w_x[r], values, strict=True))
                    + sum(w * v for w, v in zip(w_h[r], h, strict=True))
                    + bias[r]
                    for r in rows
                ]
                gates.append(norm(sums, block("gain_gates", gate), block("shift_gates", gate)))
            i, f, o, j = gates
            for k in range(UNITS):
                update = inner(j[k]) * (1.0 if factor is None else float(factor[n, t, k]))
                c[k] = c[k] * sigmoid(f[k] + forget_bias) + sigmoid(i[k]) * update
            seen = norm(c, learned.get("gain_memory"), learned.get("shift_memory"))
            h = [inner(seen[k]) * sigmoid(o[k]) for k in range(UNITS)]
        found.append(h)
    return torch.tensor(found, dtype=torch.float64) @ net.fc.weight.T + net.fc.bias


def layer_norm(values, gain, shift, groups=1):
    """By its formula, of each group of a gate's values."""
    size, found = len(values) // groups, []
    for group in range(groups):
        part = values[group * size : (group + 1) * size]
        mean = sum(part) / size
        deviation = math.sqrt(sum((v - mean) ** 2 for v in part) / size + 1e-5)
        found += [(v - mean) / deviation for v in part]
    return [v if gain is None else v * gain[k] + shift[k] for k, v in enumerate(found)]


def test_without_norm_it_is_the_recurrence_step_by_step(lstm):
    net = lstm(forget_bias=0.7)
    assert torch.allclose(net(images()), slow(net, images(), forget_bias=0.7), rtol=1e-10)


def normalized(values, gain, shift):
    """Layer norm by its definition, (N, F) -> the same."""
    centred = values - values.mean(1, keepdim=True)
    return centred / (centred.square().mean(1, keepdim=True) + 1e-5).sqrt() * gain + shift


def tensorflow_states(layer, sequence, factor):
    """LayerNormBasicLSTMCell, in the order and with the names of TensorFlow's source; its forget bias is 1."""
    units, norms = layer.units, layer.norms
    gates = {
        name: slice(k * units, (k + 1) * units) for k, name in enumerate(("input", "forget", "output", "transform"))
    }
    weights = torch.cat([layer.from_input.weight, layer.from_state.weight], 1)
    kernel = torch.cat([weights[gates[name]] for name in ("input", "transform", "forget", "output")]).T

    def norm(values, scope):
        if scope == "state":
            return normalized(values, norms.gain_memory, norms.shift_memory)
        return normalized(values, norms.gain_gates[gates[scope]], norms.shift_gates[gates[scope]])

    c = h = sequence.new_zeros(len(sequence), units)
    states = []
    for t, inputs in enumerate(sequence.unbind(1)):
        i, j, f, o = (torch.cat([inputs, h], 1) @ kernel).split(units, 1)
        i, j, f, o = norm(i, "input"), norm(j, "transform"), norm(f, "forget"), norm(o, "output")
        g = torch.tanh(j) * factor[:, t]
        new_c = norm(c * torch.sigmoid(f + 1.0) + torch.sigmoid(i) * g, "state")
        c, h = new_c, torch.tanh(new_c) * torch.sigmoid(o)
        states.append(h)
    return torch.stack(states, 1)


def paper_states(layer, sequence, factor):
    """Eq. 20-22 of Ba et al.'s supplement; their b is the forget bias, 1 at f, and the update has a factor."""
    units, norms = layer.units, layer.norms
    b = torch.cat([torch.zeros(units), torch.ones(units), torch.zeros(2 * units)])  # ours: i, f, o, g
    c = h = sequence.new_zeros(len(sequence), units)
    states = []
    for t, x in enumerate(sequence.unbind(1)):
        of_state = normalized(h @ layer.from_state.weight.T, norms.gain_state, norms.shift_state)
        of_input = normalized(x @ layer.from_input.weight.T, norms.gain_input, norms.shift_input)
        i, f, o, g = (of_state + of_input + b).split(units, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g) * factor[:, t]
        h = torch.sigmoid(o) * torch.tanh(normalized(c, norms.gain_memory, norms.shift_memory))
        states.append(h)
    return torch.stack(states, 1)


def gates_states(layer, sequence, factor):
    """A norm for each gate's sum, and for the memory where the output reads it."""
    norms, (w_x, w_h) = layer.norms, (layer.from_input.weight, layer.from_state.weight)
    learned = [each.chunk(4) for each in (w_x, w_h, norms.gain_gates, norms.shift_gates)]
    c = h = sequence.new_zeros(len(sequence), layer.units)
    states = []
    for t, x in enumerate(sequence.unbind(1)):
        i, f, o, j = (normalized(x @ u.T + h @ w.T, *affine) for u, w, *affine in zip(*learned, strict=True))
        c = torch.sigmoid(f + 1) * c + torch.sigmoid(i) * torch.tanh(j) * factor[:, t]
        h = torch.tanh(normalized(c, norms.gain_memory, norms.shift_memory)) * torch.sigmoid(o)
        states.append(h)
    return torch.stack(states, 1)


FORMS = {"gates": gates_states, "tensorflow": tensorflow_states, "paper": paper_states}


@pytest.mark.parametrize("dropped", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_each_form_of_layer_norm_is_its_reference_step_by_step(lstm, form, dropped):
    """Values and gradients, of two layers, also with recurrent dropout; no other form has them."""
    net = lstm("layer", hidden=[UNITS, 4], layer_norm=form, sites=[recurrent_dropout] if dropped else [])
    factors = [torch.ones(4, STEPS, units, dtype=torch.float64) for units in (UNITS, 4)]
    if dropped:
        for index, drop in enumerate(sites.drops(net).values()):
            drop.advance(0.4, index)
            factors[index] = drop(factors[index])

    def reference(states_of):
        states = images().transpose(1, 2).flatten(2)
        for layer, factor in zip((net.layer1, net.layer2), factors, strict=True):
            states = states_of(layer, states, factor)
        return net.fc(states[:, -1])

    def gradients(logits):
        return torch.autograd.grad(logits.square().sum(), list(net.parameters()))

    ours, theirs = net(images()), reference(FORMS[form])
    assert torch.allclose(ours, theirs, rtol=1e-10)
    for mine, other in zip(gradients(ours), gradients(theirs), strict=True):
        assert mine.abs().max() > 1e-6 and torch.allclose(mine, other, rtol=1e-8, atol=1e-10)
    if form != "paper":
        assert not torch.allclose(ours, reference(FORMS["gates" if form == "tensorflow" else "tensorflow"]), rtol=1e-3)


def test_the_paper_s_groups_divide_the_four_gates_together(build, option):
    norms = build(
        "lstm", hidden=[8], norm=option("norm", "group", groups=2), layer_norm="paper", shape=SHAPE
    ).layer1.norms
    state, given, weight = torch.randn(3, 8), torch.randn(2, 3, 32), torch.randn(32, 8)
    gates = norms.sums(given, weight, torch.zeros(32))(1, state)
    expected = nn.functional.group_norm(given[1], 2) + nn.functional.group_norm(state @ weight.T, 2)
    assert torch.allclose(gates, expected, atol=1e-5)


@pytest.mark.parametrize("about", [{}, {"affine": False}])
def test_layer_norm_is_of_each_gate_and_of_the_memory_before_the_output(lstm, about):
    """With the forget bias after the norm, which would take it out as it takes out any constant of a gate."""
    net = lstm("layer", about)
    assert torch.allclose(net(images()), slow(net, images(), norm=layer_norm), rtol=1e-10)
    other = lstm("layer", about, forget_bias=0.0)
    assert not torch.allclose(other(images()), net(images()), rtol=1e-3)


def test_group_norm_likewise(build, option):
    net = build("lstm", hidden=[8], norm=option("norm", "group", groups=2), shape=SHAPE)
    assert net.layer1.norms.groups == 2
    state = torch.randn(3, 8)
    given, weight = torch.randn(1, 3, 32), torch.randn(32, 8)
    gates = net.layer1.norms.sums(given, weight, torch.zeros(32))(0, state)
    expected = nn.functional.group_norm(given[0] + state @ weight.T, 8)
    assert torch.allclose(gates, expected, atol=1e-5)
    memory = nn.functional.group_norm(state, 2)
    assert torch.allclose(net.layer1.norms.memory(state, 0), memory, atol=1e-5)


@pytest.mark.parametrize("norm", ["none", "layer"])
def test_recurrent_dropout_with_given_masks(lstm, norm):
    net = lstm(norm, sites=[recurrent_dropout])
    (drop,) = sites.drops(net).values()
    drop.advance(0.4, 7)
    factor = copy.deepcopy(drop)(torch.ones(4, STEPS, UNITS, dtype=torch.float64))
    assert factor.unique().tolist() == pytest.approx([0, 1 / 0.6])
    assert not torch.equal(factor[:, 0], factor[:, 1])
    kind = layer_norm if norm == "layer" else lambda values, *_: values
    assert torch.allclose(net(images()), slow(net, images(), norm=kind, factor=factor), rtol=1e-10)
    assert drop.seen == 4 * STEPS * UNITS and drop.dropped == (factor == 0).sum()
    assert torch.allclose(net.eval()(images()), slow(net, images(), norm=kind), rtol=1e-10)


def test_the_memory_is_never_dropped(lstm):
    """With all updates dropped after the first step and forget gates open, the memory is what the first step left."""

    class First(nn.Module):
        def forward(self, ones):
            factor = ones.clone()
            factor[:, 1:] = 0
            return factor

    net = lstm(sites=[lambda site: First() if site.place == "recurrent" else nn.Identity()], forget_bias=50.0)
    memories = []
    net.layer1.norms.memory = lambda memory, step: memories.append(memory) or memory
    net(images())
    assert len(memories) == STEPS and memories[0].abs().min() > 1e-4
    assert all(torch.allclose(each, memories[0], rtol=1e-9) for each in memories)


@pytest.mark.parametrize("hidden", [[UNITS], [UNITS, 4]])
def test_it_is_torch_s_lstm_with_the_forget_bias_folded_in(lstm, hidden):
    net = lstm(hidden=hidden, forget_bias=1.5)
    order = [0, 1, 3, 2]  # torch: i, f, g, o
    states = images().transpose(1, 2).flatten(2)
    for group, units in enumerate(hidden, 1):
        layer = net.get_submodule(f"layer{group}")
        theirs = nn.LSTM(states.shape[2], units, batch_first=True).double()
        bias = layer.from_input.bias.detach().clone()
        bias[units : 2 * units] += 1.5

        def ordered(values, units=units):
            return torch.cat([values.detach().split(units)[gate] for gate in order])

        with torch.no_grad():
            theirs.weight_ih_l0.copy_(ordered(layer.from_input.weight))
            theirs.weight_hh_l0.copy_(ordered(layer.from_state.weight))
            theirs.bias_ih_l0.copy_(ordered(bias))
            theirs.bias_hh_l0.zero_()
        states, _ = theirs(states)
    assert torch.allclose(net(images()), net.fc(states[:, -1]), atol=1e-6)


def test_parameters_as_published(millions, option):
    """4 (D H + H² + H) of a layer; with layer norm no bias, and gain and shift of four gates and the memory."""

    def of_layer(norm, layer_norm="gates", **about):
        given = {"shape": (1, 28, 28), "hidden": [100], "layer_norm": layer_norm}
        count = millions("lstm", norm=option("norm", norm, **about), **given) * 1e6
        return round(count) - 1010

    weights = 4 * (28 * 100 + 100**2)
    assert of_layer("none") == weights + 400
    torch_s = sum(p.numel() for p in nn.LSTM(28, 100).parameters())
    assert of_layer("none") == torch_s - 400  # which has two biases
    assert of_layer("layer") == weights + 2 * 400 + 2 * 100
    assert of_layer("layer", layer_norm="tensorflow") == weights + 2 * 400 + 2 * 100
    assert of_layer("layer", layer_norm="paper") == weights + 4 * 400 + 2 * 100
    assert of_layer("batch") == weights + 3 * 400 + 2 * 100
    assert of_layer("layer", affine=False) == weights + 400


@pytest.mark.parametrize(("norm", "biased"), [("none", True), ("layer", False), ("batch", False), ("weight", True)])
def test_no_linear_bias_where_the_norm_shifts(lstm, norm, biased):
    layer = lstm(norm).layer1
    assert (layer.from_input.bias is not None) == biased and layer.from_state.bias is None


def test_first_gain_and_shift(build, option):
    net = build("lstm", hidden=[5], norm=option("norm", "layer"), gain=0.1, shift=0.3)
    norms = net.layer1.norms
    assert torch.equal(norms.gain_gates, torch.full((20,), 0.1))
    assert torch.equal(norms.gain_memory, torch.full((5,), 0.1))
    assert torch.equal(norms.shift_gates, torch.full((20,), 0.3))
    assert torch.equal(norms.shift_memory, torch.full((5,), 0.3))
    paper = build(
        "lstm", hidden=[5], norm=option("norm", "layer"), layer_norm="paper", gain=0.1, shift=0.3
    ).layer1.norms
    for name, value in (("gain", 0.1), ("shift", 0.3)):
        for part, count in (("input", 20), ("state", 20), ("memory", 5)):
            assert torch.equal(paper.get_parameter(f"{name}_{part}"), torch.full((count,), value))
    batch = build("lstm", hidden=[5], norm=option("norm", "batch", gain=0.1)).layer1.norms
    assert torch.equal(batch.gain_state, torch.full((20,), 0.1)) and torch.equal(batch.shift_gates, torch.zeros(20))


def batch_norm(values, gain, shift, mean=None, var=None):
    mean = values.mean(0) if mean is None else mean
    var = values.var(0, correction=0) if var is None else var
    return (values - mean) / (var + 1e-5).sqrt() * gain + shift


def slow_batch(net, x, statistics=None):
    """Eq. 6-8 of Cooijmans et al.; statistics of each step and kind: the batch's, or those given."""
    layer, norms = net.layer1, net.layer1.norms
    h = c = torch.zeros(len(x), UNITS, dtype=torch.float64)
    seen = []
    for t in range(x.shape[2]):

        def normed(kind, values, gain, shift=0, t=t):
            seen.append((kind, t, values))
            return batch_norm(values, gain, shift, *(statistics(kind, t) if statistics else ()))

        gates = normed("input", x[:, :, t].flatten(1) @ layer.from_input.weight.T, norms.gain_input)
        gates = gates + normed("state", h @ layer.from_state.weight.T, norms.gain_state) + norms.shift_gates
        i, f, o, j = gates.chunk(4, 1)
        c = c * torch.sigmoid(f + 1) + torch.sigmoid(i) * torch.tanh(j)
        h = torch.tanh(normed("cell", c, norms.gain_memory, norms.shift_memory)) * torch.sigmoid(o)
    return net.fc(h), seen


def test_batch_norm_has_statistics_of_each_step(lstm):
    net = lstm("batch", {"momentum": 1.0})
    logits, seen = slow_batch(net, images(8))
    assert torch.allclose(net(images(8)), logits, atol=1e-9)
    for kind, t, values in seen:
        norm = getattr(net.layer1.norms, kind).steps[t]
        assert torch.allclose(norm.running_mean, values.mean(0)) and torch.allclose(norm.running_var, values.var(0))
        assert norm.weight is None and norm.num_batches_tracked == 1


def test_at_inference_a_step_has_its_own_statistics_and_beyond_those_trained_the_last_s(lstm):
    net = lstm("batch", train_rows=[2, 4])
    norms = net.layer1.norms
    assert all(len(each.steps) == 4 for each in (norms.input, norms.state, norms.cell))
    for key in range(6):
        net.train_rows.advance_hashed(net.train_rows.full_level, key)
        net(images(8))
    counts = [int(norm.num_batches_tracked) for norm in norms.cell.steps]
    assert counts == [6, 6, 4, 2]  # keys 0 to 5: 2, 3, 4, 2, 3, 4 rows

    def statistics(kind, t):
        norm = getattr(norms, kind).steps[min(t, 3)]
        return norm.running_mean, norm.running_var

    expected, _ = slow_batch(net, images(8), statistics)
    before = copy.deepcopy(net.state_dict())
    assert torch.allclose(net.eval()(images(8)), expected, atol=1e-9)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_statistics_taken_anew_are_each_step_s_alone(lstm):
    """As `callbacks.average.reestimate` takes them: norms in training, all else in eval, so with all rows."""
    net = lstm("batch", train_rows=[2, 4]).eval()
    for module in net.modules():
        module.train(isinstance(module, nn.BatchNorm1d)) if not list(module.children()) else None
    _, seen = slow_batch(net, images(8))
    net(images(8))
    for kind, t, values in seen:
        norm = getattr(net.layer1.norms, kind).steps[min(t, 3)]
        assert norm.num_batches_tracked == 1
        assert t > 3 or torch.allclose(norm.running_mean, values.mean(0) * 0.1)


def test_weight_noise_is_one_draw_a_sequence_and_reaches_every_step(lstm):
    def noise(site):
        return weight_noise(site, std=0.1, groups=None, schedule="constant", inference=False)

    net = lstm(sites=[noise])
    drops = sites.drops(net)
    assert set(drops) == {"layer1.from_input.weight", "layer1.from_state.weight", "fc.weight"}
    for index, drop in enumerate(drops.values()):
        drop.advance_hashed(0.1, index)
    noisy = lstm()
    with torch.no_grad():
        for index, layer in enumerate((noisy.layer1.from_input, noisy.layer1.from_state, noisy.fc)):
            through = copy.deepcopy(list(drops.values())[index])
            layer.weight.copy_(through.add(layer.weight, torch.tensor(index)))
    assert torch.allclose(net(images()), noisy(images()), rtol=1e-10)
    assert drops["layer1.from_state.weight"].seen == 4 * UNITS * UNITS
    net(images()).sum().backward()
    noisy(images()).sum().backward()
    assert torch.allclose(net.layer1.from_state.weight.grad, noisy.layer1.from_state.weight.grad, rtol=1e-10)


def test_norms_of_weights_act_once_a_sequence(lstm):
    net = lstm("weight")
    assert torch.allclose(net(images()), slow(net, images()), rtol=1e-10)
    net, calls = lstm("spectral"), []
    net.layer1.from_state.parametrizations.weight[0].register_forward_hook(lambda *_: calls.append(1))
    net(images())
    assert len(calls) == 1


def test_drop_connect_leaves_the_recurrent_weights_alone(lstm):
    def option(site):
        about = {"mask": "example", "place": "linear", "schedule": "constant", "inference": "mean", "samples": 1}
        return drop_connect(site, keep_prob=0.5, **about)

    assert set(sites.drops(lstm(sites=[option]))) == {"fc.weight"}


def test_sites(asked):
    found = {site.name: site.place for site in asked("lstm", hidden=[7, 5])}
    assert [name for name, place in found.items() if place == "recurrent"] == ["layer1", "layer2"]
    assert [name for name, place in found.items() if place == "sequence"] == ["layer1.sequence", "layer2.sequence"]
    assert {"input", "head"} <= set(found.values())


def test_spatial_dropout_drops_whole_features_of_the_sequence(lstm):
    def option(site):
        return spatial_dropout(site, keep_prob=0.5, groups=None, skip=True, schedule="constant", inference=False)

    net = lstm(sites=[option])
    seen = []
    net.layer1.from_input.register_forward_hook(lambda _, args, __: seen.append(args[0]))
    net(torch.ones_like(images()))
    assert seen[0].shape == (STEPS, 4, INPUTS) and set(seen[0].unique().tolist()) == {0.0, 2.0}
    assert torch.equal(seen[0], seen[0][:1].expand_as(seen[0]))


@pytest.mark.parametrize("order", ["rows", "pixels", "permuted"])
def test_reading(build, option, order):
    reading = build("lstm", order=order, shape=SHAPE, norm=option("norm", "none")).reading
    image = torch.arange(2 * 6 * 3.0).view(1, *SHAPE)  # value = 18 channel + 3 row + column
    sequence = reading(image)[0]
    if order == "rows":
        assert sequence[2].tolist() == [6, 7, 8, 24, 25, 26]
        return
    steps = range(18) if order == "pixels" else sequence[:, 0].long().tolist()
    assert sequence.tolist() == [[step, step + 18] for step in steps] and sorted(steps) == list(range(18))


def test_the_permutation_is_fixed_by_its_own_seed(build, option):
    def order(seed):
        about = {"order": "permuted", "permutation_seed": seed, "shape": (1, 28, 28), "norm": option("norm", "none")}
        with torch.device("meta"):
            assert build("lstm", **about).reading.order.is_meta
        net = build("lstm", **about)
        assert not any("order" in name for name in net.state_dict())
        return net.reading.order

    first = order(0)
    torch.manual_seed(5)
    assert torch.equal(first, order(0)) and not torch.equal(first, order(1))
    assert first[:6].tolist() == torch.randperm(784, generator=streams.generator(0, "permutation"))[:6].tolist()


@pytest.mark.parametrize("order", ["rows", "pixels"])
def test_training_sees_the_first_rows_and_inference_all(lstm, order):
    net = lstm(order=order, train_rows=[2, 4])
    whole = lstm(order=order)
    lengths = set()
    for key in range(30):
        net.train_rows.advance_hashed(0.0, key)
        logits = net.train()(images())
        rows = net.train_rows.drawn
        lengths.add(rows)
        assert torch.equal(logits, whole(images()[:, :, :rows]))
        assert torch.equal(net.eval()(images()), whole(images()))
    assert lengths == {2, 3, 4}


def test_lengths_are_uniform_and_a_function_of_the_key():
    rows = TrainRows(14, 20, 28)
    keys = [streams.key(3, "regularizer", step, 0, "train_rows") for step in range(2100)]
    counts = torch.zeros(21)
    for key in keys:
        rows.advance_hashed(rows.full_level, key)
        drawn = rows(torch.zeros(1, 28, 5)).shape[1]
        counts[drawn] += 1
        assert drawn == rows.drawn == rows(torch.zeros(1, 28, 5)).shape[1]
    assert counts[:14].sum() == 0 and (counts[14:] - 300).abs().max() < 5 * (300 * 6 / 7) ** 0.5
    again = TrainRows(14, 20, 28)
    again.advance_hashed(0.0, keys[17])
    assert again.drawn == 14 + keys[17] % 7


def test_the_proof_of_lengths(build, option):
    """Counted is the share of rows left out; what is expected of it is exact."""
    rows = TrainRows(14, 20, 28)
    for key in range(7):
        rows.advance_hashed(rows.full_level, key)
        rows(torch.zeros(1, 28, 5))
    shares = torch.tensor([(28 - k) / 28 for k in range(14, 21)], dtype=torch.float64)
    level = torch.tensor([rows.full_level]).double().numpy()
    assert float(rows.dropped / rows.seen) == pytest.approx(float(shares.mean()))
    assert rows.expected((28, 5), level)[0] == pytest.approx(float(shares.mean()))
    assert rows.variance((28, 5), level)[0] == pytest.approx(float(shares.var(correction=0)))
    assert rows.draws(50) == 1
    net = build("lstm", train_rows=[14, 20], norm=option("norm", "none"), sites=[recurrent_dropout])
    assert set(sites.drops(net)) == {"train_rows", "layer1"}
    assert set(sites.inference_drops(net)) == {"layer1"}
    state = torch.get_rng_state()
    assert sites.shapes(net, (3, 32, 32)) == {"train_rows": (32, 96), "layer1": (14, 128)}  # of the shortest
    assert torch.equal(torch.get_rng_state(), state)
    inferred = sites.with_inference(net, True).eval()
    assert inferred.train_rows(torch.zeros(1, 32, 96)).shape == (1, 32, 96)


def test_inner_activation(lstm):
    net = lstm(inner="activation", activation=nn.ReLU)
    assert torch.allclose(net(images()), slow(net, images(), inner=lambda v: max(v, 0.0)), rtol=1e-10)
    net = lstm(activation=nn.ReLU)  # which stands where none is chosen
    assert torch.allclose(net(images()), slow(net, images()), rtol=1e-10)
    with pytest.raises(ValueError, match=r"activation=GELU nothing to do: set model\.inner=activation"):
        lstm(activation=nn.GELU)


@pytest.mark.parametrize("norm", ["switchable", "instance"])
def test_norms_that_have_no_form_in_a_cell_say_so_in_a_line(lstm, norm):
    with pytest.raises(ValueError, match=r"SwitchableNorm, which has no form|norm=instance") as caught:
        lstm(norm)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("norm", ["none", "batch", "weight"])
def test_a_gain_without_a_layer_norm_is_refused(lstm, norm):
    with pytest.raises(ValueError, match=r"model\.gain and model\.shift are .* norm=layer") as caught:
        lstm(norm, gain=0.5)
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=r"norm\.affine=false learns none"):
        lstm("layer", {"affine": False}, shift=0.5)


@pytest.mark.parametrize("form", ["tensorflow", "paper"])
@pytest.mark.parametrize("norm", ["none", "batch", "weight"])
def test_a_form_of_layer_norm_without_one_is_refused(lstm, norm, form):
    with pytest.raises(ValueError, match=rf"model\.layer_norm={form} is a form of norm=layer") as caught:
        lstm(norm, layer_norm=form)
    assert "\n" not in str(caught.value)


def test_the_paper_s_form_without_gains_is_refused(lstm):
    with pytest.raises(ValueError, match=r"model\.layer_norm=paper learns .* set norm\.affine=true"):
        lstm("layer", {"affine": False}, layer_norm="paper")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hidden", []),
        ("inner", "relu"),
        ("forget_bias", "big"),
        ("forget_bias", math.inf),
        ("layer_norm", "state"),
        ("gain", True),
        ("order", "columns"),
        ("permutation_seed", -1),
        ("train_rows", 14),
        ("train_rows", [14]),
        ("train_rows", [0, 3]),
        ("train_rows", [4, 3]),
        ("train_rows", [4, 7]),
        ("train_rows", [1.5, 3]),
    ],
)
def test_values_are_checked(lstm, key, value):
    with pytest.raises(ValueError, match=rf"model\.{key} must") as caught:
        lstm("layer", **{key: value})
    assert "\n" not in str(caught.value)


def test_the_site_of_an_update_takes_plain_dropout():
    place = sites.Site("layer1", "recurrent", 1, 1, 1, 1)
    assert isinstance(recurrent_dropout(place), Dropout)
    assert isinstance(dropout(place, keep_prob=0.5, **RECURRENT | {"place": "layer"}), nn.Identity)
