import shutil

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from dropgrid.initializers.checkpoint import checkpoint, fingerprint_of
from dropgrid.initializers.kaiming import kaiming

ARGUMENTS = {"fingerprint": None, "strict": True, "skip": []}


def initialised(model, path, generator, **changes):
    checkpoint(model, generator=generator, activation=nn.ReLU, path=path, **ARGUMENTS | changes)
    return model


def state(model):
    """Its tensors, each its own."""
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def filled(model):
    """With numbers that no initializer gives, buffers too."""
    for tensor in model.state_dict().values():
        tensor.copy_(torch.randint(1, 100, tensor.shape))
    return model


def save(tensors, path):
    (save_file if path.suffix == ".safetensors" else torch.save)(tensors, path)
    return str(path)


@pytest.fixture
def small(build):
    return lambda **changes: build("resnet20", norm="batch", depths=[1, 1, 1], **changes)


@pytest.fixture
def source(small):
    return filled(small())


@pytest.mark.parametrize("name", ["x.safetensors", "x.pt", "x.pth"])
def test_every_parameter_and_buffer_is_the_files(small, source, generator, tmp_path, name):
    model = initialised(small(), save(state(source), tmp_path / name), generator)
    found = model.state_dict()
    assert found.keys() == source.state_dict().keys() and len(found) > 30
    assert all(torch.equal(tensor, source.state_dict()[name]) for name, tensor in found.items())
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize("key", ["state_dict", "model"])
def test_a_training_scripts_file_is_unwrapped(small, source, generator, tmp_path, key):
    path = save({key: state(source), "epoch": 3}, tmp_path / "x.pt")
    assert torch.equal(initialised(small(), path, generator).fc.weight, source.fc.weight)


def test_torchvisions_weights_give_its_logits(build, generator, tmp_path):
    theirs = torchvision.models.resnet18(weights=None).eval()
    path = save(theirs.state_dict(), tmp_path / "resnet18.pth")
    ours = initialised(build("resnet18", norm="batch", shape=(3, 64, 64), classes=1000), path, generator).eval()
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(ours(x), theirs(x))


def test_what_is_skipped_is_kaimings(small, source, generator, tmp_path):
    path = save(state(source), tmp_path / "x.pt")
    model = initialised(small(classes=7), path, generator, skip=["fc", "layer1.0.conv1.weight"])
    plain = small(classes=7)
    kaiming(plain, generator=generator, activation=nn.ReLU, mode="fan_out", distribution="normal")
    for name, tensor in model.state_dict().items():
        skipped = name.startswith("fc.") or name == "layer1.0.conv1.weight"
        assert torch.equal(tensor, (plain if skipped else source).state_dict()[name]), name


def test_another_shape_is_an_error_that_says_how_to_leave_it_out(small, source, generator, tmp_path):
    path = save(state(source), tmp_path / "x.pt")
    with pytest.raises(ValueError, match=r"fc.bias is \(10,\) in the file and \(7,\) in .*init.skip=\[fc\]"):
        initialised(small(classes=7), path, generator)
    with pytest.raises(ValueError, match=r"fc.bias is \(10,\)"):
        initialised(small(classes=7), path, generator, strict=False)


def test_strict_names_what_one_lacks_and_loose_takes_what_both_have(small, source, generator, tmp_path):
    fewer = state(source)
    del fewer["bn1.weight"], fewer["conv1.weight"]
    path = save(fewer, tmp_path / "fewer.pt")
    with pytest.raises(ValueError, match="the file lacks bn1.weight, conv1.weight; init.strict=false takes what"):
        initialised(small(), path, generator)
    model = initialised(small(), path, generator, strict=False)
    assert (model.bn1.weight == 1).all() and torch.equal(model.fc.weight, source.fc.weight)

    path = save(state(source) | {"head.weight": torch.zeros(2)}, tmp_path / "more.pt")
    with pytest.raises(ValueError, match="the network has no head.weight; init.strict=false leaves them out"):
        initialised(small(), path, generator)
    initialised(small(), path, generator, strict=False)
    initialised(small(), path, generator, skip=["head"])


def test_files_from_before_batch_norms_counted_are_whole(small, source, generator, tmp_path):
    old = {name: tensor for name, tensor in state(source).items() if not name.endswith("num_batches_tracked")}
    model = initialised(small(), save(old, tmp_path / "x.pt"), generator)
    assert torch.equal(model.bn1.running_var, source.bn1.running_var) and model.bn1.num_batches_tracked == 0


@pytest.mark.parametrize("strict", [True, False])
def test_a_file_of_something_else_is_an_error(small, generator, tmp_path, strict):
    names = {f"network.{letter}": torch.zeros(1) for letter in "abcde"}
    with pytest.raises(ValueError, match="nothing of this network; it has network.a, network.b, network.c and 2 more"):
        initialised(small(), save(names, tmp_path / "x.pt"), generator, strict=strict)
    with pytest.raises(ValueError, match="nothing of this network; it has no tensors"):
        initialised(small(), save({}, tmp_path / "x.pt"), generator, strict=strict)


def test_a_skip_that_skips_nothing_is_an_error(small, source, generator, tmp_path):
    with pytest.raises(ValueError, match="init.skip names fc2, which neither the file nor the network has"):
        initialised(small(), save(state(source), tmp_path / "x.pt"), generator, skip=["fc2"])


def test_on_the_meta_device_names_and_shapes_are_checked_alone(small, source, generator, tmp_path):
    path = save(state(source), tmp_path / "x.safetensors")
    with torch.device("meta"):
        assert initialised(small(), path, generator).conv1.weight.is_meta
        with pytest.raises(ValueError, match=r"init.skip=\[fc\]"):
            initialised(small(classes=7), path, generator)


@pytest.mark.parametrize("name", ["x.pt", "x.safetensors"])
def test_what_is_no_file_of_tensors_is_said_in_one_line(small, generator, tmp_path, name):
    (tmp_path / name).write_text("hello")
    with pytest.raises(ValueError, match=f"{name} is no safetensors or torch file of tensors alone") as caught:
        initialised(small(), str(tmp_path / name), generator)
    assert len(str(caught.value).splitlines()) == 1


def test_code_in_a_file_is_not_run(small, generator, tmp_path):
    with pytest.raises(ValueError, match="is no safetensors or torch file of tensors alone"):
        initialised(small(), save(small(), tmp_path / "x.pt"), generator)
    with pytest.raises(ValueError, match="x.pt holds no state dict"):
        initialised(small(), save({"epoch": 3}, tmp_path / "x.pt"), generator)


def test_a_fingerprint_is_of_the_content_and_another_files_is_an_error(small, source, generator, tmp_path):
    path = save(state(source), tmp_path / "x.safetensors")
    (tmp_path / "elsewhere").mkdir()
    moved = shutil.copy(path, tmp_path / "elsewhere" / "y.safetensors")
    print_ = fingerprint_of(path)
    assert len(print_) == 16 and fingerprint_of(moved) == print_
    initialised(small(), str(moved), generator, fingerprint=print_)
    source.fc.bias.data.add_(1)
    save(state(source), tmp_path / "x.safetensors")
    assert fingerprint_of(path) != print_
    with pytest.raises(ValueError, match="x.safetensors is not the file that was planned: its fingerprint is"):
        initialised(small(), path, generator, fingerprint=print_)


@pytest.mark.parametrize(
    ("path", "changes", "message"),
    [
        (None, {}, "init.path must name a .safetensors or torch file, got None"),
        ("/nowhere/x.pt", {}, "init.path: cannot read /nowhere/x.pt: No such file or directory"),
        ("x.pt", {"strict": "no"}, "init.strict must be true or false, got 'no'"),
        ("x.pt", {"skip": "fc"}, "init.skip must list names of modules or parameters, got 'fc'"),
    ],
)
def test_values_outside_are_named(small, generator, path, changes, message):
    with pytest.raises(ValueError, match=message):
        initialised(small(), path, generator, **changes)
