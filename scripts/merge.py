"""Import finished cells of another outputs folder: python scripts/merge.py FROM [--yes]."""

import sys

from dropgrid.cli.merge import main

if __name__ == "__main__":
    sys.exit(main())
