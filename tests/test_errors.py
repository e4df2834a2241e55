from dropgrid.errors import meant


def test_what_was_meant():
    assert meant("dropblok", ["dropout", "dropblock"]) == "; did you mean 'dropblock'?"
    assert meant("zzz", ["dropout"]) == ""
