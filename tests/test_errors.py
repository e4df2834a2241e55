from dropgrid.errors import did_you_mean


def test_what_was_meant():
    assert did_you_mean("dropblok", ["dropout", "dropblock"]) == "; did you mean 'dropblock'?"
    assert did_you_mean("zzz", ["dropout"]) == ""
