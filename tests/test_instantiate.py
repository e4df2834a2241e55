import fractions
import statistics

import pytest
import torch
import yaml

from dropgrid.errors import UserError
from dropgrid.instantiate import instantiate, locate, module_of, option_of
from dropgrid.paths import CONF


def test_a_node_names_a_constructor_and_its_arguments():
    loss = instantiate("loss", {"_target_": "torch.nn.CrossEntropyLoss", "label_smoothing": 0.1})
    assert isinstance(loss, torch.nn.CrossEntropyLoss) and loss.label_smoothing == 0.1


def test_a_partial_is_called_later():
    make = instantiate("activation", {"_target_": "torch.nn.ELU", "_partial_": True, "alpha": 0.5})
    assert make().alpha == 0.5


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({}, "loss: _target_ must be an import path"),
        ({"_target_": "torch"}, "must be an import path such as"),
        (
            {"_target_": "torch.nn.MSELoss"},
            "loss: _target_=torch.nn.MSELoss is not allowed; allowed are",
        ),
        ({"_target_": "builtins.open"}, "loss: _target_=builtins.open is not allowed"),
        ({"_target_": "dropgrid.penalties.none.NoPenalty"}, "loss: _target_=dropgrid.penalties.none.NoPenalty is not"),
        ({"_target_": "torch.nn.CrossEntropyLoss", "axis": 1}, "loss: .*unexpected keyword argument 'axis'"),
        ({"_target_": "torch.nn.CrossEntropyLoss", 3: 1}, "loss.3 cannot be set"),
        (None, "loss must be one of its options, got None"),
        ({"_target_": "torch.nn.CrossEntropyLoss", "nonsense": 1}, "loss: .*unexpected keyword argument 'nonsense'"),
    ],
)
def test_what_cannot_be_built_is_the_users_to_know(node, message):
    with pytest.raises(UserError, match=message):
        instantiate("loss", node)


@pytest.mark.parametrize("axis", ["regularizer", "regularizer_2", "data", "diagnosis.signal", "evaluate"])
@pytest.mark.parametrize(
    "path",
    [
        "builtins.open",
        "builtins.eval",
        "os.system",
        "subprocess.run",
        "importlib.import_module",
        "hydra.utils.instantiate",
        "torch.load",
        "torch.hub.load",
        "dropgrid.files.write_atomically",
        "dropgrid.store.files.write_json",
        "dropgrid.regularizers.__init__.os",
        "dropgrid.regularizers..dropblock",
        "dropgridx.regularizers.dropout.dropout",
    ],
)
def test_nothing_else_is_reached(axis, path, monkeypatch):
    def refuse(name):
        raise AssertionError(f"{name} was imported")

    monkeypatch.setattr("importlib.import_module", refuse)
    with pytest.raises(UserError, match="_target_") as told:
        locate(axis, path)
    assert len(str(told.value).splitlines()) == 1
    assert module_of(axis, {"_target_": path}) is None


@pytest.mark.parametrize("path", ["cifar.check_integrity", "cache.save", "cache.digest", "cifar10.Path", "none.open"])
def test_of_a_room_the_options_alone_are_called(path):
    with pytest.raises(UserError, match=rf"_target_=dropgrid.data.{path} is not allowed"):
        locate("data", f"dropgrid.data.{path}")
    assert locate("data", "dropgrid.data.cifar10.Cifar10").__name__ == "Cifar10"


def test_each_option_that_a_yaml_names_is_known_by_its_name():
    for path in sorted(CONF.rglob("*.yaml")):
        node = yaml.safe_load(path.read_text())
        target = node.get("_target_", "") if isinstance(node, dict) else ""
        axis = path.parent.relative_to(CONF).parts[:1]
        if target.startswith("dropgrid.") and axis:
            assert option_of(axis[0], target) == target.rpartition(".")[2], path


def test_a_file_of_the_users_own_adds_to_it(tmp_path, monkeypatch):
    (tmp_path / "targets").write_text("# ours\nfractions.Fraction  # exactly\nstatistics.*\n")
    with pytest.raises(UserError, match="is not allowed"):
        locate("loss", "fractions.Fraction")
    monkeypatch.setenv("DROPGRID_TARGETS", str(tmp_path / "targets"))
    assert locate("loss", "fractions.Fraction") is fractions.Fraction
    assert locate("penalty", "statistics.mean") is statistics.mean
    with pytest.raises(UserError, match="is not allowed"):
        locate("loss", "fractions.gcd")


def test_a_module_of_ones_own_gives_what_it_defines_and_not_what_it_imports(tmp_path, monkeypatch):
    package = tmp_path / "lab_of_ones_own"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "layers.py").write_text("from os import system\nimport os\n\nclass Mask:\n    pass\n")
    (tmp_path / "targets").write_text("lab_of_ones_own.*\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("DROPGRID_TARGETS", str(tmp_path / "targets"))
    assert locate("regularizer", "lab_of_ones_own.layers.Mask").__name__ == "Mask"
    for path in ("layers.system", "layers.os", "layers.os.system", "layers.Mask.mro"):
        with pytest.raises(UserError, match="regularizer: cannot import lab_of_ones_own"):
            locate("regularizer", f"lab_of_ones_own.{path}")


@pytest.mark.parametrize("text", ["*", "os.sys*", "a b", "../x.py"])
def test_a_file_of_anything_else_is_an_error(text, tmp_path, monkeypatch):
    (tmp_path / "targets").write_text(text)
    monkeypatch.setenv("DROPGRID_TARGETS", str(tmp_path / "targets"))
    with pytest.raises(UserError, match="is not an import path"):
        locate("loss", "os.system")


def test_a_message_that_names_the_key_is_not_named_twice():
    def refuse():
        raise ValueError("loss.x must be 1")

    from dropgrid.instantiate import call

    with pytest.raises(UserError, match=r"^loss.x must be 1$"):
        call("loss", refuse)


@pytest.mark.parametrize("code", ["def broken(:", "import sys; sys.exit('bye')", "raise KeyError('x')", "1 / 0"])
def test_a_module_of_ones_own_that_cannot_be_imported_is_a_line(code, tmp_path, monkeypatch):
    (tmp_path / "own_module_that_fails.py").write_text(code)
    (tmp_path / "targets.txt").write_text("own_module_that_fails.*")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("DROPGRID_TARGETS", str(tmp_path / "targets.txt"))
    with pytest.raises(UserError, match="regularizer: cannot import own_module_that_fails.it: "):
        instantiate("regularizer", {"_target_": "own_module_that_fails.it"})
