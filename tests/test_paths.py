"""Paths as others may read them: home is ~."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from dropgrid.paths import outputs_folder, tilde, tilde_override, untilde


@pytest.fixture(autouse=True)
def home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/bob")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('File "/home/bob/code/x.py", line 3', 'File "~/code/x.py", line 3'),
        ("no folder /home/bob", "no folder ~"),
        ("/home/bobby/x and /mnt/home/bob/x", "/home/bobby/x and /mnt/home/bob/x"),
    ],
)
def test_home_is_a_tilde(text, shown):
    assert tilde(text) == shown


@pytest.mark.parametrize("home", ["/", ""])
def test_where_home_is_everything_nothing_is_hidden(monkeypatch, home):
    monkeypatch.setenv("HOME", home)
    assert tilde("/data/x") == "/data/x"


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("data.root=/home/bob/pics", "~/pics"),
        ("data.root='/home/bob/my pics'", "~/my pics"),
        ("data.root=[/home/bob/a,'/home/bob/b','c/home/bob']", ["~/a", "~/b", "c/home/bob"]),
        ("data.root=/mnt/home/bob/x", "/mnt/home/bob/x"),
        ("lr=0.1", 0.1),
    ],
)
def test_an_override_stays_one(override, value):
    assert OverridesParser.create().parse_override(tilde_override(override)).value() == value


def test_where_outputs_lie(monkeypatch):
    monkeypatch.delenv("DROPGRID_OUTPUTS", raising=False)
    assert (str(outputs_folder()), str(outputs_folder("~/x"))) == ("outputs", "/home/bob/x")
    monkeypatch.setenv("DROPGRID_OUTPUTS", "~/there")
    assert (str(outputs_folder()), str(outputs_folder("here"))) == ("/home/bob/there", "here")


def test_there_and_back():
    assert untilde("~/pics") == "/home/bob/pics" and untilde("/data") == "/data" and untilde("a~b") == "a~b"
