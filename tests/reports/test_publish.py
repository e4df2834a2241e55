import gzip
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from fakes import Fake
from left import leave
from PIL import Image

from dropgrid.cli.publish import main as again
from dropgrid.cli.report import main
from dropgrid.errors import UserError
from dropgrid.plotting.palette import WIDTH
from dropgrid.reports.external_results import import_results
from dropgrid.reports.publish import (
    MACHINE,
    publish,
    publish_diagnostic,
    result_pages,
    update_page,
)
from dropgrid.reports.recompute import differing_tables, is_same, recompute_table
from dropgrid.reports.report import write_report
from dropgrid.store.ablation import read
from dropgrid.store.layout import Outputs
from dropgrid.store.manifest import freeze_claims

ROOT = Path(__file__).parents[2]


def test_the_marked_part_of_a_readme_is_renewed_and_nothing_else():
    text = "a\n<!-- results/x -->\nold\n<!-- end -->\nb\n<!-- results/y -->\nkept\n<!-- end -->\n"
    machine = {"device": "cpu", "processor": "P", "threads": 1, "cells": 4, "seconds_of_all_cells": 90, "date": "today"}
    new = "| new\\1 |\n- 4 cells, 2 worker-minutes, P, 1 thread, today."
    assert update_page(text, "x", "# Title\n\nquestion\n\n| new\\1 |\n", machine) == text.replace("old", new)


def test_what_is_not_finished_is_not_published(tmp_path):
    with pytest.raises(UserError, match="not finished"):
        publish("nothing", tmp_path, tmp_path)


def test_every_figure_is_kept_as_png_and_old_ones_go(fake):
    root = fake.outputs / "root"
    kept = root / "results" / "demo"
    kept.mkdir(parents=True)
    (kept / "figure_gone.png").write_bytes(b"old")
    (root / "README.md").write_text("<!-- results/demo -->\n<!-- end -->\n")
    fake.add(["baseline", "dropout"], seeds=2)
    write_report(fake.write(), fake.outputs)
    facts = dict.fromkeys(("processor", "cores", "threads", "device", "python", "versions", "source"), "x")
    run = fake.outputs / "runs" / fake.cells[0]["line"]["cell"]
    (run / "environment.json").write_text(json.dumps(facts))
    publish("demo", fake.outputs, root)
    figures = {"figure.png", "figure_curves.png", "figure_treatment.png"}
    assert {path.name for path in kept.iterdir()} == figures | {
        "table.md",
        "table.json",
        "machine.json",
        "cells.json.gz",
    }
    assert "| **baseline**" in (root / "README.md").read_text()


@pytest.fixture(scope="module")
def publication(tmp_path_factory):
    """A published table with factors, predictions, evaluations, claims, questions and imported rows; nothing else."""
    fake = Fake(tmp_path_factory.mktemp("publication"))
    rows = ["baseline", "dropout", "drop_path"]
    for lr in ("0.01", "0.1"):
        fake.add(rows, seeds=3, factors={"optimizer.lr": lr})
    fake.predict(images=203)
    fake.about |= {
        **{"swept": ["optimizer.lr"], "claims": ["dropout - baseline > 0"], "target": 90, "spread": [1, 4]},
        **{"contrasts": {"both": "dropout + drop_path - baseline - baseline"}, "ensemble": [1, 2]},
        "command": "python scripts/train.py paths.outputs=/scratch/ada",
    }
    for cell in fake.cells:
        cell["line"]["overrides"] += ["data.root=/scratch/ada", "paths.outputs=/scratch/ada"]
        cell["result"]["provenance"]["capability"] = "AVX512"
    name = fake.write()
    for row in rows:
        leave(fake, row, "noise", lambda _: {"x": np.ones(3)}, lambda seed: {"gap": 0.1 * seed + 0.01})
        record_smoothness(fake, row)
    freeze_claims(Outputs(fake.outputs).ablation(name), fake.about, [])
    runs = fake.outputs / "runs.csv"
    runs.write_text("row,seed,test/acc_last,factor:optimizer.lr\n" + "".join(f"old,{s},0.9{s},0.1\n" for s in range(3)))
    import_results(runs, read(name, fake.outputs), Outputs(fake.outputs).ablation(name).folder)
    write_report(name, fake.outputs)
    run = fake.outputs / "runs" / fake.cells[0]["line"]["cell"]
    (run / "environment.json").write_text(json.dumps({**dict.fromkeys(MACHINE, "x"), "host": "bench"}))
    root = fake.outputs / "root"
    root.mkdir()
    (root / "README.md").write_text("<!-- results/demo -->\n<!-- end -->\n")
    folder = publish(name, fake.outputs, root)
    shutil.move(fake.outputs / "runs", fake.outputs / "gone_runs")
    shutil.move(fake.outputs / "ablations", fake.outputs / "gone")
    return folder


@pytest.fixture
def published(publication, tmp_path):
    """A copy of it, to be damaged."""
    outputs = publication.parents[2]
    shutil.copytree(outputs, tmp_path / "outputs")
    return tmp_path / "outputs" / publication.relative_to(outputs)


def diagnostic(folder):
    """The file of numbers of a diagnostic, as diagnose.py writes it, and its figure."""
    measures = {"ratio": {"value": 3.234, "label": "σ_max | σ", "unit": ""}}
    found = [
        {"configuration": f"init={name}", "step": step, "measures": measures, "arrays": {"values": [1.0] * 1000}}
        for name in ("a", "b")
        for step in (0, 150)
    ]
    folder.mkdir()
    (folder / "jacobian.json").write_text(json.dumps({"diagnostic": "jacobian", "asked": {}, "found": found}))
    Image.new("RGB", (1800, 900), "white").save(folder / "jacobian.png")
    return folder / "jacobian.json"


def test_a_diagnostic_is_kept_small_and_fills_its_part_of_a_page(tmp_path):
    (tmp_path / "docs").mkdir()
    page = tmp_path / "docs" / "signal.md"
    page.write_text("a\n<!-- results/diagnostics/isometry -->\n<!-- end -->\nb\n")
    (tmp_path / "README.md").write_text("c\n")
    kept = publish_diagnostic(diagnostic(tmp_path / "found"), "isometry", tmp_path)
    assert kept == tmp_path / "results/diagnostics/isometry/jacobian.json" and kept.stat().st_size < 3000
    with Image.open(kept.with_suffix(".png")) as figure:
        assert figure.width == WIDTH
    lines = page.read_text().splitlines()
    assert lines[0] == "a" and lines[-1] == "b" and lines[-3].startswith("- One seed. ")
    assert lines[2].split() == "| jacobian after 150 steps | init=a | init=b |".split()
    assert lines[4].split() == "| σ_max \\| σ | 3.23 | 3.23 |".split()


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("../x", lambda numbers: None, "letters, digits and _"),
        ("x", lambda numbers: numbers.with_suffix(".png").unlink(), "no file of numbers"),
        ("x", lambda numbers: numbers.write_text("[]"), "no file of numbers"),
        ("x", lambda numbers: numbers.unlink(), "no file of numbers"),
    ],
)
def test_what_is_no_diagnostic_is_not_kept(tmp_path, name, change, says):
    numbers = diagnostic(tmp_path / "found")
    change(numbers)
    with pytest.raises(UserError, match=says):
        publish_diagnostic(numbers, name, tmp_path)
    assert not (tmp_path / "results").exists()


def record_smoothness(fake, row):
    """What cells recorded along the gradient, by row and seed a little different."""
    for cell in fake.of(row):
        scale = 1 + 0.1 * cell["line"]["seed"] + len(row)
        steps = {"gradient/moments": np.array([0, 10, 20]), "gradient/steps": np.ones((3, 2))}
        arrays = {f"gradient/{key}": scale * np.arange(9.0).reshape(3, 3) for key in ("loss", "change", "smoothness")}
        run = fake.outputs / "runs" / cell["line"]["cell"]
        np.savez(run / "diagnosis.npz", **steps, **arrays, **{"gradient/norm": np.ones(3)})


def test_the_whole_table_is_computed_again_from_what_is_published_alone(published, capsys):
    with recompute_table(published) as (table, contents):
        assert len(table.rows) == 7 and all(row.comparison.examples > 0 for row in table.rows if row.verdict)
    assert contents["json"] == (published / "table.json").read_text()
    assert contents["md"] == (published / "table.md").read_text()
    kept = json.loads(contents["json"])
    assert all(kept[key] for key in ("claims", "contrasts", "targets", "spreads", "ensembles", "smoothness"))
    assert any("gap" in name for row in kept["rows"] for name in row["evaluations"])
    before = sorted(published.parents[2].rglob("*"))
    assert main(["--from", str(published)]) == 0
    assert sorted(published.parents[2].rglob("*")) == before
    out = capsys.readouterr().out
    assert "drop_path" in out and "has this table, each number to 9 digits" in out and "ensemble, smoothness" in out


def test_it_is_small_and_says_neither_host_nor_folder(published):
    values = gzip.decompress((published / "cells.json.gz").read_bytes()).decode()
    assert "bench" not in values and "/scratch" not in values and '"regularizer=dropout"' in values
    bits = (published / "correct.npz").stat().st_size
    assert bits < 18 * 203 / 8 + 1000 and (published / "cells.json.gz").stat().st_size < 18 * 700


def test_one_image_more_that_is_right_is_another_table(published, capsys):
    with np.load(published / "correct.npz") as file:
        ((images, bits),) = file.items()
    assert bits.shape == (203, 3) and 0.3 < np.unpackbits(bits, axis=1)[:, :18].mean() < 1
    bits[0] ^= 0b01000000
    np.savez(published / "correct.npz", **{images: bits})
    assert main(["--from", str(published)]) == 1
    assert "table.json has another table" in capsys.readouterr().out


@pytest.mark.parametrize("damage", ["values", "bits", "no bits", "a config", "a result", "format", "an answer"])
def test_damage_is_one_line_that_names_the_file(published, capsys, damage):
    values = json.loads(gzip.decompress((published / "cells.json.gz").read_bytes()))
    if damage == "a config":
        values["cells"][3]["config"] = 99
    if damage == "a result":
        values["cells"][3]["result"]["metrics"] = {"test/acc_last": "high"}
    if damage == "format":
        values["format"] = 2
    if damage == "an answer":
        values["answers"] = {"os": [{}]}
    text = gzip.compress(json.dumps(values).encode())
    (published / "cells.json.gz").write_bytes(text[:200] if damage == "values" else text)
    if damage == "bits":
        (published / "correct.npz").write_bytes(b"PK")
    if damage == "no bits":
        (published / "correct.npz").unlink()
    assert main(["--from", str(published)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: cannot read {published}") and "publish it again" in line


def test_a_published_table_is_written_again_from_its_values(published, monkeypatch, capsys):
    root = published.parents[1]
    monkeypatch.setattr("dropgrid.cli.publish.CHECKOUT_CONF", root / "conf")
    before = {path: path.read_bytes() for path in (*published.iterdir(), root / "README.md")}
    table, page = published / "table.json", root / "README.md"
    table.write_text(table.read_text().replace('"claim": "dropout - baseline > 0"', '"claim": "what code said before"'))
    page.write_text(page.read_text().replace("| **baseline**", "| **before**"))
    assert again(["--from", str(published)]) == 0 and str(table) in capsys.readouterr().out
    assert {path: path.read_bytes() for path in before} == before
    assert again(["--from", str(published)]) == 0 and "has this table" in capsys.readouterr().out
    for words in ([], ["demo", "--from", str(published)]):
        assert again(words) == 2 and "give the NAME of a finished ablation, or --from" in capsys.readouterr().err


def test_what_was_published_without_values_says_so(published, capsys):
    (published / "cells.json.gz").unlink()
    assert main(["--from", str(published)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "was published without its per-seed values; train the ablation and publish it again" in line
    assert main(["demo", "--from", str(published)]) == 2 and "takes no NAME" in capsys.readouterr().err
    assert main(["--from", str(published.parent)]) == 2 and "no published table" in capsys.readouterr().err


def test_a_table_that_is_not_of_the_cells_is_not_published(fake):
    fake.add(["baseline", "dropout"], seeds=2)
    write_report(fake.write(), fake.outputs)
    fake.cells[0]["result"]["metrics"]["test/acc_last"] -= 0.01
    fake.write()
    with pytest.raises(UserError, match=r"is not what its cells give now; run python scripts/report.py demo"):
        publish("demo", fake.outputs, fake.outputs / "root")
    assert not (fake.outputs / "root").exists()


def test_a_published_table_names_its_instruction_set(published):
    page = (published.parents[1] / "README.md").read_text()
    assert "- 18 cells, " in page and "one instruction set (AVX512)" in page
    for name in ("table.md", "table.json"):
        assert "Trained on one instruction set (AVX512)." in (published / name).read_text()
    assert json.loads((published / "machine.json").read_text())["capability"] == {"AVX512": 18}


KEPT = sorted(path.parent for path in (ROOT / "results").glob("*/table.json"))


@pytest.mark.parametrize("folder", KEPT, ids=lambda path: path.name)
def test_the_pages_show_the_results_that_are_kept(folder):
    machine = json.loads((folder / "machine.json").read_text())
    table = (folder / "table.md").read_text().strip()
    texts = [page.read_text() for page in result_pages(ROOT)]
    assert all(update_page(text, folder.name, table, machine) == text for text in texts)
    assert any(table[table.index("|") :] in text for text in texts)
    assert any(f"results/{folder.name}/figure" in text for text in texts)
    assert machine["processor"] and machine["versions"]["torch"]
    rows = json.loads((folder / "table.json").read_text())["rows"]
    assert all(row["row"] in table for row in rows)
    if (folder / "cells.json.gz").exists():  # those published before there were values have none
        with recompute_table(folder) as (_, contents):
            assert not differing_tables(folder, contents)


def test_tables_agree_up_to_the_rounding_of_a_processor():
    table = {"rows": [{"mean": 90.123456789012345, "n": 5, "verdict": "above"}]}
    text = json.dumps(table)
    assert is_same(text, json.dumps({"rows": [{"mean": 90.12345678901236, "n": 5, "verdict": "above"}]}), "json")
    for key, value in (("mean", 90.1234569), ("n", 6), ("n", 5.0), ("verdict", "below")):
        assert not is_same(text, json.dumps({"rows": [{**table["rows"][0], key: value}]}), "json")
    assert not is_same(text, text + " ", "md") and not is_same(None, text, "json") and not is_same("{", text, "json")
