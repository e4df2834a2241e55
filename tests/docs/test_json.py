"""docs/json.md against what the commands print: each key is documented, and each documented key is printed."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from fakes import Fake

from dropgrid import json_output
from dropgrid.cli import (
    clean,
    compare,
    dashboard,
    diagnose,
    evaluate,
    guide,
    launch,
    merge,
    plan,
    publish,
    report,
    status,
)
from dropgrid.planning.plan import plans
from dropgrid.planning.types import Plan
from dropgrid.reports.publish import publish as publish_results
from dropgrid.store.ablation import read
from dropgrid.store.files import write_json

ROOT = Path(__file__).parents[2]
TINY = ["data=fake", "data.size=12", "data.train=80", "data.batch_size=8", "model.width=0.25", "trainer.max_epochs=1"]


def documented():
    """Heading -> the keys of its table; a key ends in .* if anything may be below it."""
    found = {}
    for section in re.split(r"^## ", (ROOT / "docs" / "json.md").read_text(), flags=re.MULTILINE)[1:]:
        heading, _, text = section.partition("\n")
        cells = re.findall(r"^\| (`.*?`) \|", text, re.MULTILINE)
        found[heading.strip("`")] = [key for cell in cells for key in re.findall(r"`(\S+?)`", cell)]
    return found


PAGE = documented()


def leaves(value, at=""):
    """The keys of an object that hold no objects: `a.b`, `list[].key`."""
    if isinstance(value, dict) and value:
        return {each for key, below in value.items() for each in leaves(below, f"{at}.{key}" if at else key)}
    if isinstance(value, list) and any(isinstance(each, dict) for each in value):
        return {each for below in value for each in leaves(below, f"{at}[]")}
    return {at}


def compared(found, keys):
    """The keys that are printed and not documented, and those that are documented and not printed."""
    unknown = {
        each for each in found if not any(covers(key, each) or key.startswith((f"{each}.", f"{each}[")) for key in keys)
    }
    missing = {key for key in keys if not any(covers(key, each) for each in found)}
    return unknown, missing


def covers(key, found):
    """Predicate: a documented key is a printed one; `a[].*` is an empty list `a` too."""
    if not key.endswith(".*"):
        return key == found
    return found.startswith(key[:-1]) or found == key[:-2] or found == key[:-2].removesuffix("[]")


@pytest.fixture
def run(tmp_path, monkeypatch, capsys, fake):
    """Runs a command with --json beside the outputs of `fake`; returns its object, and checks what all have."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(fake.outputs))

    def run(main, *words):
        code = main([*words, "--json"])
        found = json.loads(capsys.readouterr().out)
        assert found["exit_code"] == code
        return found

    run.fake = fake  # type: ignore[attr-defined]  # for the cases to fill
    return run


def of_status(run, _):
    run.fake.add(["baseline", "dropout"], seeds=3)
    for cell, now in zip(
        run.fake.cells, ["finished", "finished", "running", "failed", "pending", "pending"], strict=True
    ):
        cell["status"] = now
    run.fake.write()
    broken = run.fake.outputs / "ablations" / "broken"
    broken.mkdir()
    (broken / "cells.json").write_text("[{")
    return [run(status.main), run(status.main, "demo"), run(status.main, "--failed")]


def of_report(run, monkeypatch):
    root = run.fake.outputs / "root"
    (root / "results" / "demo").mkdir(parents=True)
    (root / "README.md").write_text("<!-- results/demo -->\n<!-- end -->\n")
    run.fake.add(["baseline", "dropout"], seeds=3).predict().write()
    found = [run(report.main, "demo")]
    facts = dict.fromkeys(("processor", "cores", "threads", "device", "python", "versions", "source"), "x")
    write_json(run.fake.outputs / "runs" / run.fake.cells[0]["line"]["cell"] / "environment.json", facts)
    publish_results("demo", run.fake.outputs, root)
    return [*found, run(report.main, "--from", str(root / "results" / "demo"))]


def of_publish(run, monkeypatch):
    monkeypatch.setattr(publish, "publish", lambda name, outputs, root: root / "results" / name)
    monkeypatch.setattr(publish, "publish_again", lambda folder, root: [folder / "table.md"])
    return [run(publish.main, "demo"), run(publish.main, "--from", "results/demo")]


def of_compare(run, _):
    lines = [(row, seed, 90 + seed + effect) for row, effect in (("none", 0), ("a", 2)) for seed in range(3)]
    pd.DataFrame(lines, columns=["method", "seed", "accuracy"]).to_csv("runs.csv", index=False)
    return [run(compare.main, "runs.csv")]


def of_plan(run, _):
    asked = [*TINY, "regularizer=none,dropout", "seed=0,1", "name=finished"]
    (made,) = plans(asked)
    for cell, accuracy in zip(made.cells, (0.9, 0.91, 0.93, 0.92), strict=True):
        result = {"metrics": {"test/acc_last": accuracy}, "reproduce": "", "timing": {"total_seconds": 4.0}}
        cell.folder.mkdir(parents=True)
        write_json(cell.run.result, result)
    return [run(plan.main, *asked), run(plan.main, "data=imagenet", "model=resnet14", "sweep.seeds=1")]


class Lossy:
    """An engine that trains nothing: of two cells the first fails, the other is lost."""

    def ready(self, plans, waiting):
        pass

    def afford(self, plans):
        pass

    def evaluation_jobs(self, plan):
        return 1

    def run(self, plan, cells, rules, console):
        cells[0].folder.mkdir(parents=True)
        write_json(cells[0].run.failure, {"class": "ValueError", "message": "no", "log": "log.txt"})
        return False


def of_train(run, _):
    main = lambda words: json_output.run_as_json("train", lambda: launch.launch(plans(words[:-1]), Lossy()))  # noqa: E731
    return [run(main, *TINY, "regularizer=none,dropout")]


def of_evaluate(run, monkeypatch):
    run.fake.add(["baseline", "dropout"], seeds=2).write()
    cells = read("demo", run.fake.outputs).cells
    monkeypatch.setattr(evaluate, "finished", lambda *_: Plan("demo", {}, cells, run.fake.outputs, 1, []))
    why = {"class": "ValueError", "message": "no", "log": "log.txt"}
    monkeypatch.setattr(evaluate, "measure", lambda *_: [(cells[0], why)])
    return [run(evaluate.main, "demo", "+evaluate=noise")]


def of_diagnose(run, _):
    return [run(diagnose.main, "signal", *TINY, "diagnose.images=8")]


def of_clean(run, _):
    run.fake.add(["baseline", "dropout"], seeds=2, status="failed").write()
    held = run.fake.outputs / "runs" / run.fake.cells[0]["line"]["cell"] / "lease"
    found = [run(clean.main), run(clean.main, "--failed")]
    held.write_text(json.dumps({"machine": "another", "host": "h", "pid": 1, "time": 9e9}))
    return [*found, run(clean.main, "--failed", "--yes")]


def of_merge(run, _):
    Fake(run.fake.outputs / "theirs").add(["baseline"], seeds=2).write()
    return [
        run(merge.main, str(run.fake.outputs / "theirs")),
        run(merge.main, str(run.fake.outputs / "theirs"), "--yes"),
    ]


def of_dashboard(run, monkeypatch):
    from dropgrid.dashboards import backfill, service, sync

    name = run.fake.add(["baseline", "dropout"], seeds=2).write()
    monkeypatch.setattr(dashboard, "require_key", lambda _: None)
    monkeypatch.setattr(service, "send_ablation", lambda *_, **__: iter(["workspace: address"]))
    monkeypatch.setattr(backfill, "send_cell", lambda *_: "sent")
    monkeypatch.setattr(sync, "pending_folders", lambda *_: [])
    flags = ([], ["--dry-run"], ["--sweep"], ["--from-files"], ["--sync"])
    return [run(dashboard.main, name, *each) for each in flags]


def of_guide(run, _):
    return [run(guide.main)]


def of_error(run, _):
    return [run(status.main, "nothing"), run(clean.main, "--yes")]


def of_verify_resume(run, _):
    line = [sys.executable, "scripts/verify_resume.py", *TINY, "trainer.max_epochs=3", "--json"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=600)
    found = json.loads(done.stdout)
    assert done.returncode == 0 == found["exit_code"] and found["different"] == [], done.stderr
    return [found]


CASES = {name.removeprefix("of_"): case for name, case in list(globals().items()) if name.startswith("of_")}
SLOW = {"verify_resume"}


def test_every_schema_is_documented_and_tested():
    named = {f"dropgrid.{command}/{version}" for command, version in json_output.VERSIONS.items()}
    assert {*PAGE} == named | {"table.json"} and {*CASES} == {*json_output.VERSIONS}
    assert {*json_output.COMMANDS, "publish"} == {path.stem for path in (ROOT / "scripts").glob("*.py")}


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=[pytest.mark.slow] if each in SLOW else []) for each in CASES]
)
def test_the_page_has_the_keys_that_are_printed(name, run, monkeypatch):
    schema = f"dropgrid.{name}/{json_output.VERSIONS[name]}"
    found: set[str] = set()
    for each in CASES[name](run, monkeypatch):
        assert each.pop("schema") == schema and isinstance(each.pop("exit_code"), int)
        found |= leaves(each)
    unknown, missing = compared(found, PAGE[schema])
    assert not unknown, f"not in docs/json.md under {schema}"
    assert not missing, f"in docs/json.md under {schema}, and not printed"


def test_the_page_has_the_keys_of_a_table(fake):
    fake.add(["baseline", "dropout"], seeds=3).predict()
    fake.about |= {"claims": ["dropout - baseline > 0"]}
    table = json_of(fake)
    assert table["rows"][1]["verdict"] and table["claims"][0]["outcome"]
    unknown, missing = compared(leaves(table), PAGE["table.json"])
    assert not unknown and not missing


def test_every_published_table_has_these_keys_alone():
    found = [json.loads(path.read_text()) for path in sorted((ROOT / "results").glob("*/table.json"))]
    unknown, _ = compared({each for table in found for each in leaves(table)}, PAGE["table.json"])
    assert len(found) > 10 and not unknown


def json_of(fake):
    from dropgrid.reports.report import write_report

    write_report(fake.write(), fake.outputs)
    return json.loads((fake.outputs / "ablations" / "demo" / "table.json").read_text())
