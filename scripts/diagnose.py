"""Plot what a configuration does to its signal: python scripts/diagnose.py X [diagnose.key=value] [OVERRIDES]."""

import sys

from dropgrid.cli.dispatch import run

if __name__ == "__main__":
    sys.exit(run("diagnose"))
