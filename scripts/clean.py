"""Show disk use of outputs and free space: python scripts/clean.py [NAME…] [FLAGS] [--yes]."""

import sys

from dropgrid.cli.dispatch import run

if __name__ == "__main__":
    sys.exit(run("clean"))
