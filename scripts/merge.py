"""Import finished cells of another outputs folder: python scripts/merge.py FROM [--yes]."""

import sys

from dropgrid.cli.dispatch import run

if __name__ == "__main__":
    sys.exit(run("merge"))
