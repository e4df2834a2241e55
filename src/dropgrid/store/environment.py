"""The environment of a cell: environment.json, and the parts of it that comparability checks use."""

import json
import os
import platform
import socket
import sys
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from dropgrid.store.identity import source_fingerprint
from dropgrid.store.own_code import LOADED

SOURCE = source_fingerprint()
"""Fingerprint of the code as it was loaded: files may change while a sweep runs."""

IN_RESULTS = ("device", "capability", "source", "modules", "versions", "host")
"""The facts that a result and an evaluation keep under `provenance`."""


MAKERS = {"AuthenticAMD": "AMD", "GenuineIntel": "Intel"}

RESTRICTIONS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS", "MKL_CBWR")
"""Variables by which the libraries under torch use fewer instructions than the processor has."""


@cache
def processor(fact: str = "model name") -> str:
    """Return the model of the CPU, or another fact of /proc/cpuinfo, as the system names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith(fact))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def environment(device: torch.device, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return code, versions, machine and threads of a cell with a config, without paths and environment variables.

    `source` is the code of dropgrid, `modules` the code outside it that the config reaches (`dropgrid.store.own_code`).
    """
    return {
        "python": sys.version.split()[0],
        "versions": LOADED.versions(config),
        "source": SOURCE,
        "modules": LOADED.code(config),
        "platform": platform.platform(),
        "host": socket.gethostname(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": device_class(device),
        "capability": capability(device),
        "cuda": torch.version.cuda,
    }


def stamp(device: torch.device, config: Mapping[str, Any]) -> str:
    """Return 12 hex digits of what determines the bits of training besides the config: code, dropgrid's and one's own,
    packages, device, instruction set."""
    versions = {name: version for name, version in LOADED.versions(config).items() if name != "dropgrid"}
    about = [SOURCE, LOADED.code(config), device_class(device), capability(device), torch.version.cuda, versions]
    return sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:12]


def device_class(device: torch.device) -> str:
    """Return the kind of device that determines the bits: `cpu`, or the GPU's name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def capability(device: torch.device) -> str:
    """Return what computes, and so how sums are rounded: `AVX512, AMD`, the instruction set that torch's CPU kernels
    use here and the maker of the processor, by which MKL chooses its own.

    On a GPU its architecture is first, as in `sm_90, AVX512, AMD`: initial weights and data are computed on the CPU.
    Variables that restrict MKL or oneDNN follow.
    """
    maker = processor("vendor_id")
    parts = [torch.backends.cpu.get_cpu_capability(), MAKERS.get(maker, maker)]
    if device.type == "cuda":
        parts.insert(0, "sm_{}{}".format(*torch.cuda.get_device_capability(device)))
    return ", ".join([*parts, *(f"{name}={os.environ[name]}" for name in RESTRICTIONS if os.environ.get(name))])
