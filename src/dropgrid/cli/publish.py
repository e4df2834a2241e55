"""Keep a finished ablation's table and figures under results/ and in README and docs: python scripts/publish.py NAME.

With --from, write a published table again from the values beside it, after a change of what reports say. With
--diagnostic, keep what diagnose.py found in results/diagnostics/NAME.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from dropgrid import json_output
from dropgrid.commands import Parser, run_command, say
from dropgrid.errors import UserError
from dropgrid.paths import CHECKOUT_CONF
from dropgrid.reports.publish import publish, publish_again, publish_diagnostic


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    expected = Parser("publish", __doc__ or "")
    expected.add_argument("name", metavar="NAME", nargs="?")
    more = "a published folder, such as results/demo: its table again from the values in it; figures stay"
    expected.add_argument("--from", metavar="FOLDER", dest="published", type=Path, help=more)
    more = "a file of numbers that diagnose.py wrote: it and its figure are kept under the NAME"
    expected.add_argument("--diagnostic", metavar="FILE", type=Path, help=more)
    return run_command(act, expected, arguments)


def act(given: argparse.Namespace) -> int:
    """Copy the results into the checkout, and print the folder, or the tables that changed."""
    if (given.name is None) == (given.published is None):
        raise UserError("give the NAME of a finished ablation, or --from FOLDER of a published one")
    if given.diagnostic is not None and given.name is None:
        raise UserError("--diagnostic FILE needs the NAME under which it is kept")
    if given.published is None:
        root = CHECKOUT_CONF.parent
        if given.diagnostic is not None:
            folder = publish_diagnostic(given.diagnostic, given.name, root)
        else:
            folder = publish(given.name, given.outputs, root)
        json_output.give(folder=folder)
        say(str(folder))
        return 0
    changed = publish_again(given.published.absolute(), CHECKOUT_CONF.parent)
    json_output.give(folder=given.published, changed=changed)
    say("\n".join(map(str, changed)) or f"{given.published} has this table")
    return 0
