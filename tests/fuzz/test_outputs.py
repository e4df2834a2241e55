"""Files of an outputs folder that somebody has edited or damaged: status, report, clean and merge read them."""

import json
import random
from itertools import count

import pytest
from damage import damaged, hostile_pickles, in_place_of, outputs, restore
from hostile import ESCAPE, YAMLS, changed

from dropgrid.cli import clean, dashboard, merge, status
from dropgrid.errors import UserError
from dropgrid.printable import printable
from dropgrid.reports import comparability
from dropgrid.reports.formats import csv, latex, markdown, page
from dropgrid.reports.formats import json as json_format
from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import read

FILES = ("cells.json", "ablation.json", "result.json", "config.yaml", "failure.json", "claims.json", "evaluations.json")
OTHERS = ("ab12.json", "local.yaml", "log.txt", "metrics.csv", "state.json", "lease")
MORE = ("environment.json", "predictions.npz")
SHARES = 6
FRESH = count()
"""Names of folders to merge into that have nothing yet."""


def victim(place, name, how):
    """One of the files of that name."""
    found = sorted(place.rglob(name))
    return how.choice(found)


def report(place):
    """The report but its figures, which are drawn from the same table."""
    ablation = read("demo", place)
    try:
        comparability.check_comparable(ablation)
    except UserError as error:  # it tells of many rows in as many lines
        raise UserError(str(error).splitlines()[0]) from error
    table = tabulate(ablation)
    for form in (markdown, csv, latex, json_format):
        text = form.render(table)
        assert printable(text) == text and text.encode()
    shown = page.render(table, {})
    assert "<script>alert(1)" not in shown and printable(shown) == shown


def follow(place):
    """The log of the cell that failed."""
    cell = json.loads((place / "runs" / "last").read_text())
    code = status.main(["--follow", cell, f"paths.outputs={place}"])
    return None if code == 1 else code  # its last line says that the cell failed


COMMANDS = {
    "report": report,
    "status": lambda place: status.main([f"paths.outputs={place}"]),
    "status demo": lambda place: status.main(["demo", "--json", f"paths.outputs={place}"]),
    "status failed": lambda place: status.main(["demo", "--failed", f"paths.outputs={place}"]),
    "follow": follow,
    "clean": lambda place: clean.main([f"paths.outputs={place}"]),
    "clean demo": lambda place: clean.main(["demo", "--checkpoints", f"paths.outputs={place}"]),
    "merge": lambda place: said(merge.main([str(place), "--yes", f"paths.outputs={place.parent / str(next(FRESH))}"])),
    "merge seen": lambda place: said(merge.main([str(place), f"paths.outputs={place.parent / 'there'}"])),
    "dashboard": lambda place: dashboard.main(["demo", "--dry-run", f"paths.outputs={place}"]),
}


def said(code):
    """merge ends with 1 where it has said in a line what is not merged."""
    return 2 if code == 1 else code


@pytest.fixture
def place(tmp_path):
    """An outputs folder, and which of its cells failed."""
    place = tmp_path / "outputs"
    fake = outputs(place)
    (place / "runs" / "last").write_text(json.dumps(fake.cells[-1]["line"]["cell"]))
    return place


def strange(path, how):
    """Other content for a file."""
    sound = path.read_bytes()
    if path.suffix in (".json", "") and how.random() < 0.7:
        value = json.loads(sound)
        for _ in range(how.randrange(1, 4)):
            value = changed(value, how)
        return json.dumps(value).encode("utf-8", "surrogatepass")
    if path.suffix == ".yaml" and how.random() < 0.3:
        return how.choice(YAMLS).encode("utf-8", "surrogatepass")
    return damaged(sound, how)


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
def test_outputs_that_somebody_edited(trial, place, share):
    how = random.Random(share)
    for number in range(280):
        path = victim(place, how.choice(FILES if how.random() < 0.7 else (*OTHERS, *MORE)), how)
        sound = path.read_bytes()
        data = strange(path, how)
        path.write_bytes(data)
        name = how.choice(list(COMMANDS))
        trial(lambda name=name: COMMANDS[name](place), (share, number, name, path.name, data[:200]))
        restore(path, sound)
    assert not ESCAPE.exists()


@pytest.mark.slow
@pytest.mark.parametrize("share", range(2))
def test_something_else_lies_where_a_file_should(trial, place, share):
    how = random.Random(share)
    for number in range(150):
        path = victim(place, how.choice((*FILES, *OTHERS, *MORE)), how)
        sound = path.read_bytes()
        in_place_of(path, how)
        name = how.choice(list(COMMANDS))
        trial(lambda name=name: COMMANDS[name](place), (share, number, name, path.name))
        restore(path, sound)
    assert not ESCAPE.exists()


def test_configs_of_a_cell(trial, tmp_path):
    place = tmp_path / "outputs"
    fake = outputs(place)
    path = place / "runs" / fake.cells[0]["line"]["cell"] / "config.yaml"
    for text in [*YAMLS, *map(repr, hostile_pickles())]:
        path.write_text(text)
        trial(lambda: report(place), text[:60])
    assert trial.outcomes["refused"] >= 10 and not ESCAPE.exists()
