"""Show disk use of outputs and free space: python scripts/clean.py [NAME…] [FLAGS] [--yes]."""

import sys

from dropgrid.cli.clean import main

if __name__ == "__main__":
    sys.exit(main())
