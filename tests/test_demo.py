"""`make demo`'s command whole, on the embedded digits, and what it hands back."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    return tmp_path_factory.mktemp("outputs")


def demo(outputs):
    environment = {**os.environ, "DROPGRID_OUTPUTS": str(outputs)}
    line = [sys.executable, "scripts/train.py", "+ablation=demo"]
    done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_demo(outputs):
    assert "20 of 20 done" in demo(outputs)
    rows = json.loads((outputs / "ablations" / "demo" / "table.json").read_text())["rows"]
    assert len(rows) == 5 and all(row["n"] == 4 for row in rows)
    baseline = next(row for row in rows if row["row"] == "baseline")
    assert 85 < baseline["mean"] < 97, "learns, and is not saturated"
    assert all(row["delta_ci95"][0] < row["delta"] < row["delta_ci95"][1] for row in rows if row["row"] != "baseline")
    verdicts = {row["row"]: row["verdict"] for row in rows}
    assert verdicts["dropblock_overdose"] == "below", "the control, on every machine"
    helped = next(row for row in rows if row["row"] == "randaugment")
    assert helped["verdict"] in ("above", "open") and helped["delta"] > 0, "four seeds decide it on some"
    doses = [row["dropped_realised"] for row in rows if row["row"] in ("dropout", "dropblock")]
    assert all(abs(dose - 10) < 0.5 for dose in doses)
    results = [json.loads(path.read_text()) for path in outputs.glob("runs/*/result.json")]
    assert len(results) == 20 and all(result["treatment"]["flagged"] == [] for result in results)
    sites = [site for result in results for site in result["treatment"]["sites"]]
    assert len(sites) > 100 and not any(site["clamped"] for site in sites)


def test_asked_again_it_trains_nothing(outputs):
    before = {path: path.stat().st_mtime_ns for path in outputs.glob("runs/*/result.json")}
    assert len(before) == 20
    assert "20 cells, 20 already finished" in demo(outputs)
    assert {path: path.stat().st_mtime_ns for path in outputs.glob("runs/*/result.json")} == before


def test_its_page_opens_in_a_browser(outputs, tmp_path):
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("no chromium on this machine")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    flags += ["--disable-component-update", "--disable-sync", "--enable-logging=stderr", f"--user-data-dir={tmp_path}"]
    page = outputs / "ablations" / "demo" / "report.html"
    line = [browser, *flags, "--dump-dom", page.as_uri()]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120)
    assert "dropblock_overdose" in done.stdout and done.stdout.count("<img") >= 3
    assert "CONSOLE" not in done.stderr
