"""The stand-in's answers: the GraphQL operations of wandb 0.31 and wandb-workspaces 0.4, the file stream, uploads."""

import base64
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

from wandb_service.run import CREATED, ENTITY, Artifact, Run, about


def edges(nodes: list[dict[str, Any]]) -> dict[str, Any]:
    """A page that holds them all."""
    end = {"__typename": "PageInfo", "endCursor": None, "hasNextPage": False}
    return {"edges": [{"node": node, "cursor": str(n)} for n, node in enumerate(nodes)], "pageInfo": end}


def shown(view: Mapping[str, Any]) -> dict[str, Any]:
    """A workspace or report as queries see it."""
    texts = {"displayName": view["display_name"], "spec": json.dumps(view["spec"])}
    texts |= {"createdAt": CREATED, "updatedAt": CREATED}
    return {**view, **texts, "project": about(view["entity"], view["project"])}


class Answers:
    """What clients told; a method `on_X` answers the GraphQL operation X."""

    def __init__(self, silence: float):
        self.silence = silence  # seconds without a word after which a run has crashed
        self.runs: dict[str, Run] = {}
        self.views: list[dict[str, Any]] = []  # workspaces and reports
        self.unknown: list[str] = []
        self.projects: dict[str, dict[str, Any]] = {}
        self.artifacts: list[Artifact] = []
        self.url = ""

    def answer(self, line: str, body: bytes) -> dict[str, Any]:
        """The JSON for a request ("POST /graphql Viewer"); an exception where there is none."""
        _, path, *operation = line.split()
        first, *parts = (unquote(part) for part in path.strip("/").split("/"))
        if operation:
            return {"data": getattr(self, f"on_{operation[0]}")(json.loads(body).get("variables") or {})}
        if first == "files":
            run = self.runs[parts[2]]
            run.heard = time.monotonic()
            if parts[3:] == ["file_stream"]:
                run.stream(json.loads(body))
            else:
                run.uploads["/".join(parts[3:])] = body
        elif first == "artifact":
            artifact = self.artifacts[int(parts[0])]
            if len(parts) == 1:
                artifact.document = body
            else:
                artifact.files["/".join(parts[1:])] = body
        elif first != "sdk":  # telemetry
            raise ValueError(f"no such path: {path}")
        return {}

    def run(self, given: Mapping[str, Any]) -> Run | None:
        run = self.runs.get(given.get("name") or given.get("run") or given.get("runName") or "")
        return run if run and (run.entity, run.project) == (given["entity"] or ENTITY, given["project"]) else None

    def on_Viewer(self, given: Mapping[str, Any]) -> dict[str, Any]:
        names = {"id": "1", "entity": ENTITY, "username": ENTITY, "email": f"{ENTITY}@localhost", "flags": "{}"}
        return {"viewer": names | {"teams": edges([{"name": ENTITY}])}}

    on_GetDefaultEntity = on_Viewer

    def on_ServerFeaturesQuery(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {"serverInfo": {"features": []}}

    def on_OrganizationCoreWeaveOrganizationID(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {"entity": {"organization": None}}

    def on_RunResumeStatus(self, given: Mapping[str, Any]) -> dict[str, Any]:
        run = self.run(given)
        return {"model": about(given["entity"] or ENTITY, given["project"]) | {"bucket": run and run.node()}}

    def on_UpsertBucket(self, given: Mapping[str, Any]) -> dict[str, Any]:
        key = given["id"].split("/")[-1] if given.get("id") else given["name"]
        inserted = key not in self.runs
        if inserted:
            self.runs[key] = Run(key, given["project"], given["entity"] or ENTITY, self.silence)
            self.add_project(self.runs[key].entity, self.runs[key].project)
        run = self.runs[key]
        if given.get("project") not in (None, run.project):
            raise ValueError(f"run {key} is in {run.project}; the stand-in keeps an id in one project")
        run.heard = time.monotonic()
        run.upsert(given)
        return {"upsertBucket": {"bucket": run.node(), "inserted": inserted}}

    def on_CreateRunFiles(self, given: Mapping[str, Any]) -> dict[str, Any]:
        where = f"{self.url}/files/{given['entity']}/{given['project']}/{given['run']}"
        files = [{"name": name, "uploadUrl": f"{where}/{quote(name)}"} for name in given["files"]]
        return {"createRunFiles": {"runID": given["run"], "uploadHeaders": [], "files": files}}

    def on_CreateArtifact(self, given: Mapping[str, Any]) -> dict[str, Any]:
        given = given["input"]
        artifact = Artifact([alias["alias"] for alias in given["aliases"] or []])
        name = f"{given['artifactCollectionName']}/{given['artifactTypeName']}"
        self.runs[given["runName"]].artifacts.setdefault(name, []).append(artifact)
        self.artifacts.append(artifact)
        node = {"id": str(len(self.artifacts) - 1), "state": "PENDING", "artifactSequence": {"latestArtifact": None}}
        return {"createArtifact": {"artifact": node}}

    def on_CreateArtifactManifest(self, given: Mapping[str, Any]) -> dict[str, Any]:
        key = given["artifactID"]
        upload = {"id": key, "uploadUrl": f"{self.url}/artifact/{key}", "uploadHeaders": []}
        return {"createArtifactManifest": {"artifactManifest": {"id": key, "file": upload}}}

    def on_CreateArtifactFiles(self, given: Mapping[str, Any]) -> dict[str, Any]:
        nodes = []
        for file in given["input"]["artifactFiles"]:
            path = f"artifact/{file['artifactID']}/{quote(file['name'])}"
            node = {"storagePath": path, "uploadUrl": f"{self.url}/{path}", "uploadHeaders": []}
            nodes.append(node | {"uploadMultipartUrls": None, "artifact": {"id": file["artifactID"]}})
        return {"createArtifactFiles": {"files": edges(nodes)}}

    def on_CommitArtifact(self, given: Mapping[str, Any]) -> dict[str, Any]:
        self.artifacts[int(given["artifactID"])].committed = True
        return {"commitArtifact": {"artifact": {"id": given["artifactID"], "digest": ""}}}

    def on_project(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What the public Api asks of a project: its runs, one run, its views; an artifact it never has."""
        entity, project = given.get("entity") or given["entityName"], given.get("project") or given["projectName"]
        if f"{entity}/{project}" not in self.projects:
            return {"project": None}
        inside = [run for run in self.runs.values() if (run.entity, run.project) == (entity, project)]
        runs = [run.node() for run in inside if run.matches(json.loads(given.get("filters") or "{}"))]
        run = self.run({**given, "entity": entity, "project": project})
        views = [shown(view) for view in self.views if view["name"] == given.get("viewName")]
        found = {"run": run and run.node(), "runs": edges(runs), "runCount": len(runs), "readOnly": False}
        return {"project": about(entity, project) | found | {"allViews": edges(views), "artifact": None}}

    on_Run = on_Runs = on_RunState = on_RunFullHistory = on_ArtifactType = on_project
    on_View = on_ProjectInternalId = on_project

    def add_project(self, entity: str, project: str) -> dict[str, Any]:
        return self.projects.setdefault(f"{entity}/{project}", about(entity, project))

    def on_GetProjects(self, given: Mapping[str, Any]) -> dict[str, Any]:
        found = [one for one in self.projects.values() if one["entityName"] == given["entity"]]
        return {"models": edges([one | {"__typename": "Project"} for one in found])}

    def on_CreateProject(self, given: Mapping[str, Any]) -> dict[str, Any]:
        made = self.add_project(given["input"]["entityName"], given["input"]["name"])
        return {"result": {"project": made, "model": made, "inserted": True}}

    def on_upsertView(self, given: Mapping[str, Any]) -> dict[str, Any]:
        self.projects[f"{given['entityName']}/{given['projectName']}"]  # it must be there
        view = next((view for view in self.views if view["id"] == given.get("id")), None)
        inserted = view is None
        if view is None:
            view = {"id": base64.b64encode(f"View:{len(self.views)}".encode()).decode()}  # the client decodes it
            self.views.append(view)
        keys = {"entityName": "entity", "projectName": "project", "displayName": "display_name"}
        keys |= {key: key for key in ("type", "name", "description")}
        view |= {name: given[key] for key, name in keys.items()} | {"spec": json.loads(given["spec"])}
        return {"upsertView": {"view": shown(view), "inserted": inserted}}

    on_UpsertView2 = on_upsertView

    def on_SpecificReport(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {"view": next((shown(view) for view in self.views if view["id"] == given["reportId"]), None)}
