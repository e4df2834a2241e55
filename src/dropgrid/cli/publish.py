"""Keep a finished ablation's table and figures under results/ and in the README: python scripts/publish.py NAME."""

import argparse
from collections.abc import Sequence

from dropgrid.commands import command_parser, run_command, say
from dropgrid.paths import CHECKOUT_CONF
from dropgrid.reports.publish import publish


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    expected = command_parser("publish", __doc__ or "")
    expected.add_argument("name", metavar="NAME")
    return run_command(act, expected, arguments)


def act(given: argparse.Namespace) -> int:
    """Copy the results into the checkout, and print the folder."""
    say(str(publish(given.name, given.outputs, CHECKOUT_CONF.parent)))
    return 0
