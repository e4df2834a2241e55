"""Every test starts from the same random state and on one thread, alone or among others; `fake` writes cells."""

from pathlib import Path

import pytest
import torch
from fakes import Fake


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)
    torch.set_num_threads(1)


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    """Writes cells that nobody trained."""
    return Fake(tmp_path)
