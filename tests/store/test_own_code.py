"""The code of one's own that a config reaches, and which edits of it count."""

import subprocess
import sys

import pytest

from dropgrid.store.identity import source_fingerprint
from dropgrid.store.own_code import CurrentCode, Sources, modules_outside

FILES = {
    "my_lab/__init__.py": "",
    "my_lab/losses.py": "import math\nfrom my_lab.parts import scale\nfrom .deep import more\nimport beside\n\n"
    "def scaled(x):\n    return scale(x) * more.FACTOR * beside.ONE\n",
    "my_lab/parts.py": 'def scale(x):\n    """Doc."""\n    return x  # as it is\n',
    "my_lab/deep/__init__.py": "from importlib import import_module\nlate = lambda: import_module('my_lab.late')\n",
    "my_lab/deep/more.py": "FACTOR = 1\n",
    "my_lab/late.py": "LATE = 1\n",
    "my_lab/unused.py": "UNUSED = 1\n",
    "beside.py": "import numpy.linalg, torch\nONE = 1\n",
}
CONFIG = {"loss": {"option": "my_lab.losses.scaled"}, "model": {"option": "ResNet", "depths": [2]}}


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A folder of one's own code, on the path; it is never imported."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    "text",
    [
        "import importlib\nx = importlib.import_module('..hidden', package=__package__)\n",
        "from importlib import import_module\nx = import_module('..hidden', __package__)\n",
    ],
)
def test_a_module_imported_by_a_relative_name_counts(lab, text):
    (lab / "my_lab/deep/more.py").write_text(f"FACTOR = 1\n{text}")
    (lab / "my_lab/hidden.py").write_text("X = 1\n")
    before = code()
    (lab / "my_lab/hidden.py").write_text("X = 2\n")
    assert code() != before


def code():
    return Sources().code(CONFIG)


def test_modules_outside_dropgrid_are_found_at_any_depth_of_a_config():
    inner = {"_target_": "my_lab.more.One", "sizes": [{"option": "their.Two"}, {"option": "dropblock"}]}
    config = {"norm": {"option": "torch.nn.ReLU"}, "loss": {"option": "my_lab.x.Loss", "inner": inner}, "seed": 1}
    assert modules_outside(config) == ["my_lab.more", "my_lab.x", "their", "torch.nn"]
    assert modules_outside({"model": {"option": "ResNet"}, "data": {"_target_": "dropgrid.data.fake.Fake"}}) == []


@pytest.mark.parametrize("name", sorted({*FILES} - {"my_lab/unused.py"}))
def test_an_edit_of_a_module_or_of_what_it_imports_is_other_code(lab, name):
    before = code()
    assert [*before] == ["my_lab.losses"] and len(before["my_lab.losses"]) == 12
    (lab / name).write_text(FILES[name] + "\nX = 0.01\n")
    assert code() != before


def test_what_it_does_not_reach_and_what_does_not_run_is_no_other_code(lab):
    before = code()
    (lab / "my_lab/unused.py").write_text("UNUSED = 2\n")
    (lab / "my_lab/parts.py").write_text('"""New."""\n\n\ndef scale(x):\n    "Other."\n    return x  # why\n')
    (lab / "my_lab/losses.pyc").write_bytes(b"x")
    assert code() == before


def test_a_text_that_is_an_argument_is_code(lab):
    (lab / "my_lab/parts.py").write_text('scale = eval(\n    """\nlambda x: x\n"""\n)\n')
    before = code()
    (lab / "my_lab/parts.py").write_text('scale = eval(\n    """\nlambda x: x * 0.01\n"""\n)\n')
    assert code() != before


def test_of_installed_packages_the_version_counts(lab):
    found = Sources().versions(CONFIG)
    assert {"torch", "torchvision", "numpy", "pillow", "numba"} <= {*found}
    (lab / "beside.py").write_text("import pandas, safetensors.torch\nONE = 1\n")
    assert {*Sources().versions(CONFIG)} - {*found} == {"pandas", "safetensors"}
    assert {*Sources().versions({"regularizer": {"option": "timm.layers.DropPath"}})} - {*found} == {"timm"}
    assert Sources().code({"activation": {"option": "torch.nn.ReLU"}, "regularizer": {"option": "timm.layers.X"}}) == {}


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package of one's own among the installed ones, of two top-level modules."""
    place = tmp_path / "site-packages"
    files = {"labpkg/__init__.py": "", "labpkg/loss.py": "import labextra, numpy\n", "labextra.py": ""}
    for name, text in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.setattr(
        "dropgrid.store.own_code.distributions",
        lambda top: frozenset({"labpkg": {"lab"}, "labextra": {"lab"}, "numpy": {"numpy"}}.get(top, ())),
    )
    return place


@pytest.mark.parametrize("name", ["labpkg/loss.py", "labextra.py"])
def test_of_a_package_of_ones_own_that_is_installed_the_source_counts(installed, name):
    config = {"loss": {"option": "labpkg.loss.Loss"}}
    before = Sources().code(config)
    assert [*before] == ["labpkg.loss"]
    (installed / name).write_text("X = 2\n")
    assert Sources().code(config) != before


def test_a_result_by_other_code_of_ones_own_is_outdated_and_one_that_cannot_be_told_is_not(lab, monkeypatch):
    result = {"source": source_fingerprint(), "modules": code()}
    assert not CurrentCode().differs(result) and not CurrentCode().differs({"source": source_fingerprint()})
    assert CurrentCode().differs({**result, "source": "0ld"})
    (lab / "my_lab/deep/more.py").write_text("FACTOR = 0.01\n")
    assert CurrentCode().differs(result)
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each != str(lab)])
    assert not CurrentCode().differs(result)


def test_a_process_that_has_read_a_file_records_it_as_it_was(lab):
    """The process that cells are forks of reads the files of the modules that it has loaded."""
    line = (
        "import sys, pathlib, my_lab.deep.more, dropgrid.execution.own_code_loaded; "
        "from dropgrid.store.own_code import LOADED, Sources; config = {'loss': {'option': 'my_lab.deep.more.X'}}; "
        "before = Sources().code(config); pathlib.Path(my_lab.deep.more.__file__).write_text('FACTOR = 2'); "
        "assert LOADED.code(config) == before != Sources().code(config) and before"
    )
    subprocess.run([sys.executable, "-c", line], env={"PYTHONPATH": ":".join(sys.path)}, check=True, timeout=120)
