"""The stand-in for the Weights & Biases service before the real client, each in a process and a home of its own."""

import json
import time
import urllib.error
import urllib.request

import pytest
from wandb_service.clients import Clients, until
from wandb_service.service import Service

pytestmark = pytest.mark.slow  # of the stand-in, which only slow tests use
SETTINGS = "wandb.Settings(console='off', silent=True, x_transaction_log_flush_interval=0.1{more})"
BEGIN = f"import os, time, wandb\nrun = wandb.init(project='p', id='one', resume='allow', settings={SETTINGS}"


@pytest.fixture
def service():
    with Service() as service:
        yield service
    assert service.unknown == []


@pytest.fixture
def clients(service, tmp_path):
    with Clients(service, tmp_path) as clients:
        yield clients


def begin(about: str = "", more: str = "") -> str:
    """A script's first lines, with more arguments for wandb.init and for its settings."""
    return BEGIN.format(more=more) + f", {about})\n"


def rows(first: int, last: int, arguments: str = "") -> str:
    return f"for i in range({first}, {last}): run.log({{'loss': float(i)}}{arguments})\n"


def losses(service: Service) -> list[float]:
    return [row["loss"] for row in service.runs["one"].history]


def ask(service: Service, path: str, content: object) -> object:
    request = urllib.request.Request(service.url + path, json.dumps(content).encode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


def test_a_run_arrives_whole(service, clients):
    about = "name='a name', group='g', job_type='j', tags=['s', 't'], config={'x': 1, 'y': {'z': [1, None]}}"
    text = begin(about) + rows(0, 3)
    text += "import numpy\nrun.log({'picture': wandb.Image(numpy.zeros((4, 5, 3), numpy.uint8))})\n"
    text += "run.config['late'] = 2\nrun.summary['best'] = 7\nrun.finish()"
    clients.python(text)
    run = service.runs["one"]
    assert (run.project, run.entity, run.name, run.group, run.job_type) == ("p", "tester", "a name", "g", "j")
    assert (run.tags, run.config) == (["s", "t"], {"x": 1, "y": {"z": [1, None]}, "late": 2})
    assert [row["_step"] for row in run.history] == [0, 1, 2, 3]
    assert [row["loss"] for row in run.history[:3]] == [0, 1, 2]
    picture = run.history[3]["picture"]
    assert run.files[picture["path"]].startswith(b"\x89PNG") and (picture["width"], picture["height"]) == (5, 4)
    assert (run.summary["best"], run.summary["loss"]) == (7, 2)
    assert (run.exit_code, run.state, run.starts) == (0, "finished", 1)


def test_what_is_printed_arrives(service, clients):
    clients.python(begin().replace("'off'", "'wrap'") + "print('first')\nprint('second')\nrun.finish()")
    assert service.runs["one"].files["output.log"].split() == [b"first", b"second"]


def test_a_failed_run(service, clients):
    clients.python(begin() + rows(0, 1) + "run.finish(exit_code=3)")
    assert (service.runs["one"].exit_code, service.runs["one"].state) == (3, "failed")


def test_a_killed_run_has_crashed_after_a_silence(service, clients):
    clients.python(begin() + "time.sleep(0.5)\nos.kill(os.getpid(), 9)", code=-9)
    run = service.runs["one"]
    assert (run.exit_code, run.state) == (None, "running")
    run.silence = 0.0
    assert run.state == "crashed"


def test_a_second_attempt_continues_the_run(service, clients):
    clients.python(begin("config={'x': 1}") + rows(0, 3) + "run.finish(exit_code=1)")
    resumed = begin("config={'y': 2}") + "print(run.resumed, run.starting_step)\n"
    told = clients.python(resumed + rows(2, 5) + "run.finish()")
    assert told.split()[:2] == ["True", "3"]
    run = service.runs["one"]
    assert [(row["_step"], row["loss"]) for row in run.history] == [(0, 0), (1, 1), (2, 2), (3, 2), (4, 3), (5, 4)]
    assert (run.config, run.state, run.starts) == ({"x": 1, "y": 2}, "finished", 2)


def test_a_second_attempt_that_names_its_steps_repeats_none(service, clients):
    clients.python(begin() + rows(0, 3, ", step=i") + "run.finish(exit_code=1)")
    clients.python(begin() + rows(0, 5, ", step=i") + "run.finish()")
    assert losses(service) == [0, 1, 2, 3, 4]


def test_an_artifact_arrives(service, clients):
    text = begin() + "thing = wandb.Artifact('weights', 'model')\n"
    text += "with thing.new_file('a folder/w.txt') as file: file.write('seven')\n"
    clients.python(text + "run.log_artifact(thing, aliases=['best'])\nrun.finish()")
    (artifact,) = service.runs["one"].artifacts["weights/model"]
    assert artifact.files == {"a folder/w.txt": b"seven"} and list(artifact.manifest) == ["a folder/w.txt"]
    assert artifact.committed and "best" in artifact.aliases


def test_the_public_api_finds_runs_and_tags_them(service, clients):
    text = """
import wandb
for one in "ab":
    run = wandb.init(project="p", id=one, tags=["old", one], config={"x": one})
    run.log({"loss": 1.0})
    run.finish()
api = wandb.Api()
run = api.run("tester/p/a")
assert (run.id, run.tags, run.config, run.summary["loss"], run.state) == ("a", ["old", "a"], {"x": "a"}, 1, "finished")
run.tags = [*run.tags, "new"]
run.update()
def find(**filters): return [run.id for run in api.runs("tester/p", filters=filters)]
assert (find(), find(tags="new"), find(tags={"$in": ["b", "new"]})) == (["a", "b"], ["a"], ["a", "b"])
assert find(**{"$or": [{"config.x": "b"}, {"state": "failed"}]}) == ["b"]
for absent in ("tester/p/c", "tester/q/a"):
    try:
        api.run(absent)
    except wandb.errors.CommError as error:
        print(error)
"""
    assert clients.python(text).count("Could not find run") == 2
    run = service.runs["a"]
    assert (run.tags, run.config, run.summary["loss"], run.starts) == (["old", "a", "new"], {"x": "a"}, 1, 1)
    assert service.runs["b"].tags == ["old", "b"]


def test_a_workspace_and_a_report_are_saved_and_changed(service, clients):
    clients.python(begin() + "run.finish()")
    text = """
import wandb_workspaces.reports.v2 as wr
import wandb_workspaces.workspaces as ws
panels = [wr.LinePlot(x="step", y=["loss"])]
workspace = ws.Workspace(entity="tester", project="p", name="first", sections=[ws.Section(name="s", panels=panels)])
workspace.save()
workspace = ws.Workspace.from_url(workspace.url)
workspace.name = "second"
workspace.save()
runs = wr.Runset(entity="tester", project="p")
report = wr.Report(entity="tester", project="q", title="t", blocks=[wr.PanelGrid(runsets=[runs], panels=panels)])
report.save()
report = wr.Report.from_url(report.url)
report.title = "u"
report.save()
"""
    clients.python(text)
    workspace, report = service.views
    assert (workspace["type"], workspace["display_name"], workspace["project"]) == ("project-view", "second", "p")
    (section,) = [one for one in workspace["spec"]["section"]["panelBankConfig"]["sections"] if one["name"] == "s"]
    assert section["panels"][0]["config"]["metrics"] == ["loss"]
    assert (report["type"], report["display_name"], report["project"]) == ("runs", "u", "q")
    grid = next(block for block in report["spec"]["blocks"] if block["type"] == "panel-grid")
    assert grid["metadata"]["runSets"][0]["project"]["name"] == "p"


def test_an_offline_run_is_synced_once(service, clients):
    clients.python(begin("mode='offline', tags=['t'], config={'x': 1}") + rows(0, 3) + "run.finish(exit_code=1)")
    assert service.requests == []
    told = clients.sync(*clients.folders) + clients.sync(*clients.folders)
    run = service.runs["one"]
    assert (losses(service), run.tags, run.config, run.state) == ([0, 1, 2], ["t"], {"x": 1}, "failed")
    assert "Skipped 1 synced run" in told and run.starts == 1


KILLED = begin("mode='offline'") + "{rows}time.sleep(2)\nos.kill(os.getpid(), 9)"


@pytest.fixture
def attempts(clients):
    """The folders of a killed offline run, three rows long, and of its second attempt, which begins at the third."""
    clients.python(KILLED.format(rows=rows(0, 3)), code=-9)
    time.sleep(1.1)  # the folders' names have a resolution of a second
    clients.python(begin("mode='offline'") + rows(2, 5) + "run.finish()")
    assert len(clients.folders) == 2
    return clients.folders


def test_two_offline_attempts_make_one_run_that_repeats_the_shared_rows(service, clients, attempts):
    clients.sync(*reversed(attempts))
    run = service.runs["one"]
    assert [(row["_step"], row["loss"]) for row in run.history] == [(0, 0), (1, 1), (2, 2), (3, 2), (4, 3), (5, 4)]
    assert (run.state, run.starts) == ("finished", 2)
    clients.sync(*attempts)
    assert run.starts == 2
    clients.sync("--include-synced", attempts[1])
    assert (losses(service), run.starts) == ([0, 1, 2, 2, 3, 4, 2, 3, 4], 3)


def test_offline_attempts_synced_in_the_wrong_order_are_out_of_order(service, clients, attempts):
    for folder in reversed(attempts):
        clients.sync(folder)
    assert (losses(service), service.runs["one"].state) == ([2, 3, 4, 0, 1, 2], "failed")


def test_a_run_killed_before_its_first_flush_keeps_others_from_being_synced(service, clients):
    early = KILLED.replace("interval=0.1", "interval=15").replace("'one'", "'early'")
    clients.python(early.format(rows=rows(0, 3)), code=-9)
    clients.python(begin("mode='offline'") + rows(0, 2) + "run.finish()")
    assert "Failed to read" in clients.sync(*clients.folders)
    assert service.runs == {}
    clients.sync(*[folder for folder in clients.folders if folder.endswith("-one")])
    assert losses(service) == [0, 1]


START = """
import wandb
try:
    wandb.init(project="p", id="one", settings=wandb.Settings(init_timeout={timeout}, silent=True))
except wandb.errors.CommError as error:
    print("refused:", error)
"""


def test_a_service_that_hangs_at_the_start(service, clients):
    service.hang("RunResumeStatus")
    service.hang("UpsertBucket")
    assert "refused: Timed out initializing run" in clients.python(START.format(timeout=1))
    assert service.runs == {}


@pytest.mark.parametrize(("status", "reason"), [(403, "refused by"), (429, "Timed out"), (500, "Timed out")])
def test_a_service_that_refuses_to_start(service, clients, status, reason):
    service.refuse(status, "UpsertBucket")
    assert f"refused: {reason}" in clients.python(START.format(timeout=30 if status == 403 else 1))
    assert service.runs == {}


def test_a_service_that_is_dead_at_the_start(service, clients):
    service.die()
    assert "refused:" in clients.python(START.format(timeout=1))
    assert service.requests == []


GIVE_UP = ", finish_timeout=2, finish_timeout_raises=False"


@pytest.mark.parametrize("fault", ["hang", "refuse", "die"])
def test_what_a_fault_at_the_end_kept_back_is_synced_later(service, clients, fault):
    process = clients.script(begin("", GIVE_UP) + "time.sleep(3)\n" + rows(0, 3) + "run.finish()")
    until(lambda: "one" in service.runs)
    if fault == "hang":
        service.hang("file_stream")
    elif fault == "refuse":
        service.refuse(503, "file_stream")
    else:
        service.die()
    clients.end(process)
    assert losses(service) == [] and service.runs["one"].state == "running"
    service.revive()
    clients.sync("--include-online", *clients.folders)
    assert losses(service) == [0, 1, 2] and service.runs["one"].state == "finished"


def test_a_client_outlives_a_death_of_the_service(service, clients):
    process = clients.script(begin() + "time.sleep(3)\n" + rows(0, 3) + "run.finish()")
    until(lambda: "one" in service.runs)
    service.die(after=1)
    until(service.server.over.is_set)
    with pytest.raises(OSError):
        ask(service, "/graphql", {"query": "query Viewer {}"})
    time.sleep(3)
    service.revive()
    clients.end(process)
    assert (losses(service), service.runs["one"].state, service.runs["one"].starts) == ([0, 1, 2], "finished", 1)


def test_what_is_sent_twice_stands_once(service):
    given = {"name": "one", "project": "p", "entity": None, "host": "h"}
    ask(service, "/graphql", {"query": "mutation UpsertBucket (", "variables": given})
    for offset, *lines in ((0, 1, 2), (1, 2, 3), (0, 1)):
        part = {"offset": offset, "content": [json.dumps({"loss": line}) for line in lines]}
        ask(service, "/files/tester/p/one/file_stream", {"files": {"wandb-history.jsonl": part}})
    assert losses(service) == [1, 2, 3]


def test_what_it_does_not_know_is_told(service):
    with pytest.raises(urllib.error.HTTPError, match="404"):
        ask(service, "/graphql", {"query": "query Nothing {"})
    assert "POST /graphql Nothing" in service.unknown.pop()
