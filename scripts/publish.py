"""Copy a finished ablation to results/ and into README and docs: python scripts/publish.py NAME."""

import sys
from pathlib import Path

from dropgrid.commands import parser, run
from dropgrid.reports.publish import publish


def act(given):
    print(publish(given.name, given.outputs, Path(__file__).parents[1]))
    return 0


if __name__ == "__main__":
    expected = parser("publish", __doc__)
    expected.add_argument("name", metavar="NAME")
    sys.exit(run(act, expected, None))
