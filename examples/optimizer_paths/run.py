"""Optimizers' paths over functions of two numbers: python examples/optimizer_paths/run.py [SURFACE…] [FLAGS]."""

import sys

from optimizer_paths.command import main

if __name__ == "__main__":
    sys.exit(main())
