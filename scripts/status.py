"""Show the progress of sweeps: python scripts/status.py [NAME] [--failed] [--json] [--follow CELL]."""

import sys

from dropgrid.cli.dispatch import run

if __name__ == "__main__":
    sys.exit(run("status"))
