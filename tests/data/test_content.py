"""What files hold: one fingerprint of all, kept until a file changes, and which are not as they were."""

import os
import shutil

import numpy as np
import pytest

from dropgrid.data import content
from dropgrid.data.folder import listing


def found(root, kept, parts=("",)):
    files = listing(root, parts)
    return content.current_content(root, files.names, files.stats, kept)


def fingerprint(root, kept):
    return found(root, kept).fingerprint


@pytest.fixture
def settled(monkeypatch):
    """Files that have just been written count as settled."""
    monkeypatch.setattr(content, "SETTLED", -60.0)


@pytest.fixture
def read(monkeypatch):
    """How often all files were read."""
    times = []
    monkeypatch.setattr(content, "read_content", lambda *about: times.append(1) or READ(*about))
    return times


READ = content.read_content


def test_a_copy_elsewhere_has_the_same_fingerprint_and_other_images_another(tmp_path, tiny):
    one = tiny.tree(tmp_path / "one", {"": 3})
    two = tmp_path / "two"
    shutil.copytree(one, two)
    other = tiny.tree(tmp_path / "three", {"": 3}, seed=9)
    cache = tmp_path / "cache"
    assert fingerprint(one, cache) == fingerprint(two, cache) == fingerprint(two, tmp_path / "fresh")
    assert fingerprint(one, cache) != fingerprint(other, cache)


@pytest.mark.parametrize("change", ["a byte", "a name", "a class", "one more", "one fewer", "swapped"])
def test_any_change_of_content_changes_the_fingerprint(tmp_path, tiny, change):
    root = tiny.tree(tmp_path / "root", {"": 3})
    before = fingerprint(root, tmp_path / "cache")
    file, other = root / "cat" / "000.png", root / "dog" / "000.png"
    if change == "a byte":
        data = bytearray(file.read_bytes())
        data[-20] ^= 1
        stat = file.stat()
        file.write_bytes(bytes(data))
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # size and time of change as they were
    elif change == "a name":
        file.rename(file.with_name("zzz.png"))
    elif change == "a class":
        (root / "cat").rename(root / "cow")
    elif change == "one more":
        shutil.copy(file, root / "cat" / "900.png")
    elif change == "one fewer":
        file.unlink()
    else:
        one, two = file.read_bytes(), other.read_bytes()
        file.write_bytes(two)
        other.write_bytes(one)
    assert fingerprint(root, tmp_path / "cache") != before


def test_files_are_read_once_until_they_change(tmp_path, tiny, settled, read):
    root = tiny.tree(tmp_path / "root", {"": 3})
    one = fingerprint(root, tmp_path / "cache")
    assert fingerprint(root, tmp_path / "cache") == one and len(read) == 1
    os.utime(root / "cat" / "000.png", ns=(0, 1))
    assert fingerprint(root, tmp_path / "cache") == one and len(read) == 2


def test_what_was_read_of_files_that_have_just_changed_is_not_kept(tmp_path, tiny, read):
    root = tiny.tree(tmp_path / "root", {"": 3})
    assert fingerprint(root, tmp_path / "cache") == fingerprint(root, tmp_path / "cache") and len(read) == 2


@pytest.mark.parametrize("column", range(4), ids=["size", "content changed", "inode changed", "inode"])
def test_each_of_the_stats_is_a_reason_to_read_again(tmp_path, tiny, settled, read, column):
    root = tiny.tree(tmp_path / "root", {"": 3})
    files = listing(root, ("",))
    for stats, times in ((files.stats, 1), (files.stats, 1), (files.stats + np.eye(4, dtype=int)[column], 2)):
        content.current_content(root, files.names, stats, tmp_path / "cache")
        assert len(read) == times


def swapped_in(root, other):
    """Another folder in the place of one, its files of the same names, sizes and times."""
    for path in sorted(other.rglob("*.png")):
        stat = (root / path.relative_to(other)).stat()
        path.write_bytes(path.read_bytes().ljust(stat.st_size, b"\0"))
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    root.rename(root.with_name("before"))
    other.rename(root)


def test_a_file_in_the_place_of_another_of_the_same_size_and_time_counts_as_other_content(tmp_path, tiny, settled):
    root, other = (tiny.tree(tmp_path / name, {"": 3}, seed=seed) for name, seed in (("root", 0), ("other", 9)))
    size = max(path.stat().st_size for place in (root, other) for path in place.rglob("*.png"))
    for path in root.rglob("*.png"):
        path.write_bytes(path.read_bytes().ljust(size, b"\0"))
    before = fingerprint(root, tmp_path / "cache")
    swapped_in(root, other)
    assert fingerprint(root, tmp_path / "cache") not in (before, None)


@pytest.mark.parametrize("damage", ["a byte", "another's", "cut", "missing", "sha256 missing", "sha256 a byte"])
def test_a_kept_fingerprint_that_is_damaged_or_of_other_files_is_made_anew(tmp_path, tiny, settled, damage):
    root, other = (tiny.tree(tmp_path / name, {"": 3}, seed=seed) for name, seed in (("root", 0), ("other", 9)))
    right = found(root, tmp_path / "cache")
    (path,) = (tmp_path / "cache/fingerprints").iterdir()
    (sha256,) = (tmp_path / "cache/contents").iterdir()
    fingerprint(other, tmp_path / "cache")
    (theirs,) = {*(tmp_path / "cache/fingerprints").iterdir()} - {path}
    text = path.read_text()
    if damage == "a byte":
        path.write_text(("0" if text[0] != "0" else "1") + text[1:])
    elif damage == "another's":
        shutil.copy(theirs, path)
    elif damage == "cut":
        path.write_text(text[:16])
    elif damage.startswith("sha256"):
        data = bytearray(sha256.read_bytes())
        data[-40] ^= 1
        sha256.unlink() if damage.endswith("missing") else sha256.write_bytes(bytes(data))
    else:
        path.unlink()
    again = found(root, tmp_path / "cache")
    assert again.fingerprint == right.fingerprint and np.array_equal(again.sha256, right.sha256)


def test_which_files_differ_is_named(tmp_path, tiny):
    root, kept = tiny.tree(tmp_path / "root", {"": 3}), tmp_path / "cache"
    planned = fingerprint(root, kept)
    (root / "cat/000.png").write_bytes((root / "cat/001.png").read_bytes())
    (root / "dog/000.png").unlink()
    shutil.copy(root / "dog/001.png", root / "dog/new.png")
    words = content.differing(kept, planned, found(root, kept))
    assert words == "cat/000.png has changed, dog/000.png is gone, dog/new.png is new"
    assert content.differing(kept, "f" * 16, found(root, kept)) == ""
    shutil.rmtree(kept / "contents")
    assert content.differing(kept, planned, found(root, kept)) == ""


def test_a_file_that_vanished_is_named(tmp_path, tiny):
    root = tiny.tree(tmp_path / "root", {"": 2})
    files = listing(root, ("",))
    (root / "dog" / "001.png").unlink()
    with pytest.raises(ValueError, match=r"cannot read .*dog/001\.png: No such file"):
        content.current_content(root, files.names, files.stats, tmp_path / "cache")


def test_files_that_change_while_they_are_decoded_are_refused(tmp_path, tiny):
    root = tiny.tree(tmp_path / "root", {"": 2})
    known = found(root, tmp_path / "cache")
    content.refuse_changed(root, known)
    (root / "dog" / "001.png").write_bytes(b"x")
    with pytest.raises(ValueError, match="the files in .*root changed while they were read"):
        content.refuse_changed(root, known)
