"""Copy a finished ablation to results/ and into README and docs: python scripts/publish.py NAME."""

import sys

from dropgrid.cli.publish import main

if __name__ == "__main__":
    sys.exit(main())
