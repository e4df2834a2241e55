"""The W&B workspace and report of an ablation: python scripts/dashboard.py NAME [--dry-run] [--project P] [--entity E]

Local files stay the truth; this sends them, or says what it would send. Every cell is one run, whose id is the cell's.

  NAME alone     the workspace and the report, made or replaced, with the ablation's figures; tags of shared cells
  --dry-run      print them as JSON instead: no key, no network
  --sync         upload what was logged offline, in order; again does no harm
  --from-files   send finished and failed cells that W&B lacks, whatever their logger was; offline without a key
  --sweep        write a W&B sweep whose agents train the cells
  --project P    of W&B; else dropgrid
  --entity E     a W&B team; else your own
  --weights      with --from-files: the weights too, as artifacts
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.progress import track

from dropgrid.commands import parser, run, terminal
from dropgrid.errors import UserError
from dropgrid.loggers.wandb import has_key, line
from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import read
from dropgrid.store.files import write
from dropgrid.store.inventory import members
from dropgrid.store.layout import Outputs

TIMEOUT = 60
"""Seconds to wait for the service."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    expected = parser("dashboard", __doc__ or "")
    expected.add_argument("name", metavar="NAME", help="an ablation or a sweep")
    for flag in ("--dry-run", "--sync", "--from-files", "--sweep", "--weights"):
        expected.add_argument(flag, action="store_true", help=argparse.SUPPRESS)
    expected.add_argument("--project", default="dropgrid", help=argparse.SUPPRESS)
    expected.add_argument("--entity", default=None, help=argparse.SUPPRESS)
    return run(act, expected, arguments)


def act(given: argparse.Namespace) -> int:
    """What was asked for, in the order in which it makes sense."""
    if given.weights and not given.from_files:
        raise UserError("--weights goes with --from-files")
    if given.dry_run and (given.sync or given.from_files or given.sweep):
        raise UserError("--dry-run prints the workspace and the report; it excludes --sync, --from-files and --sweep")
    if given.sweep:
        write_sweep(given)
    failed = send_files(given) if given.from_files else 0
    if given.sync:
        upload(given)
    if not (given.sweep or given.from_files or given.sync):
        build(given)
    return int(failed > 0)


def write_sweep(given: argparse.Namespace) -> None:
    """The YAML, in the ablation's folder."""
    from dropgrid.dashboards.agents import sweep

    path = Outputs(given.outputs).ablation(given.name).wandb_sweep
    text = sweep(read(given.name, given.outputs), project=given.project, file=str(path))
    write(path, text)
    print(path)
    print(f"create the sweep with: wandb sweep {path}")


def send_files(given: argparse.Namespace) -> int:
    """Backfill, a line for what happened; how many could not be sent."""
    from dropgrid.dashboards import backfill

    cells = list({cell.id: cell for cell in read(given.name, given.outputs).cells}.values())
    named = members(given.outputs)
    ended = [cell for cell in cells if cell.status in backfill.ENDED]
    options: dict[str, Any] = {"project": given.project, "entity": given.entity, "mode": None}
    options |= {"timeout": TIMEOUT, "weights": given.weights}
    found: Counter[str] = Counter()
    for cell in track(ended, "sending", console=terminal(stderr=True), transient=True):
        member = backfill.members(cell, given.name, named[cell.id])
        name = f"{member[0][0]}/{cell.label}"
        found[backfill.send(cell, name, member, options)] += 1
    where = "sent" if has_key() else "written offline (no API key), --sync sends them"
    print(f"{found['sent']} of {len(ended)} cells {where}, {found['there']} were already there", end="")
    print(f", {found['failed']} could not be sent: run the command again" if found["failed"] else "", end="")
    print(f"; {len(cells) - len(ended)} are not trained yet" if len(cells) > len(ended) else "")
    return found["failed"]


def upload(given: argparse.Namespace) -> None:
    """Sync, a line for what happened."""
    from dropgrid.dashboards import sync

    ablation = read(given.name, given.outputs)
    keyed("nothing was sent")
    folders = sync.waiting(ablation.cells, given.outputs)
    if folders:
        sync.upload(folders, project=given.project, entity=given.entity)
    print(
        f"{len(folders)} runs uploaded" if folders else "nothing to upload: everything logged offline is already there"
    )


def keyed(otherwise: str) -> None:
    """UserError without an API key."""
    if not has_key():
        raise UserError(f"no W&B API key, {otherwise}: run `wandb login` or set WANDB_API_KEY")


def build(given: argparse.Namespace) -> None:
    """The workspace and the report, sent or printed."""
    try:
        from dropgrid.dashboards import service, workspace
        from dropgrid.dashboards.document import report
    except ImportError as error:
        raise UserError("dashboard.py needs wandb-workspaces: pip install 'dropgrid[dashboard]'") from error
    table = tabulate(read(given.name, given.outputs))
    folder = Outputs(given.outputs).ablation(given.name)
    figures = {f"figures/{path.stem}": path for path in folder.figures("png")}
    place = {"project": given.project, "entity": given.entity or ""}
    if given.dry_run:
        shown = {
            "workspace": service.data(workspace.workspace(table, **place)),
            "report": service.data(report(table, list(figures), **place)),
            "figures": {key: str(path) for key, path in figures.items()},
        }
        json.dump(shown, sys.stdout, indent=1, ensure_ascii=False)
        print()
        return
    keyed("--dry-run shows what would be sent without one")
    try:
        for said in service.send(table, figures, folder.wandb_memory, project=given.project, entity=given.entity):
            print(said)
    except Exception as error:
        raise UserError(f"W&B: {line(error)}; nothing here is lost, run the command again") from error
