"""Keep a finished ablation's table and figures under results/ and in the README: python scripts/publish.py NAME."""

import sys

from dropgrid.cli.publish import main

if __name__ == "__main__":
    sys.exit(main())
