"""Plot optimizer paths on functions of two variables: python scripts/optimizer_paths.py [SURFACE…] [FLAGS]."""

import sys

from dropgrid.optimizer_paths.command import main

if __name__ == "__main__":
    sys.exit(main())
