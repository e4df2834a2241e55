"""Print what a program or an agent needs to plan, run and read an ablation: python scripts/guide.py."""

import sys

from dropgrid.cli.dispatch import run

if __name__ == "__main__":
    sys.exit(run("guide"))
