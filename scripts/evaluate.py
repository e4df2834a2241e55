"""Measure finished cells without training: python scripts/evaluate.py NAME +evaluate=X [evaluate.key=value]."""

import sys

from dropgrid.cli.evaluate import main

if __name__ == "__main__":
    sys.exit(main())
