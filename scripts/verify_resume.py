"""Kill a run at critical moments, compare with an uninterrupted one: python scripts/verify_resume.py [OVERRIDES]."""

import sys

from dropgrid.cli.dispatch import run

if __name__ == "__main__":
    sys.exit(run("verify_resume"))
