"""What the tests of evaluations share."""

from pathlib import Path

import pytest
import yaml


@pytest.fixture
def arguments():
    """The defaults of an option's YAML, as its function has them."""

    def of(name):
        node = yaml.safe_load((Path(__file__).parents[3] / "conf" / "evaluate" / f"{name}.yaml").read_text())
        return {key: value for key, value in node.items() if not key.startswith("_") and key != "weights"}

    return of
