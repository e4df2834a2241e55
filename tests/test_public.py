"""The names at the top of the package."""

import subprocess
import sys
from pathlib import Path

import pytest

import dropgrid

PACKAGE = Path(dropgrid.__file__).parent


@pytest.mark.parametrize("name", sorted(dropgrid.PUBLIC))
def test_a_public_name_is_what_it_says_whatever_was_imported_before(name):
    assert callable(getattr(dropgrid, name)) and name in dir(dropgrid)
    assert not (PACKAGE / f"{name}.py").exists() and not (PACKAGE / name).exists(), "a module would take its place"
    assert getattr(sys.modules[dropgrid.PUBLIC[name]], name) is getattr(dropgrid, name)


def test_the_package_imports_no_torch_and_refuses_other_names():
    code = "import sys, dropgrid; print('torch' in sys.modules, 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split() == ["False"] * 2
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        dropgrid.nothing  # noqa: B018
