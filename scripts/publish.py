"""Copy a finished ablation to results/ and into README and docs: python scripts/publish.py NAME."""

import sys

from dropgrid.cli.dispatch import run

if __name__ == "__main__":
    sys.exit(run("publish"))
