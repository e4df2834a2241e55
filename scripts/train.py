"""Train a run, a sweep (-m) or an ablation (+ablation=NAME)."""

import sys

from dropgrid.cli.dispatch import run

if __name__ == "__main__":
    sys.exit(run("train"))
