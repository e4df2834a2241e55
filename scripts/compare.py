"""Compare runs that were trained elsewhere: python scripts/compare.py FILE…"""

import sys

from dropgrid.cli.dispatch import run

if __name__ == "__main__":
    sys.exit(run("compare"))
