"""The project with the pages that are built and not committed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILT = ("methods", "ablations")
"""Folders of docs that docs/methods.py writes."""


def write_pages(root, *words):
    """Run the generator of a copy, which writes into the copy."""
    line = [sys.executable, "docs/methods.py", *words]
    done = subprocess.run(line, cwd=root, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def copied(tmp_path_factory):
    """A copy of docs, none of it built, and of the pages beside it (Sphinx follows links to files), beside links to the
    rest of the project."""

    def copied():
        root = tmp_path_factory.mktemp("project")
        for path in ROOT.iterdir():
            if path.suffix == ".md":
                shutil.copy(path, root)
            elif not path.name.startswith(".") and path.name not in ("docs", "build", "dist", "outputs"):
                (root / path.name).symlink_to(path)
        shutil.copytree(ROOT / "docs", root / "docs", ignore=shutil.ignore_patterns(*BUILT, "__pycache__"))
        return root

    return copied


@pytest.fixture(scope="session")
def project(copied):
    """The copy with its pages, without their pictures."""
    root = copied()
    write_pages(root, "texts")
    return root


@pytest.fixture(scope="session")
def illustrated(copied):
    """The copy with its pages and their pictures."""
    root = copied()
    write_pages(root)
    return root
