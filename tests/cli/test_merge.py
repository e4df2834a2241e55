"""Two outputs folders as one: all of theirs that ours lacks, and nothing of ours lost."""

import json
import shutil
import threading

import pytest
from fakes import Fake

from dropgrid import files
from dropgrid.cli.merge import main
from dropgrid.errors import UserError
from dropgrid.store import import_cell
from dropgrid.store.ablation import read
from dropgrid.store.lease import Lease


@pytest.fixture
def theirs(tmp_path):
    return Fake(tmp_path / "theirs")


@pytest.fixture
def ours(tmp_path):
    return Fake(tmp_path / "ours")


def merge(theirs, ours, capsys, *given):
    code = main([str(theirs.outputs), *given, f"paths.outputs={ours.outputs}"])
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    return code, printed.out, printed.err


def everything(outputs):
    return {
        str(path.relative_to(outputs)): path.read_bytes()
        for path in outputs.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def run(fake, index):
    return fake.outputs / "runs" / fake.cells[index]["line"]["cell"]


def test_a_dry_run_says_what_would_come_and_brings_nothing(theirs, ours, capsys):
    theirs.add(["baseline", "dropout"], seeds=2).write()
    code, out, err = merge(theirs, ours, capsys)
    assert code == 0 and not err and not ours.outputs.exists()
    assert "4 cells to import" in out and "demo: a new ablation, 4 cells to add" in out
    assert "nothing was merged, add --yes to merge" in out


def test_into_an_empty_folder_comes_all_that_is_finished_with_its_links(theirs, ours, capsys):
    theirs.add(["baseline", "dropout"], seeds=2)
    theirs.cells[3]["status"] = "failed"
    theirs.write()
    for name in ("lease", "state.json", "checkpoints/step", "evaluations/ab.json"):
        (run(theirs, 0) / name).parent.mkdir(exist_ok=True)
        (run(theirs, 0) / name).write_text('{"evaluate": "noise", "metrics": {}}')
    before = everything(theirs.outputs)
    assert merge(theirs, ours, capsys, "--yes")[0] == 0
    assert everything(theirs.outputs) == before
    left_there = ("lease", "state.json", "checkpoints")
    there = {name: content for name, content in before.items() if not any(each in name for each in left_there)}
    there = {name: content for name, content in there.items() if run(theirs, 3).name not in name}
    here = everything(ours.outputs)
    assert here.keys() == there.keys()
    assert all(here[name] == there[name] for name in here if not name.startswith("ablations"))
    found = read("demo", ours.outputs)
    assert [cell.status for cell in found.cells] == ["finished"] * 3 + ["pending"]
    link = ours.outputs / "ablations" / "demo" / "cells" / "dropout" / "seed0"
    assert link.resolve() == (ours.outputs / "runs" / run(theirs, 2).name).resolve()


def test_more_seeds_join_ours_and_ours_stay_as_they_are(theirs, ours, capsys):
    theirs.add(["baseline", "dropout"], seeds=3).write()
    ours.add(["baseline", "dropout"], seeds=3)
    ours.cells = [cell for cell in ours.cells if cell["line"]["seed"] < 2]
    ours.about = {**ours.about, "title": "ours"}
    ours.write()
    before = everything(ours.outputs)
    code, out, _ = merge(theirs, ours, capsys, "--yes")
    assert code == 0 and "2 cells imported" in out and "4 already finished here" in out
    after = everything(ours.outputs)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"ablations/demo/cells.json"}
    found = read("demo", ours.outputs)
    assert {row: [cell.seed for cell in cells] for row, cells in found.blocks[0].rows.items()} == {
        "baseline": [0, 1, 2],
        "dropout": [0, 1, 2],
    }
    assert all(cell.status == "finished" for cell in found.cells) and found.about["title"] == "ours"
    assert merge(theirs, ours, capsys, "--yes")[:2] == (0, "0 cells imported, –; 6 already finished here\n")


def test_the_same_cell_with_other_weights_is_named_and_ours_kept(theirs, ours, capsys):
    for fake in (theirs, ours):
        fake.add(["baseline"], seeds=2)
    theirs.cells[0]["result"]["weights"]["last"] = "other"
    theirs.cells[0]["result"]["provenance"] |= {"host": "far", "device": "NVIDIA H200"}
    theirs.write(), ours.write()
    (run(theirs, 0) / "evaluations").mkdir()
    (run(theirs, 0) / "evaluations" / "ab.json").write_text('{"evaluate": "noise", "metrics": {}}')
    before = everything(ours.outputs)
    code, _, err = merge(theirs, ours, capsys, "--yes")
    assert code == 1 and everything(ours.outputs) == before
    assert err == (
        f"error: demo: baseline seed 0 (cell {run(ours, 0).name}) has other weights here (host bench, device cpu, "
        "source 0123456789ab) than there (host far, device NVIDIA H200, source 0123456789ab): ours is kept\n"
    )


def measured(label):
    """The text of an evaluation's result."""
    return json.dumps({"evaluate": label, "metrics": {}})


def test_what_a_training_of_ones_own_wrote_comes_whole_and_its_links_stay(theirs, ours, capsys):
    theirs.add(["baseline"], seeds=1).write()
    own = run(theirs, 0) / "own"
    for name in ("checkpoints/last.ckpt", ".cache/lease", "state.json"):
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / name).write_text(name)
    (own / "checkpoints" / "newest").symlink_to("last.ckpt")
    (own / "latest").symlink_to("checkpoints")
    code, _, err = merge(theirs, ours, capsys, "--yes")
    assert code == 0 and not err
    found = ours.outputs / "runs" / run(theirs, 0).name / "own"
    names = sorted(str(path.relative_to(found)) for path in found.rglob("*") if not path.is_dir())
    assert names == [".cache/lease", "checkpoints/last.ckpt", "state.json"]


def test_evaluations_that_ours_lacks_are_added(theirs, ours, capsys):
    for fake in (theirs, ours):
        fake.add(["baseline"], seeds=1).write()
        (run(fake, 0) / "evaluations").mkdir()
        (run(fake, 0) / "evaluations" / "both.json").write_text(measured(str(fake.outputs)))
    (run(theirs, 0) / "evaluations" / "new.json").write_text(measured("new"))
    assert "1 evaluation file" in merge(theirs, ours, capsys)[1]
    assert merge(theirs, ours, capsys, "--yes")[0] == 0
    place = run(ours, 0) / "evaluations"
    assert {each.name: each.read_text() for each in place.iterdir()} == {
        "both.json": measured(str(ours.outputs)),
        "new.json": measured("new"),
    }


def test_evaluations_are_not_looked_for_behind_a_link_nor_is_anything_else_taken(theirs, ours, capsys, tmp_path):
    for fake in (theirs, ours):
        fake.add(["baseline"], seeds=1).write()
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "a.json").write_text(measured("a"))
    (run(theirs, 0) / "evaluations").symlink_to(secret)
    code, _, err = merge(theirs, ours, capsys, "--yes")
    assert code == 2 and "is a link, which no cell has" in err and not (run(ours, 0) / "evaluations").exists()
    (run(theirs, 0) / "evaluations").unlink()
    (run(theirs, 0) / "evaluations").mkdir()
    (run(theirs, 0) / "evaluations" / "id_rsa").write_text("x")
    (run(theirs, 0) / "evaluations" / "b.npz").symlink_to(secret / "a.json")
    (run(theirs, 0) / "evaluations" / "b.json").write_text(measured("b"))
    assert merge(theirs, ours, capsys, "--yes")[0] == 0
    assert [path.name for path in (run(ours, 0) / "evaluations").iterdir()] == ["b.json"]


def test_an_evaluation_s_arrays_come_with_it_and_before_it(theirs, ours, capsys, monkeypatch):
    for fake in (theirs, ours):
        fake.add(["baseline"], seeds=1).write()
    (run(theirs, 0) / "evaluations").mkdir()
    (run(theirs, 0) / "evaluations" / "ab.json").write_text(measured("noise"))
    (run(theirs, 0) / "evaluations" / "ab.npz").write_text("npz")
    brought = []
    copy = files.copy_file
    monkeypatch.setattr(import_cell, "copy_file", lambda *given: (brought.append(given[1].name), copy(*given)))
    assert merge(theirs, ours, capsys, "--yes")[0] == 0
    assert brought == ["ab.npz", "ab.json"]
    assert (run(ours, 0) / "evaluations" / "ab.npz").read_text() == "npz"


def test_rows_that_mean_other_configs_stop_that_ablation_alone(theirs, ours, capsys):
    ours.add(["baseline"], seeds=1).write()
    theirs.add(["baseline"], seeds=2)
    theirs.cells[0]["line"]["cell"] = "f" * 16
    theirs.cells[0]["config"]["trainer"]["max_epochs"] = 3
    theirs.write()
    theirs.about, theirs.cells = {**theirs.about, "name": "fine"}, []
    theirs.add(["baseline"], seeds=1).write()
    code, out, err = merge(theirs, ours, capsys, "--yes")
    assert code == 1 and err.count("\n") == 1
    assert "trainer.max_epochs (15 against 3); nothing of this ablation is merged" in err
    assert "fine: a new ablation, 1 cell added" in out
    assert {path.name for path in (ours.outputs / "runs").iterdir()} == {run(ours, 0).name, run(theirs, 0).name}
    assert len(read("demo", ours.outputs).cells) == 1


def test_a_block_without_our_baseline_is_refused(theirs, ours, capsys):
    ours.add(["baseline"], seeds=1).write()
    theirs.about = {**theirs.about, "baseline": "dropout"}
    theirs.add(["dropout"], seeds=1, factors={"optimizer.lr": "0.1"}).write()
    code, _, err = merge(theirs, ours, capsys, "--yes")
    assert code == 1 and "'baseline'" in err and "optimizer.lr=0.1" in err


def test_an_unfinished_cell_of_ours_makes_room_and_is_put_aside(theirs, ours, capsys):
    theirs.add(["baseline"], seeds=1).write()
    ours.add(["baseline"], seeds=1, status="failed").write()
    assert merge(theirs, ours, capsys, "--yes")[0] == 0
    assert read("demo", ours.outputs).cells[0].status == "finished"
    (aside,) = (ours.outputs / "replaced").iterdir()
    assert (aside / "failure.json").exists() and not (run(ours, 0) / "lease").exists()


def test_a_cell_that_is_trained_here_is_left_alone(theirs, ours, capsys):
    theirs.add(["baseline"], seeds=1).write()
    ours.add(["baseline"], seeds=1, status="interrupted").write()
    lease = Lease(run(ours, 0))
    assert lease.acquire()
    before = everything(ours.outputs)
    for given in ([], ["--yes"]):
        code, _, err = merge(theirs, ours, capsys, *given)
        assert code == 1 and "being trained here" in err and everything(ours.outputs) == before
    lease.release()


def test_a_copy_that_breaks_off_leaves_nothing(theirs, ours, capsys, monkeypatch):
    theirs.add(["baseline"], seeds=1).write()
    copied = []

    def breaks(source, target):
        copied.append(shutil.copy2(source, target))
        if len(copied) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(import_cell, "copy_file", breaks)
    assert merge(theirs, ours, capsys, "--yes")[0] == 130
    assert len(copied) == 2 and list((ours.outputs / "runs").iterdir()) == []
    assert not (ours.outputs / "ablations").exists()


def test_a_file_that_cannot_be_copied_is_named(theirs, ours, monkeypatch):
    theirs.add(["baseline"], seeds=1).write()

    def full(source, target):
        raise OSError(28, "No space left on device", source)

    monkeypatch.setattr(import_cell, "copy_file", full)
    with pytest.raises(UserError, match="No space left on device"):
        import_cell.import_cell(run(theirs, 0), ours.outputs / "runs" / "x", yes=True)
    assert list((ours.outputs / "runs").iterdir()) == []


def test_of_two_merges_at_once_one_brings_the_cell(theirs, ours):
    theirs.add(["baseline"], seeds=1).write()
    place = ours.outputs / "runs" / run(theirs, 0).name
    said = []
    threads = [
        threading.Thread(target=lambda: said.append(import_cell.import_cell(run(theirs, 0), place, yes=True)))
        for _ in range(4)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert said.count("") == 1 and len(said) == 4
    assert [path.name for path in place.parent.iterdir()] == [place.name]
    assert json.loads((place / "result.json").read_text()) == theirs.cells[0]["result"]


@pytest.mark.parametrize("given", ["nowhere", "ours"])
def test_a_folder_that_is_none_or_our_own_is_refused(ours, capsys, given, tmp_path):
    ours.add(["baseline"], seeds=1).write()
    assert main([str(tmp_path / given), f"paths.outputs={ours.outputs}"]) == 2
    err = capsys.readouterr().err
    assert "another" in err and err.count("\n") == 1
