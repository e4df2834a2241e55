"""Send an ablation to W&B: python scripts/dashboard.py NAME [--dry-run] [--project P] [--entity E]

W&B shows a copy of the local files, which stay authoritative. Every cell is one run, with the cell's id.

  NAME alone     create or replace the workspace and the report, with the ablation's figures; tag shared cells
  --dry-run      print them as JSON instead; needs no API key and no network
  --sync         upload what was logged offline, in order; may be repeated
  --from-files   send finished and failed cells that W&B lacks, whatever their logger was; offline without an API key
  --sweep        write a W&B sweep whose agents train the cells
  --project P    W&B project; default: dropgrid
  --entity E     W&B team; default: your own
  --weights      with --from-files: also send weights, as artifacts
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.progress import track

from dropgrid import json_output
from dropgrid.commands import Parser, run_command, say, terminal
from dropgrid.errors import UserError
from dropgrid.loggers.wandb import first_line, has_key
from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import read
from dropgrid.store.files import write
from dropgrid.store.inventory import members
from dropgrid.store.layout import Outputs

TIMEOUT = 60
"""Seconds to wait for the service."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    expected = Parser("dashboard", __doc__ or "")
    expected.add_argument("name", metavar="NAME", help="an ablation or a sweep")
    for flag in ("--dry-run", "--sync", "--from-files", "--sweep", "--weights"):
        expected.add_argument(flag, action="store_true", help=argparse.SUPPRESS)
    expected.add_argument("--project", default="dropgrid", help=argparse.SUPPRESS)
    expected.add_argument("--entity", default=None, help=argparse.SUPPRESS)
    return run_command(act, expected, arguments)


def act(given: argparse.Namespace) -> int:
    """Do what the flags request: write the sweep, send files, upload offline runs, else build the workspace."""
    if given.weights and not given.from_files:
        raise UserError("--weights goes with --from-files")
    if given.dry_run and (given.sync or given.from_files or given.sweep):
        raise UserError("--dry-run prints the workspace and the report; it excludes --sync, --from-files and --sweep")
    if given.sweep:
        write_sweep(given)
    failed = send_files(given) if given.from_files else 0
    if given.sync:
        upload_offline_runs(given)
    if not (given.sweep or given.from_files or given.sync):
        build_workspace(given)
    return int(failed > 0)


def write_sweep(given: argparse.Namespace) -> None:
    """Write the W&B sweep into the ablation's folder."""
    from dropgrid.dashboards.agents import sweep_yaml

    path = Outputs(given.outputs).ablation(given.name).wandb_sweep
    text = sweep_yaml(read(given.name, given.outputs), project=given.project, file=str(path))
    write(path, text)
    json_output.give(sweep=path)
    say(str(path))
    say(f"create the sweep with: wandb sweep {path}")


def send_files(given: argparse.Namespace) -> int:
    """Send cells from their files and print a summary; return how many could not be sent."""
    from dropgrid.dashboards import backfill

    cells = list({cell.id: cell for cell in read(given.name, given.outputs).cells}.values())
    named = members(given.outputs)
    ended = [cell for cell in cells if cell.status in backfill.ENDED]
    options: dict[str, Any] = {"project": given.project, "entity": given.entity, "mode": None}
    options |= {"timeout": TIMEOUT, "weights": given.weights}
    found: Counter[str] = Counter()
    for cell in track(ended, "sending", console=terminal(stderr=True), transient=True):
        member = backfill.cell_memberships(cell, given.name, named[cell.id])
        name = f"{member[0][0]}/{cell.label}"
        found[backfill.send_cell(cell, name, member, options)] += 1
    counts = {each: found[each] for each in ("sent", "there", "failed")}
    json_output.give(cells={**counts, "not_trained": len(cells) - len(ended)})
    where = "sent" if has_key() else "written offline (no API key), --sync sends them"
    print(f"{found['sent']} of {len(ended)} cells {where}, {found['there']} were already there", end="")
    print(f", {found['failed']} could not be sent: run the command again" if found["failed"] else "", end="")
    print(f"; {len(cells) - len(ended)} are not trained yet" if len(cells) > len(ended) else "")
    return found["failed"]


def upload_offline_runs(given: argparse.Namespace) -> None:
    """Upload the runs that were logged offline, and print how many."""
    from dropgrid.dashboards import sync

    ablation = read(given.name, given.outputs)
    require_key("nothing was sent")
    folders = sync.pending_folders(ablation.cells, given.outputs)
    json_output.give(uploaded=len(folders))
    if folders:
        sync.upload_folders(folders, project=given.project, entity=given.entity)
    print(
        f"{len(folders)} runs uploaded" if folders else "nothing to upload: everything logged offline is already there"
    )


def require_key(otherwise: str) -> None:
    """Raise UserError if there is no API key."""
    if not has_key():
        raise UserError(f"no W&B API key, {otherwise}: run `wandb login` or set WANDB_API_KEY")


def build_workspace(given: argparse.Namespace) -> None:
    """Send the workspace and the report, or print them."""
    try:
        from dropgrid.dashboards import service, workspace
        from dropgrid.dashboards.document import make_report
    except ImportError as error:
        raise UserError("dashboard.py needs wandb-workspaces: pip install 'dropgrid[dashboard]'") from error
    table = tabulate(read(given.name, given.outputs))
    folder = Outputs(given.outputs).ablation(given.name)
    figures = {f"figures/{path.stem}": path for path in folder.figures("png")}
    place = {"project": given.project, "entity": given.entity or ""}
    if given.dry_run:
        shown = {
            "workspace": service.as_plain_data(workspace.make_workspace(table, **place)),
            "report": service.as_plain_data(make_report(table, list(figures), **place)),
            "figures": {key: str(path) for key, path in figures.items()},
        }
        json_output.give(**shown)
        if not json_output.wanted():
            json.dump(shown, sys.stdout, indent=1, ensure_ascii=False)
            print()
        return
    require_key("--dry-run shows what would be sent without one")
    try:
        for message in service.send_ablation(
            table, figures, folder.wandb_memory, project=given.project, entity=given.entity
        ):
            json_output.add("messages", message)
            say(message)
    except Exception as error:
        raise UserError(f"W&B: {first_line(error)}; nothing here is lost, run the command again") from error
