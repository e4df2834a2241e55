"""Create the W&B workspace and report: python scripts/dashboard.py NAME [--dry-run | --sync | --from-files]."""

import sys

from dropgrid.cli.dispatch import run

if __name__ == "__main__":
    sys.exit(run("dashboard"))
