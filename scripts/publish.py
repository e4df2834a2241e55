"""Keep a finished ablation's table and figures under results/ and in the README: python scripts/publish.py NAME."""

import os
import sys
from pathlib import Path

from dropgrid.errors import UserError
from dropgrid.reports.publish import publish

if __name__ == "__main__":
    try:
        print(publish(sys.argv[1], Path(os.environ.get("DROPGRID_OUTPUTS", "outputs")), Path(__file__).parents[1]))
    except (UserError, IndexError) as error:
        sys.exit(f"usage: python scripts/publish.py NAME ({error})")
