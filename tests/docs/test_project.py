"""CITATION.cff, issue forms, changelog, README: what others read first says what pyproject.toml says."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))


def test_the_citation_has_what_the_format_wants_and_what_pyproject_says():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors", "version", "license", "type"} <= set(cited)
    assert cited["cff-version"] == "1.2.0" and cited["type"] == "software"
    assert cited["version"] == PROJECT["version"] and cited["license"] == PROJECT["license"]
    assert cited["authors"] == PROJECT["authors"] and cited["keywords"] == PROJECT["keywords"]


def test_there_is_a_form_for_a_bug_a_method_and_a_result():
    assert [path.stem for path in FORMS] == ["bug", "method", "result"]


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_is_one_that_a_code_host_takes(path):
    form = yaml.safe_load(path.read_text())
    assert {"name", "description", "body"} <= set(form) and len(form["body"]) <= 4
    ids = [each["id"] for each in form["body"]]
    assert len(ids) == len(set(ids))
    for each in form["body"]:
        assert each["type"] in ("input", "textarea", "checkboxes") and each["attributes"]["label"]
        assert each["type"] != "checkboxes" or all(option["label"] for option in each["attributes"]["options"])
    assert any(each.get("validations", {}).get("required") for each in form["body"])


def test_the_changelog_has_a_section_for_this_version():
    text = (ROOT / "CHANGELOG.md").read_text()
    sections = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert sections[0] == "Unreleased"
    assert any(re.fullmatch(rf"{re.escape(PROJECT['version'])} – \d{{4}}-\d\d-\d\d", each) for each in sections)
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= {
        "Added",
        "Changed",
        "Deprecated",
        "Removed",
        "Fixed",
        "Security",
        "Notes",
    }


def test_the_readme_is_short_and_begins_with_a_result_and_the_two_commands():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) < 200
    found = [
        next(i for i, line in enumerate(lines) if line.startswith(each)) for each in ("![", "| Row", "    make demo")
    ]
    assert found == sorted(found)


def test_every_page_is_in_the_contents():
    listed = set(re.findall(r"\]\(([^)#]+)\)", (ROOT / "docs" / "README.md").read_text()))
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert pages == listed


def test_a_code_host_runs_what_ci_runs():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    (job,) = workflow["jobs"].values()
    assert job["timeout-minutes"] == 90 and job["steps"][-1] == {"run": ".ci/run"}
    versions = [step["with"]["python-version"] for step in job["steps"] if "python-version" in step.get("with", {})]
    assert versions == [PROJECT["requires-python"].removeprefix(">=")]
