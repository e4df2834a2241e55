"""A run and an artifact as the stand-in for the Weights & Biases service keeps them."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ENTITY = "tester"  # who the API key belongs to
CREATED = "2026-01-01T00:00:00Z"
HISTORY, SUMMARY, EVENTS, OUTPUT = "wandb-history.jsonl", "wandb-summary.json", "wandb-events.jsonl", "output.log"


@dataclass
class Artifact:
    """One version of an artifact: `manifest` maps its files to their digests, `files` to the bytes that came."""

    aliases: list[str]
    committed: bool = False
    document: bytes = b""
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def manifest(self) -> dict[str, str]:
        return {name: entry["digest"] for name, entry in json.loads(self.document)["contents"].items()}


@dataclass
class Run:
    """A run as the service knows it."""

    id: str
    project: str
    entity: str
    silence: float
    name: str | None = None
    group: str | None = None
    job_type: str | None = None
    notes: str | None = None
    tags: list[str] = field(default_factory=list)
    document: dict[str, Any] = field(default_factory=dict)  # the config as sent, {key: {"value": …}}
    lines: dict[str, list[str]] = field(default_factory=dict)  # the file stream, by file
    uploads: dict[str, bytes] = field(default_factory=dict)
    artifacts: dict[str, list[Artifact]] = field(default_factory=dict)  # "name/type" -> versions
    exit_code: int | None = None
    starts: int = 0  # how often a client opened it
    heard: float = 0.0

    @property
    def config(self) -> dict[str, Any]:
        return {key: entry["value"] for key, entry in self.document.items() if key != "_wandb"}

    @property
    def history(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines.get(HISTORY, []) if line]

    @property
    def summary(self) -> dict[str, Any]:
        return json.loads((self.lines.get(SUMMARY) or ["{}"])[-1])

    @property
    def files(self) -> dict[str, bytes]:
        return {OUTPUT: "\n".join(self.lines[OUTPUT]).encode()} | self.uploads if OUTPUT in self.lines else self.uploads

    @property
    def state(self) -> str:
        if self.exit_code is not None:
            return "failed" if self.exit_code else "finished"
        return "crashed" if time.monotonic() - self.heard > self.silence else "running"

    def stream(self, message: Mapping[str, Any]) -> None:
        """Put lines where their offsets say, so that what is sent twice stands once."""
        for name, part in (message.get("files") or {}).items():
            lines, start = self.lines.setdefault(name, []), part["offset"]
            lines.extend([""] * (start - len(lines)))
            lines[start : start + len(part["content"])] = part["content"]
        if message.get("complete"):
            self.exit_code = message.get("exitcode", 0)

    def upsert(self, given: Mapping[str, Any]) -> None:
        """Take what a message gives; one that tells the host opens the run, the others change it."""
        if given.get("host"):
            self.starts, self.exit_code = self.starts + 1, None
        names = {"displayName": "name", "display_name": "name", "groupName": "group", "jobType": "job_type"}
        for key, name in (names | {"notes": "notes", "tags": "tags"}).items():
            if given.get(key) is not None:
                setattr(self, name, given[key])
        if given.get("config"):
            self.document = json.loads(given["config"])
        if given.get("summaryMetrics"):
            self.lines[SUMMARY] = [given["summaryMetrics"]]

    def node(self) -> dict[str, Any]:
        """The fields of every query about a run; a client takes those it asked for."""
        history, events, output = (self.lines.get(name, []) for name in (HISTORY, EVENTS, OUTPUT))
        own = self.document.get("_wandb", {}).get("value", {})
        node: dict[str, Any] = {
            "id": f"{self.entity}/{self.project}/{self.id}",
            "name": self.id,
            "displayName": self.name or self.id,
            "group": self.group,
            "jobType": self.job_type,
            "notes": self.notes,
            "tags": self.tags,
            "state": self.state,
            "config": json.dumps(self.document),
            "summaryMetrics": json.dumps(self.summary),
            "systemMetrics": "{}",
            "history": [line for line in history if line],
            "historyLineCount": len(history),
            "historyTail": json.dumps(history[-1:]),
            "eventsLineCount": len(events),
            "eventsTail": json.dumps(events[-1:]),
            "logLineCount": len(output),
            "createdAt": CREATED,
            "heartbeatAt": CREATED,
            "readOnly": False,
            "user": {"name": ENTITY, "username": ENTITY},
            "projectId": "1",
            "project": about(self.entity, self.project),
        }
        if "t" in own:  # a client resumes no run without it
            node["wandbConfig"] = json.dumps({"t": own["t"]})
        return node | dict.fromkeys(("sweepName", "commit", "description", "historyKeys"))

    def matches(self, wanted: Mapping[str, Any]) -> bool:
        """Whether a filter of `Api.runs` takes this run: equality, $in, $and and $or; KeyError for any other."""
        known: dict[str, Any] = {"name": self.id, "display_name": self.name, "state": self.state, "tags": self.tags}
        known |= {"group": self.group, "jobType": self.job_type}
        known |= {f"config.{key}": value for key, value in self.config.items()}
        for key, value in wanted.items():
            if key in ("$and", "$or"):
                fits = (all if key == "$and" else any)(self.matches(part) for part in value)
            else:
                have = known[key] if isinstance(known[key], list) else [known[key]]
                fits = any(one in have for one in (value["$in"] if isinstance(value, dict) else [value]))
            if not fits:
                return False
        return True


def about(entity: str, project: str) -> dict[str, Any]:
    """A project's own fields."""
    names = {"id": f"{entity}/{project}", "internalId": "1", "name": project, "entityName": entity}
    return names | {"entity": {"id": entity, "name": entity}, "createdAt": CREATED, "isBenchmark": False, "user": None}
