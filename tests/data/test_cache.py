import os
import sys
from pathlib import Path

import numpy as np
import pytest

from dropgrid.data import cache
from dropgrid.data.digits import Digits
from dropgrid.files import write_atomically


def numbers():
    return {"images": np.arange(4000, dtype=np.int64), "labels": np.ones(7)}


class Counted:
    """Makes its value, and counts how often."""

    def __init__(self, value):
        self.value, self.calls = value, 0

    def __call__(self):
        self.calls += 1
        return self.value


def kept(tmp_path, make):
    return cache.arrays(tmp_path, "key", ("images", "labels"), make)


def test_arrays_are_made_once_and_mapped_from_disk(tmp_path):
    make = Counted(numbers())
    for _ in range(2):
        arrays = kept(tmp_path, make)
        assert isinstance(arrays["images"], np.memmap) and (arrays["images"] == np.arange(4000)).all()
        assert (arrays["labels"] == 1).all()
    assert make.calls == 1
    arrays["images"][0] = 99  # a copy of one's own
    assert kept(tmp_path, make)["images"][0] == 0
    assert kept(tmp_path, make)["images"].dtype == np.int64


@pytest.mark.parametrize(
    "damage", ["missing", "empty", "cut", "header", "noise", "text", "a byte", "another's", "folder of it gone"]
)
def test_a_broken_file_is_made_anew(tmp_path, damage):
    make = Counted(numbers())
    kept(tmp_path, make)
    (path,) = tmp_path.rglob("images.npy")
    data = path.read_bytes()
    cache.arrays(tmp_path, "other", ("images",), lambda: {"images": np.arange(1, 4001)})
    if damage == "missing":
        path.unlink()
    elif damage == "folder of it gone":
        for each in path.parent.iterdir():
            each.unlink()
        path.parent.rmdir()
    else:
        new = {
            "empty": b"",
            "cut": data[:-1],
            "header": data[:9],
            "noise": os.urandom(len(data)),
            "a byte": data[:-99] + bytes([data[-99] ^ 1]) + data[-98:],
            "another's": (tmp_path / f"arrays/other-{cache.FORMAT}/images.npy").read_bytes(),
            "text": data[:10] + b"{'descr': (" + data[21:],
        }
        path.write_bytes(new[damage])
    assert (kept(tmp_path, make)["images"] == np.arange(4000)).all()
    assert make.calls == 2
    kept(tmp_path, make)
    assert make.calls == 2


@pytest.mark.parametrize("seed", range(30))
def test_no_garbled_header_gets_through_as_an_exception(tmp_path, seed):
    kept(tmp_path, numbers)
    (path,) = tmp_path.rglob("images.npy")
    data = bytearray(path.read_bytes())
    random = np.random.default_rng(seed)
    for place in random.integers(0, 128, 3):
        data[place] = random.integers(0, 256)
    path.write_bytes(bytes(data))
    kept(tmp_path, numbers)


def test_a_failed_write_leaves_nothing_behind(tmp_path):
    def fail(file):
        file.write(b"half")
        raise OSError("disk full")

    (tmp_path / "file").write_text("old")
    with pytest.raises(OSError, match="disk full"):
        write_atomically(tmp_path / "file", fail)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"


def test_fingerprints_are_kept_and_a_broken_one_is_made_anew(tmp_path):
    make = Counted("0123456789abcdef")
    assert [cache.fingerprint(tmp_path, "key", make) for _ in range(2)] == [make.value] * 2
    assert make.calls == 1
    (path,) = (path for path in tmp_path.rglob("*") if path.is_file())
    for broken in (b"", b"0123456789abcdef", b"\xff\xfe", path.read_bytes().replace(b"f", b"e")):
        path.write_bytes(broken)
        assert cache.fingerprint(tmp_path, "key", make) == make.value
    assert make.calls == 5


def test_parts_of_a_digest_do_not_run_into_one_another():
    lists = [("ab", "c"), ("a", "bc"), ("abc",), ("abc", ""), ("", "abc"), ()]
    assert len({cache.digest(*parts) for parts in lists}) == len(lists)
    assert cache.digest(b"ab", "c") == cache.digest("ab", "c")


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_cells_share_the_pages_of_their_images(tmp_path):
    """What a cell trains on is the cached file itself, mapped: processes side by side hold it once."""
    source = Digits(train=100, val=50, test=50, split_seed=0, cache=tmp_path)
    source.load()  # writes the cache
    pool = source.load().train.pool
    held = [line for line in Path("/proc/self/maps").read_text().splitlines() if str(tmp_path) in line]
    inside = [[int(end, 16) for end in line.split()[0].split("-")] for line in held if "images" in line]
    assert any(begin <= pool.data_ptr() and pool.data_ptr() + pool.nbytes <= end for begin, end in inside)
