"""What the tests of evaluations share."""

import sys
from functools import partial
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))
from subjects import make


@pytest.fixture
def subject(tmp_path):
    """Makes a subject that nobody trained; overrides are the command line's."""
    return partial(make, tmp_path)


@pytest.fixture
def arguments():
    """The defaults of an option's YAML, as its function has them."""

    def of(name):
        node = yaml.safe_load((Path(__file__).parents[2] / "conf" / "evaluate" / f"{name}.yaml").read_text())
        return {key: value for key, value in node.items() if not key.startswith("_") and key != "weights"}

    return of
