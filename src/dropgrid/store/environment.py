"""The environment of a cell: environment.json, and the parts of it that comparability checks use."""

import os
import platform
import socket
import sys
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from dropgrid.store.identity import source_fingerprint

SOURCE = source_fingerprint()
"""Fingerprint of the code as it was loaded: files may change while a sweep runs."""

PACKAGES = ("dropgrid", "torch", "torchvision", "pytorch-lightning", "hydra-core", "omegaconf", "numpy")


def processor() -> str:
    """Return the model of the CPU, as the system names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def environment(device: torch.device) -> dict[str, Any]:
    """Return versions, machine and threads, without paths and environment variables."""
    return {
        "python": sys.version.split()[0],
        "versions": {name: metadata.version(name) for name in PACKAGES},
        "source": SOURCE,
        "platform": platform.platform(),
        "host": socket.gethostname(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": device_class(device),
        "cuda": torch.version.cuda,
    }


def stamp(device: torch.device) -> str:
    """Return 12 hex digits of what determines the bits of training besides the config: source, packages, device."""
    about = [SOURCE, device_class(device), *(metadata.version(name) for name in PACKAGES if name != "dropgrid")]
    return sha256("\0".join(about).encode()).hexdigest()[:12]


def device_class(device: torch.device) -> str:
    """Return the kind of device that determines the bits: `cpu`, or the GPU's name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
