"""Files of an outputs folder that somebody has edited or damaged: status, report, clean and merge read them."""

import json
import random

import pytest
from damage import damaged, hostile_pickles, outputs
from hostile import ESCAPE, YAMLS, changed

from dropgrid.cli import clean, merge, status
from dropgrid.errors import UserError
from dropgrid.reports import comparability
from dropgrid.reports.formats import csv, latex, markdown, page
from dropgrid.reports.formats import json as json_format
from dropgrid.reports.table import tabulate
from dropgrid.store.ablation import read

FILES = ("cells.json", "ablation.json", "result.json", "config.yaml", "failure.json", "claims.json", "evaluations.json")


def victim(place, name, how):
    """One of the files of that name."""
    found = sorted(place.rglob(name))
    return how.choice(found)


def report(place):
    """The report but its figures, which are drawn from the same table."""
    ablation = read("demo", place)
    try:
        comparability.check(ablation)
    except UserError as error:  # it tells of many rows in as many lines
        raise UserError(str(error).splitlines()[0]) from error
    table = tabulate(ablation)
    for form in (markdown, csv, latex, json_format):
        form.render(table)
    shown = page.render(table, {})
    assert "<script>alert(1)" not in shown


COMMANDS = {
    "report": report,
    "status": lambda place: status.main([f"paths.outputs={place}"]),
    "status demo": lambda place: status.main(["demo", "--json", f"paths.outputs={place}"]),
    "clean": lambda place: clean.main([f"paths.outputs={place}"]),
    "merge": lambda place: said(merge.main([str(place), "--yes", f"paths.outputs={place.parent / 'here'}"])),
}


def said(code):
    """merge ends with 1 where it has said in a line what is not merged."""
    return 2 if code == 1 else code


@pytest.mark.slow
@pytest.mark.parametrize("share", range(4))
def test_outputs_that_somebody_edited(trial, tmp_path, share):
    how = random.Random(share)
    place = tmp_path / "outputs"
    outputs(place)
    for number in range(150):
        path = victim(place, how.choice(FILES), how)
        sound = path.read_bytes()
        if path.suffix == ".json" and how.random() < 0.7:
            value = json.loads(sound)
            for _ in range(how.randrange(1, 3)):
                value = changed(value, how)
            data = json.dumps(value).encode("utf-8", "surrogatepass")
        else:
            data = damaged(sound, how)
        path.write_bytes(data)
        name = how.choice(list(COMMANDS))
        trial(lambda name=name: COMMANDS[name](place), (share, number, name, path.name, data[:200]))
        path.write_bytes(sound)
    assert not ESCAPE.exists()


def test_configs_of_a_cell(trial, tmp_path):
    place = tmp_path / "outputs"
    fake = outputs(place)
    path = place / "runs" / fake.cells[0]["line"]["cell"] / "config.yaml"
    for text in [*YAMLS, *map(repr, hostile_pickles())]:
        path.write_text(text)
        trial(lambda: report(place), text[:60])
    assert trial.outcomes["refused"] >= 10 and not ESCAPE.exists()
