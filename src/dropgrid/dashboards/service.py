"""Send an ablation's figures, tags, workspace and report to W&B."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from dropgrid.dashboards.document import make_report, report_tag
from dropgrid.dashboards.workspace import make_workspace
from dropgrid.loggers import wandb as runs
from dropgrid.reports.table import Table
from dropgrid.store.files import read_json, write_json
from dropgrid.store.layout import AblationFolder


def as_plain_data(specification: Any) -> Any:
    """Return a workspace or report as lists and dictionaries: class names and arguments."""
    if isinstance(specification, list):
        return [as_plain_data(each) for each in specification]
    if not is_dataclass(specification):
        return specification
    given = {each.name: getattr(specification, each.name) for each in fields(specification)}
    kept = {
        key: as_plain_data(value)
        for key, value in given.items()
        if key[0] != "_" and value not in (None, "", (), (None, None), [], {})
    }
    return {"class": type(specification).__name__, **kept}


def send_ablation(
    table: Table, figures: Mapping[str, Path], memory: Path, *, project: str, entity: str | None
) -> Iterator[str]:
    """Send figures, tags, workspace and report; yield a line after each.

    `memory` is the file that records, by project, what the next call replaces.
    """
    import wandb

    api = wandb.Api()
    place = {"project": project, "entity": entity or str(api.default_entity)}
    remembered = read_json(memory) or {}
    known = remembered.setdefault("{entity}/{project}".format(**place), {})
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in figures.values())).hexdigest()
    if known.get("figures") != digest:
        send_figures(table.ablation.name, figures, memory.parent, **place)
        known["figures"] = digest
        yield f"{len(figures)} figures"
    tagged = tag_runs(api, table, **place)
    yield f"{tagged} runs tagged {runs.ablation_tag(table.ablation.name)}"
    made = make_workspace(table, **place, **known.get("workspace", {}))
    made.save()
    known["workspace"] = {"name": made._internal_name, "id": made._internal_id}
    yield f"workspace: {made.url}"
    written = make_report(table, list(figures), **place, **known.get("report", {}))
    written.save()
    known["report"] = {"id": written.id}
    write_json(memory, remembered)
    yield f"report: {written.url}"


def send_figures(name: str, figures: Mapping[str, Path], folder: Path, *, project: str, entity: str) -> None:
    """Send the ablation's figures as a separate run."""
    import wandb

    about: dict[str, Any] = {
        "id": f"report-{hashlib.sha256(name.encode()).hexdigest()[:16]}",
        "name": f"{name}: figures",
    }
    about |= {"group": runs.short_tag(name), "job_type": "report", "tags": [report_tag(name)], "resume": "allow"}
    settings = wandb.Settings(console="off", silent=True, x_disable_stats=True)
    place = str(AblationFolder(folder).outputs.root)
    with wandb.init(**about, project=project, entity=entity, dir=place, settings=settings) as run:
        run.log({key: wandb.Image(str(path)) for key, path in figures.items()})


def tag_runs(api: Any, table: Table, *, project: str, entity: str) -> int:
    """Add tags and row to the ablation's runs that lack them; return how many runs there are."""
    rows = {cell.id: cell.row for cell in table.ablation.cells}
    name = table.ablation.name
    found = 0
    for run in api.runs(f"{entity}/{project}", filters={"name": {"$in": list(rows)}}):
        wanted = runs.membership_tags([(name, rows[run.id])])
        here = dict(run.config.get("rows") or {})
        if not set(wanted) <= set(run.tags) or here.get(runs.rows_key(name)) != rows[run.id]:
            run.tags = list(dict.fromkeys([*run.tags, *wanted]))
            run.config["rows"] = {**here, **runs.rows_config([(name, rows[run.id])])}
            run.update()
        found += 1
    return found
