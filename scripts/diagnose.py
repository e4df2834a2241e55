"""Plot what a configuration does to its signal: python scripts/diagnose.py X [diagnose.key=value] [OVERRIDES]."""

import sys

from dropgrid.cli.diagnose import main

if __name__ == "__main__":
    sys.exit(main())
