"""What the tests of evaluations and diagnostics share."""

from functools import partial

import pytest
from trained_cells import make


@pytest.fixture
def make_cell(tmp_path):
    """Make a cell with random weights; overrides are the command line's."""
    return partial(make, tmp_path)
