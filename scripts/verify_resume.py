"""Kill a run wherever it hurts and compare it with one left alone: python scripts/verify_resume.py [OVERRIDES]."""

import sys

from dropgrid.cli.verify_resume import main

if __name__ == "__main__":
    sys.exit(main())
