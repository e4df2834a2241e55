"""Keys that are swept: every combination, or zipped one by one."""

import shlex

import pytest

from dropgrid.errors import UserError
from dropgrid.planning.command_line import read_command_line
from dropgrid.planning.overrides import parse_overrides
from dropgrid.planning.plan import plans
from dropgrid.planning.swept import Swept, unzipped

TINY = ["data=fake", "data.size=12", "data.train=64", "data.batch_size=16", "model.width=0.25", "trainer.max_epochs=1"]
ZIP = "zip(optimizer=sgd,adam,adam; optimizer.lr=.1,.001,.01)"


@pytest.fixture(autouse=True)
def outputs(tmp_path, monkeypatch):
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))


def swept(*texts):
    return Swept(parse_overrides(unzipped(texts)))


def test_without_a_zip_every_combination_is_there():
    found = swept("a=1,2", "b=3,4,5")
    assert found.combinations(["a", "b"]) == [{"a": a, "b": b} for a in "12" for b in "345"]
    assert found.texts == ["a=1,2", "b=3,4,5"] and found.first == ["a=1", "b=3"]


def test_zipped_keys_go_together_and_the_rest_multiplies():
    found = swept("zip(a=1,2; b=3,3; c=range(5,7))", "d=x,y")
    together = [{"a": "1", "b": "3", "c": "5"}, {"a": "2", "b": "3", "c": "6"}]
    assert found.combinations("abcd") == [{**each, "d": d} for each in together for d in "xy"]
    assert found.combinations("d") == [{"d": "x"}, {"d": "y"}]
    assert found.texts == ["zip(a=1,2; b=3,3; c=5,6)", "d=x,y"]
    assert swept(*found.texts).combinations("abcd") == found.combinations("abcd"), "what is printed means the same"


def test_a_semicolon_in_quotes_is_part_of_a_value_and_other_letters_need_no_quotes():
    found = swept("zip(a='x;y',z; b=1,2)")
    assert found.combinations("ab") == [{"a": '"x;y"', "b": "1"}, {"a": "z", "b": "2"}]
    line = read_command_line(["-m", "zip(a=größer,kleiner; b=1,2)"])
    assert [*Swept(line.overrides)] == ["a", "b"]


@pytest.mark.parametrize(
    "text", ["name=a,b", "sweep.jobs=1,2", "zip(optimizer.lr=.1,.2; paths.outputs=a,b)", "logger=csv,wandb"]
)
def test_what_is_about_the_whole_sweep_is_not_swept(text):
    with pytest.raises(UserError, match="has one value a sweep"):
        plans([*TINY, text])


@pytest.mark.parametrize("texts", [["zip(a=1,2; a=3,4)"], ["a=1,2", "zip(b=3,4; a=5,6)"], ["a=1,2", "a=3,4"]])
def test_a_key_that_is_swept_twice_is_refused(texts):
    with pytest.raises(UserError, match="a is swept twice"):
        swept(*texts)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("zip(a=1,2; b=1,2,3)", "a has 2, b has 3"),
        ("zip(a=1; b=2)", "two or more; a has 1, b has 1"),
        ("zip()", r"write zip\(key=a,b; other=c,d\)"),
        ("zip(a=1,2; b)", r"write zip\("),
        ("zip(seed=0,1; a=1,2)", "seeds are not zipped"),
        ("zip(a=1,2; +seed=0,1)", "seeds are not zipped"),
        ("zip(a=1,2; b=null,3)", "cannot read 'b=null,3': .* null cannot be zipped"),
    ],
)
def test_what_cannot_be_zipped_is_refused(text, says):
    with pytest.raises(UserError, match=says):
        unzipped([text])


def test_a_zip_of_a_key_that_chooses_test_images_with_another_is_refused():
    with pytest.raises(UserError, match="zipped with none other"):
        plans([*TINY, "zip(optimizer=sgd,adam; data.test=20,30)"])


def test_a_zipped_sweep_has_a_row_for_each_pair_and_its_own_command_makes_it_again():
    (plan,) = plans(read_command_line(["-m", *TINY, ZIP, "seed=0,1"]).overrides_of_cells)
    rows = list(dict.fromkeys(cell.row for cell in plan.cells))
    assert rows == [
        "optimizer=sgd, optimizer.lr=0.1",
        "optimizer=adam, optimizer.lr=0.001",
        "optimizer=adam, optimizer.lr=0.01",
    ]
    assert {cell.config["optimizer"]["lr"] for cell in plan.cells} == {0.1, 0.001, 0.01}
    (product,) = plans([*TINY, "optimizer=sgd,adam", "optimizer.lr=.1,.001,.01", "seed=0,1"])
    assert len(plan.cells) == 6 and len(product.cells) == 12 and plan.name != product.name
    words = shlex.split(plan.about["command"])[2:]
    (again,) = plans(read_command_line(words).overrides_of_cells)
    assert [cell.id for cell in again.cells] == [cell.id for cell in plan.cells] and again.name == plan.name


def test_factors_of_an_ablation_are_zipped_too():
    (plan,) = plans(["+ablation=depth", "zip(optimizer=sgd,adam; optimizer.lr=.1,.001)", "seed=0"])
    factors = {tuple(cell.factors.items()) for cell in plan.cells}
    assert factors == {
        (("optimizer", "sgd"), ("optimizer.lr", "0.1")),
        (("optimizer", "adam"), ("optimizer.lr", "0.001")),
    }
