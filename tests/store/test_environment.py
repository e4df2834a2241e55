"""What a cell records of its machine, and which part of it a checkpoint is bound to."""

import json
import os
import subprocess
import sys
from importlib import metadata

import pytest
import torch

from dropgrid.store import checkpoints
from dropgrid.store.environment import capability, environment, processor, stamp

CPU = torch.device("cpu")


@pytest.fixture
def gpu(monkeypatch):
    """A machine with a GPU, as torch describes it."""
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H200")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    return torch.device("cuda", 0)


def test_the_instruction_set_is_the_one_that_torch_uses_in_this_process():
    line = "import torch; from dropgrid.store.environment import environment, stamp; import json; "
    line += "cpu = torch.device('cpu'); print(json.dumps([environment(cpu, {})['capability'], stamp(cpu, {})]))"
    found = {}
    for name in ("default", torch.backends.cpu.get_cpu_capability().lower()):
        variables = {**os.environ, "ATEN_CPU_CAPABILITY": name}
        done = subprocess.run([sys.executable, "-c", line], env=variables, capture_output=True, text=True, timeout=120)
        found[name] = json.loads(done.stdout)
    default, own = found["default"], list(found.values())[-1]
    assert default[0].startswith("DEFAULT, ") and own == [capability(CPU), stamp(CPU, {})]
    assert environment(CPU, {})["capability"] == capability(CPU)
    assert (default[0] == own[0]) == (default[1] == own[1])


def test_a_gpu_has_its_architecture_and_the_instruction_set_of_the_machine_around_it(gpu):
    maker = processor("vendor_id").removeprefix("Authentic").removeprefix("Genuine")
    assert capability(gpu) == environment(gpu, {})["capability"] == f"sm_90, AVX2, {maker}"
    assert capability(CPU) == f"AVX2, {maker}"


PIXELS_AND_ARITHMETIC = ("torch", "torchvision", "numpy", "pillow", "numba", "llvmlite", "scikit-learn")

MACHINE = ("get_cpu_capability", "get_device_capability", "maker", "ONEDNN_MAX_CPU_ISA")
CHANGES = (*MACHINE, "source", "own code", *PIXELS_AND_ARITHMETIC)


@pytest.mark.parametrize("name", CHANGES)
def test_a_checkpoint_of_another_machine_package_or_code_is_not_continued_from(gpu, monkeypatch, tmp_path, name):
    path = checkpoints.write(tmp_path, 5, stamp(gpu, {}), lambda file: file.write(b"weights"))
    said = []
    assert checkpoints.newest(tmp_path, stamp(gpu, {}), said.append) == path and not said
    installed = metadata.version
    if name == "get_cpu_capability":
        monkeypatch.setattr(torch.backends.cpu, name, lambda: "AVX512")
    elif name == "get_device_capability":
        monkeypatch.setattr(torch.cuda, name, lambda device: (8, 0))
    elif name == "maker":
        monkeypatch.setattr("dropgrid.store.environment.processor", lambda fact="": "another")
    elif name == "ONEDNN_MAX_CPU_ISA":
        monkeypatch.setenv(name, "AVX2")
    elif name == "source":
        monkeypatch.setattr("dropgrid.store.environment.SOURCE", "another")
    elif name == "own code":
        monkeypatch.setattr("dropgrid.store.own_code.LOADED.code", lambda config: {"my_lab.losses": "another"})
    else:
        monkeypatch.setattr(metadata, "version", lambda each: "0.0.1" if each == name else installed(each))
        assert environment(gpu, {})["versions"][name] == "0.0.1"
    assert checkpoints.newest(tmp_path, stamp(gpu, {}), said.append) is None and path.exists()
    assert said[0].endswith("was written by other code, packages, device or instruction set: not continued from")


def test_a_package_that_is_not_installed_is_left_out(monkeypatch):
    def version(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    assert environment(CPU, {})["versions"] == {} and stamp(CPU, {})
