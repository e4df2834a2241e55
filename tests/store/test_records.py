import pytest

from dropgrid.errors import UserError
from dropgrid.store.files import read_json
from dropgrid.store.layout import Outputs


def test_a_damaged_file_is_named_with_what_to_do(tmp_path):
    (tmp_path / "cells.json").write_text("[{")
    with pytest.raises(UserError, match=r"cannot read .*cells\.json: not JSON .* remove it") as caught:
        read_json(tmp_path / "cells.json")
    assert len(str(caught.value).splitlines()) == 1


def test_reading_what_is_not_there(tmp_path):
    assert read_json(tmp_path / "no.json") is None


def test_a_runs_folder(tmp_path):
    assert Outputs(tmp_path).run("abc").folder == tmp_path / "runs" / "abc"
