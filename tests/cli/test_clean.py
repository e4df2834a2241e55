"""What takes room, and that only what was asked for goes."""

import json

import pytest

from dropgrid.cli.clean import main
from dropgrid.store import deletion
from dropgrid.store.identity import source_fingerprint
from dropgrid.store.inventory import runs, tree
from dropgrid.store.lease import Lease
from dropgrid.store.status import status

STATUSES = ["finished", "finished", "running", "failed", "interrupted", "pending"]
CHECKPOINT = "step-0000000005-0123456789ab-0123456789ab.ckpt"


@pytest.fixture
def full(fake):
    """A cell of each status with checkpoints, one of them by this source; an orphan, something replaced, a cache."""
    fake.add(["baseline", "dropout"], seeds=3)
    for cell, stands in zip(fake.cells, STATUSES, strict=True):
        cell["status"] = stands
    fake.cells[0]["result"]["provenance"]["source"] = source_fingerprint()
    fake.write()
    for cell in fake.cells[:5]:
        file(folder(fake, cell) / "checkpoints" / CHECKPOINT, 1000)
    file(fake.outputs / "runs" / "orphan" / "config.yaml", 50)
    file(fake.outputs / "replaced" / f"{fake.cells[0]['line']['cell']}-20260101T000000" / "result.json", 300)
    file(fake.outputs / ".cache" / "data" / "x", 7000)
    return fake


def file(path, size):
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x" * size)


def folder(fake, cell):
    return fake.outputs / "runs" / cell["line"]["cell"]


def clean(fake, capsys, *given):
    code = main([*given, f"paths.outputs={fake.outputs}"])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def everything(fake):
    """Every file with its content, but leases."""
    return {path: path.read_bytes() for path in fake.outputs.rglob("*") if path.is_file() and path.name != "lease"}


def test_without_flags_sizes_and_what_each_flag_would_free(full, capsys):
    before = everything(full)
    code, out, _ = clean(full, capsys)
    lines = {line.split("  ")[1]: line.split() for line in out.splitlines() if line.startswith("  ")}
    assert code == 0 and everything(full) == before
    assert lines["demo"][1] == "5" and lines["demo"][-2:] == ["5.0", "kB"]
    assert lines["(orphaned cells)"][2:5] == ["1", "50", "B"]
    assert lines["(replaced by reruns)"][3:5] == ["300", "B"] and lines["(caches)"][1:3] == ["7.0", "kB"]
    folders = {flag: next(word for word in words if word.isdigit()) for flag, words in lines.items() if "--" in flag}
    assert folders == {"--checkpoints": "3", "--stale": "1", "--failed": "1", "--orphaned": "1", "--replaced": "1"}
    assert "the checkpoints of 1 interrupted cell, 1.0 kB" in out


def test_cells_that_two_ablations_share_count_once_in_the_total(fake, capsys):
    fake.add(["baseline", "dropout"], seeds=1).write()
    other = fake.outputs / "ablations" / "other"
    other.mkdir()
    (other / "cells.json").write_text(json.dumps([fake.cells[0]["line"]]))
    shared = folder(fake, fake.cells[0])
    file(shared / "checkpoints" / "large", 5_000_000)
    _, out, _ = clean(fake, capsys)
    named = {line.split()[0]: line.split() for line in out.splitlines() if line.strip()}
    assert tree(fake.outputs) < 5_100_000
    assert named["demo"][2:6] == named["other"][2:6] == ["5.0", "MB", "5.0", "MB"]
    assert named["total"][2:4] == ["5.0", "MB"]
    assert "count once in the total" in out


@pytest.mark.parametrize("flags", [["--checkpoints"], ["--stale"], ["--failed"], ["--orphaned"], ["--replaced"]])
def test_a_dry_run_says_what_would_go_and_removes_nothing(full, capsys, flags):
    before = everything(full)
    code, out, _ = clean(full, capsys, *flags)
    assert code == 0 and "nothing was removed, add --yes to remove" in out and everything(full) == before


def gone(before, after, fake):
    """The folders under outputs that lost files."""
    return {str(path.parent.relative_to(fake.outputs)) for path in before.keys() - after.keys()}


def test_each_flag_removes_its_own_and_nothing_else(full, capsys):
    ids = [cell["line"]["cell"] for cell in full.cells]
    expected = {
        "--checkpoints": {f"runs/{ids[n]}/checkpoints" for n in (0, 1, 3)},
        "--stale": {f"runs/{ids[1]}"},
        "--failed": {f"runs/{ids[3]}"},
        "--orphaned": {"runs/orphan"},
        "--replaced": {f"replaced/{ids[0]}-20260101T000000"},
    }
    for flag, folders in expected.items():
        before = everything(full)
        assert clean(full, capsys, flag, "--yes")[0] == 0
        after = everything(full)
        assert gone(before, after, full) == folders and after.items() <= before.items()
    assert [status(folder(full, cell)) for cell in full.cells] == [
        *("finished", "pending", "running", "pending", "interrupted", "pending")
    ]
    assert "nothing to remove" in clean(full, capsys, *expected, "--yes")[1]
    assert not list((full.outputs / "runs").glob(".*"))


def test_names_limit_what_goes(full, capsys):
    other = full.outputs / "ablations" / "other"
    other.mkdir()
    (other / "cells.json").write_text(json.dumps([full.cells[3]["line"]]))
    _, out, _ = clean(full, capsys, "other", "--failed", "--stale", "--replaced", "--checkpoints", "--yes")
    assert "removed 1 folder" in out and "failed, also in other" in out
    assert folder(full, full.cells[1]).exists() and list((full.outputs / "replaced").iterdir())


def test_a_cell_whose_lease_is_held_is_left_and_named(full, capsys):
    lease = Lease(folder(full, full.cells[3]))
    assert lease.acquire()
    orphan = Lease(full.outputs / "runs" / "orphan")
    assert orphan.acquire()
    before = everything(full)
    for yes in ([], ["--yes"]):
        code, out, _ = clean(full, capsys, "--checkpoints", "--failed", "--orphaned", *yes)
        assert code == 0 and "skipped  orphan: being trained on" in out
        assert folder(full, full.cells[3]).name in {path.parent.name for path in everything(full)}
    assert gone(before, everything(full), full) == {f"runs/{full.cells[n]['line']['cell']}/checkpoints" for n in (0, 1)}
    lease.release()
    orphan.release()


def test_what_has_changed_since_it_was_listed_is_left(full):
    found = deletion.removals(["failed", "orphaned"], runs(full.outputs), full.outputs, None)
    assert len(found) == 2
    (folder(full, full.cells[3]) / "result.json").write_text('{"metrics": {}, "reproduce": ""}')
    lines = [cell["line"] for cell in full.cells] + [{**full.cells[0]["line"], "cell": "orphan", "seed": 9}]
    (full.outputs / "ablations" / "demo" / "cells.json").write_text(json.dumps(lines))
    assert [deletion.remove(each) for each in found] == ["changed meanwhile"] * 2
    assert folder(full, full.cells[3]).exists() and not (folder(full, full.cells[3]) / "lease").exists()


def test_what_an_interrupted_clean_left_goes_as_orphaned(full, capsys):
    file(full.outputs / "runs" / ".0123.removed" / "last.safetensors", 10)
    clean(full, capsys, "--orphaned", "--yes")
    assert not (full.outputs / "runs" / ".0123.removed").exists()


def test_links_to_runs_elsewhere_are_not_followed(full, capsys, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "precious").write_text("x")
    (full.outputs / "runs" / "linked").symlink_to(elsewhere)
    clean(full, capsys, "--orphaned", "--yes")
    assert (elsewhere / "precious").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["dmeo", "--failed"], "did you mean 'demo'?"),
        (["--yes"], "--yes needs at least one of"),
        (["demo", "--orphaned"], "belong to no ablation"),
        (["paths.outputs=nowhere"], "no outputs in nowhere"),
    ],
)
def test_what_cannot_be_is_a_line_and_exits_with_2(full, capsys, given, said):
    before = everything(full)
    code = main([f"paths.outputs={full.outputs}", *given])
    err = capsys.readouterr().err
    assert code == 2 and said in err and err.count("\n") == 1 and everything(full) == before


def test_a_damaged_cells_json_makes_no_cell_an_orphan(full, capsys):
    (full.outputs / "ablations" / "demo" / "cells.json").write_text("[{")
    before = everything(full)
    code, _, err = clean(full, capsys, "--orphaned", "--yes")
    assert code == 2 and "cells.json" in err and everything(full) == before
