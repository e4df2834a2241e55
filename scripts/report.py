"""Build table, figures and page from what is finished: python scripts/report.py NAME."""

import sys

from dropgrid.cli.dispatch import run

if __name__ == "__main__":
    sys.exit(run("report"))
