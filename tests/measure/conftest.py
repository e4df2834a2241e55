"""What the tests of evaluations and diagnostics share."""

from functools import partial

import pytest
from subjects import make


@pytest.fixture
def subject(tmp_path):
    """Makes a subject that nobody trained; overrides are the command line's."""
    return partial(make, tmp_path)
