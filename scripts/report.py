"""Build table, figures and page from what is finished: python scripts/report.py NAME."""

import sys

from dropgrid.cli.report import main

if __name__ == "__main__":
    sys.exit(main())
