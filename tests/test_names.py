"""Names of files from any text."""

import os
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dropgrid.names import IN_COMMANDS, MOST, file_name, file_names, is_file_name

REFUSED = [None, IN_COMMANDS]
texts = st.text(st.characters(), max_size=400) | st.text("ab/: .~\u0301é\u4e2d_", max_size=12)


@settings(deadline=None)
@given(texts)
@example("")
@example(".")
@example("..")
@example("\ud800")
@example("a\u0301" * 200)
@example("\u4e2d" * 120)
def test_any_text_gives_a_name_that_every_file_system_takes(text):
    for refused in REFUSED:
        name = file_name(text, refused)
        assert 0 < len(name.encode()) <= MOST
        assert name.isprintable() and "/" not in name and name == unicodedata.normalize("NFC", name)
        assert name[0] not in ". " and name[-1] not in ". "
        assert is_file_name(name, refused)
        assert not refused or not refused.search(name)
        assert name == text or name[:-11] != text


@settings(deadline=None)
@given(st.lists(texts, max_size=8, unique=True))
def test_different_texts_have_different_names(some):
    for refused in REFUSED:
        names = [file_name(text, refused) for text in some]
        again = [file_name(name, refused) for name in names if name not in some]
        assert len({*names, *again}) == len(names) + len(again)
    found = file_names(some)
    assert len({name.casefold() for name in found.values()}) == len(some)


SAME = [
    "baseline",
    "dropblock block_size=3",
    "A",
    "a~b",
    "é",
    "\u4e2d\u6587",
    "x" * MOST,
    "demo@cifar10+seed=0,1",
    "-x",
]


@pytest.mark.parametrize("text", SAME)
def test_a_name_that_is_fine_stays(text):
    assert file_name(text) == text


ALIKE = [
    ["a b", "a/b", "a:b", "a_b", "a\0b", "a\\b", "a b ", " a b", "a b."],
    ["\u00e9", "e\u0301"],
    ["", ".", "..", "_", "__", " "],
    ["CON", "con", "_con", "con.txt", "NUL", "nul"],
    ["x" * n for n in (239, 240, 241, 300)],
    ["x" * 300 + "a", "x" * 300 + "b"],
    ["\u4e2d" * n for n in (79, 80, 81, 120)],
]


@pytest.mark.parametrize("alike", ALIKE)
def test_names_that_were_one_are_several(alike, tmp_path):
    for refused in REFUSED:
        names = [file_name(text, refused) for text in alike]
        for name in names:
            (tmp_path / str(refused is None) / name).mkdir(parents=True)
        assert len(os.listdir(tmp_path / str(refused is None))) == len(alike)
    assert len({each.casefold() for each in file_names(alike).values()}) == len(alike)


def test_what_was_changed_is_readable():
    assert file_name("lr: 0.1/2").startswith("lr: 0.1_2~") and file_name("my sweep", IN_COMMANDS).startswith(
        "my_sweep~"
    )
    assert file_names(["Dropout", "dropout"])["Dropout"] == "Dropout"
