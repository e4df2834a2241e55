"""Show what would run and what it costs: python scripts/plan.py +ablation=NAME [OVERRIDES]."""

import sys

from dropgrid.cli.dispatch import run

if __name__ == "__main__":
    sys.exit(run("plan"))
