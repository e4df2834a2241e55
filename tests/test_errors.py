from dropgrid.errors import did_you_mean, one_line


def test_what_was_meant():
    assert did_you_mean("dropblok", ["dropout", "dropblock"]) == "; did you mean 'dropblock'?"
    assert did_you_mean("zzz", ["dropout"]) == ""


def test_a_message_is_one_line_without_torchs_stack():
    assert one_line(ValueError("size is\n wrong\nException raised from x.h:75\nframe #0")) == "size is wrong"
    assert one_line(KeyError()) == "KeyError"
