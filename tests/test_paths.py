"""Paths as others may read them: home is ~."""

import pytest

from dropgrid.errors import UserError
from dropgrid.paths import outputs_folder, tilde, untilde


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


def test_a_home_that_is_a_link_is_hidden_by_both_names(monkeypatch, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "bob").symlink_to(tmp_path / "real")
    monkeypatch.setenv("HOME", str(tmp_path / "bob"))
    assert tilde(f"{tmp_path}/bob/x and {tmp_path}/real/x") == "~/x and ~/x"


def test_where_outputs_lie(monkeypatch):
    monkeypatch.delenv("DROPGRID_OUTPUTS", raising=False)
    assert (str(outputs_folder()), str(outputs_folder("~/x"))) == ("outputs", "/home/bob/x")
    monkeypatch.setenv("DROPGRID_OUTPUTS", "~/there")
    assert (str(outputs_folder()), str(outputs_folder("here"))) == ("/home/bob/there", "here")


def test_there_and_back():
    assert untilde("~/pics") == "/home/bob/pics" and untilde("/data") == "/data" and untilde("a~b") == "a~b"
    with pytest.raises(UserError, match="~nobody-at-all/x: there is no home folder"):
        untilde("~nobody-at-all/x")
