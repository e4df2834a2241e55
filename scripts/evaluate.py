"""Measure finished cells without training: python scripts/evaluate.py NAME +evaluate=X [evaluate.key=value]."""

import sys

from dropgrid.cli.dispatch import run

if __name__ == "__main__":
    sys.exit(run("evaluate"))
