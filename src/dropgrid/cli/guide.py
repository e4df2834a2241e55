"""Print what a program or an agent needs to plan, run and read an ablation: python scripts/guide.py"""

import argparse
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from dropgrid import json_output
from dropgrid.commands import Parser, run_command, say

GUIDE = Path(__file__).with_name("guide.md")
VERSION = 1
"""Raised when a reader of the guide would have to act differently."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_command(act, Parser("guide", __doc__ or "", writes=False), arguments)


def act(_: argparse.Namespace) -> int:
    """Print the guide, below a heading that names its version and dropgrid's."""
    text = f"# dropgrid guide, version {VERSION} (dropgrid {version('dropgrid')})\n\n{GUIDE.read_text('utf-8')}"
    json_output.give(version=VERSION, text=text)
    if not json_output.wanted():
        say(text, end="")
    return 0
