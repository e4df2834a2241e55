"""A kept listing: believed as long as it is true."""

import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from dropgrid.data import folder, index
from dropgrid.data.folder import listing
from dropgrid.data.index import indexed

PARTS = ("train", "test")


@pytest.fixture
def root(tmp_path, tiny, monkeypatch):
    """A tree whose last change lies a tick of the file system back."""
    monkeypatch.setattr(index, "SETTLED", 0.02)
    tiny.tree(tmp_path / "root", {"train": 4, "test": 2}, ("cat", "dog", "pig"))
    (tmp_path / "root/train/cat/more").mkdir()
    for name in ("README", "train/a.txt", "train/cat/more/b.txt", "test/loose.jpg"):
        (tmp_path / "root" / name).write_text("no data")
    shutil.copy(tmp_path / "root/train/cat/000.png", tmp_path / "root/train/cat/more")
    time.sleep(0.05)
    return tmp_path / "root"


@pytest.fixture
def made(monkeypatch):
    """The trees that were listed, as often as they were."""
    roots = []
    monkeypatch.setattr(index, "listing", lambda root, *about: roots.append(root) or listing(root, *about))
    return roots


def equal(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one[2:6], other[2:6], strict=True)) and (
        (one.root, one.classes, *one[6:]) == (other.root, other.classes, *other[6:])
    )


def test_listed_once_and_equal_to_the_listing(root, tmp_path, made):
    for _ in range(3):
        assert equal(indexed(root, PARTS, tmp_path), listing(root, PARTS))
    assert len(made) == 1
    found = indexed(root, PARTS, tmp_path)
    assert found.path(4) == root / "train/cat/more/000.png" and found.path(4).exists()
    assert [each.dtype for each in found[2:6]] == [each.dtype for each in listing(root, PARTS)[2:6]]


def test_classes_in_the_root_itself(root, tmp_path, made):
    for _ in range(2):
        assert equal(indexed(root / "train", ("",), tmp_path), listing(root / "train", ("",)))
    assert len(made) == 1
    assert not equal(indexed(root / "test", ("",), tmp_path), indexed(root / "train", ("",), tmp_path))


def rewrite(path):
    """Other bytes, as many, and the time of the last change put back."""
    stat = path.stat()
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


CHANGES = {
    "one more": lambda root: shutil.copy(root / "train/cat/000.png", root / "test/dog/zzz.png"),
    "one more, deeper": lambda root: shutil.copy(root / "train/cat/000.png", root / "train/cat/more/zzz.png"),
    "one fewer": lambda root: (root / "train/dog/001.png").unlink(),
    "renamed": lambda root: (root / "train/dog/001.png").rename(root / "train/dog/yyy.png"),
    "moved": lambda root: (root / "train/dog/001.png").rename(root / "train/cat/yyy.png"),
    "longer": lambda root: (root / "train/dog/001.png").write_bytes(bytes(999)),
    "rewritten": lambda root: rewrite(root / "train/dog/001.png"),
    "a class renamed": lambda root: [(root / part / "cat").rename(root / part / "cow") for part in PARTS],
    "a class more": lambda root: [shutil.copytree(root / part / "cat", root / part / "cow") for part in PARTS],
    "a class fewer": lambda root: [shutil.rmtree(root / part / "cat") for part in PARTS],
    "a folder replaced": lambda root: [
        (root / "test/cat").rename(root / "old"),
        shutil.copytree(root / "old", root / "test/cat"),
        shutil.copystat(root / "old", root / "test/cat"),
    ],
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_has_changed_is_noticed(root, tmp_path, made, change):
    indexed(root, PARTS, tmp_path)
    CHANGES[change](root)
    assert equal(indexed(root, PARTS, tmp_path), listing(root, PARTS)) and len(made) == 2


def test_an_index_of_links_that_were_followed_is_no_other_s(root, tmp_path):
    os.symlink(shutil.copytree(root / "train/cat", tmp_path / "elsewhere"), root / "train/cat/far")
    time.sleep(0.05)
    assert any(b"/far/" in name for name in indexed(root, PARTS, tmp_path, follow_links=True).names.tolist())
    with pytest.raises(ValueError, match=r"the link .*cat/far leads out of"):
        indexed(root, PARTS, tmp_path)


DAMAGES = ("missing", "empty", "cut", "noise", "pickle", "a byte", "a count", "a name", "another's")


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_index_is_made_anew(root, tmp_path, made, damage):
    indexed(root, PARTS, tmp_path)
    (path,) = tmp_path.glob("indexes/*")
    data, found = path.read_bytes(), np.load(path)
    if damage == "missing":
        path.unlink()
    elif damage == "another's":
        np.save(path, np.zeros(9))
    elif damage == "pickle":
        np.save(path, np.array([{}], object))
    elif damage == "a byte":  # the class of an image, perhaps
        path.write_bytes(data[:900] + bytes([data[900] ^ 1]) + data[901:])
    elif damage in ("a count", "a name"):
        place = np.flatnonzero(found["images"] > 0)[0]
        found["images"][place] += damage == "a count"
        found["name"][-1] = found["name"][-2] if damage == "a name" else found["name"][-1]
        np.save(path, found)
    else:
        path.write_bytes({"empty": b"", "cut": data[:-9], "noise": os.urandom(len(data))}[damage])
    assert equal(indexed(root, PARTS, tmp_path), listing(root, PARTS)) and len(made) == 2
    assert equal(indexed(root, PARTS, tmp_path), listing(root, PARTS)) and len(made) == 2


def test_a_tree_that_has_just_changed_is_not_believed(root, tmp_path, made, monkeypatch):
    monkeypatch.setattr(index, "SETTLED", 60.0)
    for _ in range(2):
        indexed(root, PARTS, tmp_path)
    assert len(made) == 2 and not list(tmp_path.glob("indexes/*"))


def test_several_processes_at_once(root, tmp_path, made):
    code = (
        "import sys; from pathlib import Path; from dropgrid.data import index; index.SETTLED = 0.02;"
        "print([len(index.indexed(Path(sys.argv[1]), ('train', 'test'), Path(sys.argv[2])).names) for _ in range(20)])"
    )
    line = [sys.executable, "-c", code, root, tmp_path]
    running = [subprocess.Popen(line, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [each.communicate()[0].strip() for each in running] == [str([19] * 20)] * 3
    assert equal(indexed(root, PARTS, tmp_path), listing(root, PARTS)) and not made
    assert len(list(tmp_path.glob("indexes/*"))) == 1


def test_what_is_wrong_with_a_tree_is_still_named(root, tmp_path):
    indexed(root, PARTS, tmp_path)
    shutil.rmtree(root / "test/cat")
    with pytest.raises(ValueError, match="do not have the same classes; on one side only: train/cat"):
        indexed(root, PARTS, tmp_path)


def test_a_long_listing_says_how_far_it_is(root, capsys, monkeypatch):
    monkeypatch.setattr(folder, "SILENT", -1.0)
    monkeypatch.setattr(folder, "APART", -1.0)
    listing(root, PARTS)
    assert capsys.readouterr().err.splitlines()[:2] == [
        f"listing {root}: 5 images (class 1 of 3, train)",
        f"listing {root}: 9 images (class 2 of 3, train)",
    ]
