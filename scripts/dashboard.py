"""Create the W&B workspace and report: python scripts/dashboard.py NAME [--dry-run | --sync | --from-files]."""

import sys

from dropgrid.cli.dashboard import main

if __name__ == "__main__":
    sys.exit(main())
