"""Compare runs that were trained elsewhere: python scripts/compare.py FILE…"""

import sys

from dropgrid.cli.compare import main

if __name__ == "__main__":
    sys.exit(main())
