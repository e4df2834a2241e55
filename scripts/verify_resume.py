"""Kill a run at critical moments, compare with an uninterrupted one: python scripts/verify_resume.py [OVERRIDES]."""

import sys

from dropgrid.cli.verify_resume import main

if __name__ == "__main__":
    sys.exit(main())
