import ast
import io
import subprocess
import sys
import tokenize
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from option_nodes import option_node

from dropgrid import instantiate
from dropgrid.errors import UserError
from dropgrid.instantiate import by_option
from dropgrid.planning.compose import group_options, hydra_context
from dropgrid.store import identity
from dropgrid.store.identity import (
    AS_BEFORE,
    cell_id,
    code_of,
    complete,
    divide,
    source_fingerprint,
    treatment_id,
    unite,
)

RESOLVED: dict[str, Any] = {
    "seed": 3,
    "data": {
        "option": "x",
        "root": "/a",
        "workers": 4,
        "download": True,
        "batch_size": 10,
        "fingerprint": "f",
    },
    "trainer": {"accelerator": "cpu", "devices": 1, "max_epochs": 2, "limit_train_batches": 1.0},
    "model": {"depths": [2, 2]},
    "paths": {"outputs": "o"},
    "sweep": {"jobs": 2},
    "logger": {"project": "p"},
    "ablation": {"rows": {}},
    "scale": {"name": "demo"},
    "report": {},
    "name": "n",
    "regularizer_2": {"keep_prob": 0.5},
}


def changed(**axes):
    return {axis: ({**node, **axes[axis]} if axis in axes else node) for axis, node in RESOLVED.items()}


def id_of(resolved):
    return cell_id(divide(resolved)[0])


def test_an_id_is_the_same_on_every_machine_until_the_format_is_raised(monkeypatch):
    assert cell_id({"seed": 0}) == "49238a3b71ffdb84"  # if this fails, raise FORMAT
    monkeypatch.setattr(identity, "FORMAT", identity.FORMAT + 1)
    assert cell_id({"seed": 0}) != "49238a3b71ffdb84"


def test_the_id_ignores_place_and_sweep():
    for axes in (
        {"data": {"root": "/elsewhere", "workers": 0, "download": False}},
        {"trainer": {"accelerator": "gpu", "devices": 2}},
        {"paths": {"outputs": "x"}},
        {"sweep": {"jobs": 1}},
        {"logger": {"project": "q"}},
        {"ablation": {"rows": {"a": []}}},
        {"scale": {"name": "other"}},
    ):
        assert id_of(changed(**axes)) == id_of(RESOLVED), axes


def test_the_id_holds_everything_else():
    ids = {
        id_of(RESOLVED),
        id_of({**RESOLVED, "seed": 4}),
        id_of(changed(data={"fingerprint": "g"})),
        id_of(changed(data={"batch_size": 11})),
        id_of(changed(trainer={"max_epochs": 3})),
        id_of(changed(trainer={"limit_train_batches": 1})),
        id_of(changed(model={"depths": [2, 3]})),
        id_of(changed(regularizer_2={"keep_prob": 0.6})),
    }
    assert len(ids) == 8


def test_the_order_of_keys_does_not_matter():
    assert id_of(dict(reversed(RESOLVED.items()))) == id_of(RESOLVED)


def test_a_treatment_is_a_cell_whatever_its_seed():
    first, second = divide(RESOLVED)[0], divide({**RESOLVED, "seed": 9})[0]
    assert treatment_id(first) == treatment_id(second) and cell_id(first) != cell_id(second)


def test_both_parts_make_an_axis_whole_again():
    config, local = divide(RESOLVED)
    assert unite(config, local, "data") == RESOLVED["data"]
    assert "root" not in config["data"] and "paths" not in config


NODE = {"_target_": "dropgrid.regularizers.dropblock.dropblock", "_partial_": True, "keep_prob": 0.9}


def test_an_id_holds_the_constructors_name_and_no_module():
    config, _ = divide({"regularizer_2": NODE, "activation": {"_target_": "torch.nn.ReLU", "_partial_": True}})
    assert config == {
        "regularizer_2": {"option": "dropblock", "keep_prob": 0.9},
        "activation": {"option": "torch.nn.ReLU"},
    }


def test_a_renamed_module_changes_no_id(monkeypatch):
    before = id_of({"regularizer": NODE})
    moved = "dropgrid.regularizers.renamed"
    monkeypatch.setattr(instantiate, "constructors", lambda axis: {"dropblock": moved})
    assert id_of({"regularizer": {**NODE, "_target_": f"{moved}.dropblock"}}) == before


def test_what_would_be_refused_keeps_its_path():
    node = {"_target_": "os.system", "command": "x"}
    assert divide({"regularizer": node})[0]["regularizer"] == node


def test_what_is_in_a_functions_config_stays_as_it_is():
    own = {"_target_": "dropgrid.tasks.function.Function", "option": "x", "_partial_": True}
    config, _ = divide(
        {"seed": 0, "trainer": {}, "task": {**FUNCTION, "function": {**FUNCTION["function"], "own": own}}}
    )
    assert config["task"]["function"]["own"] == own


def test_an_argument_named_option_is_refused_and_not_lost():
    node = {**FUNCTION["function"], "option": "a"}
    with pytest.raises(UserError, match=r"task\.function\.option cannot be set"):
        divide({"seed": 0, "trainer": {}, "task": {**FUNCTION, "function": node}})


FUNCTION: dict[str, Any] = {
    "_target_": "dropgrid.tasks.function.Function",
    "function": {"_target_": "my_lab.fit"},
    "metric": "accuracy",
}


def test_a_key_added_later_changes_an_id_only_where_it_says_something_new(monkeypatch):
    old: dict[str, Any] = {
        "regularizer": {"option": "dropblock", "keep_prob": 0.9},
        "norm": {"option": "batch", "seeds": "fits"},
    }
    before = cell_id(old)
    monkeypatch.setattr(identity, "AS_BEFORE", {("regularizer", "dropblock", "seeds"): "fits"})
    as_before = {**old, "regularizer": {**old["regularizer"], "seeds": "fits"}}
    assert cell_id(old) == cell_id(as_before) == before
    assert cell_id({**old, "regularizer": {**old["regularizer"], "seeds": "anywhere"}}) != before
    assert cell_id({**old, "regularizer_2": as_before["regularizer"]}) == cell_id(
        {**old, "regularizer_2": old["regularizer"]}
    )
    other = {**old, "regularizer": {"option": "dropout", "keep_prob": 0.9, "seeds": "fits"}}
    assert cell_id(other) != cell_id({**other, "regularizer": {"option": "dropout", "keep_prob": 0.9}})
    assert complete(old) == as_before


def test_an_axis_added_later_changes_an_id_only_where_it_says_something_new(monkeypatch):
    before = cell_id({"seed": 1})
    monkeypatch.setattr(identity, "AS_BEFORE", {("shuffle",): {"option": "none"}})
    assert cell_id({"seed": 1, "shuffle": {"option": "none"}}) == before
    assert cell_id({"seed": 1, "shuffle": {"option": "some"}}) != before
    assert complete({"seed": 1}) == {"seed": 1, "shuffle": {"option": "none"}}


def test_what_was_added_is_in_the_config_and_by_default_as_before():
    """A misspelt entry would change the ids of trained cells."""
    for axis, option, key in (path for path in AS_BEFORE if len(path) == 3):
        with hydra_context():
            names = group_options(axis)
        nodes = [by_option(axis, option_node(axis, name)) for name in names]
        of_option = [node for node in nodes if node["option"] == option]
        assert of_option and all(node[key] == AS_BEFORE[axis, option, key] for node in of_option)


def test_a_cell_of_before_the_forms_of_layer_norm_has_its_id():
    old = {"model": {"option": "LSTM", "hidden": [128]}}
    now = {"model": {**old["model"], "layer_norm": "gates"}}
    assert cell_id(now) == cell_id(old) and complete(old) == now
    for form in ("tensorflow", "paper"):
        assert cell_id({"model": {**old["model"], "layer_norm": form}}) != cell_id(old)


def test_the_source_has_one_fingerprint():
    assert source_fingerprint() == source_fingerprint() and len(source_fingerprint()) == 12


def code_by_the_parser(text):
    """Slowly: a text without comments and without strings that are statements, as Python's own parser finds them."""
    lines = [line.encode() for line in text.splitlines(keepends=True)]
    starts = [0, *accumulate(map(len, lines))]
    spans = [
        (starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    ]
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            start = starts[row - 1] + len(token.line[:column].encode())
            spans.append((start, start + len(token.string.encode())))
    code = bytearray(text.encode())
    for start, end in sorted(spans, reverse=True):
        del code[start:end]
    return "\n".join(line.rstrip() for line in code.decode().split("\n") if line.strip())


def test_docstrings_and_comments_are_no_code_as_the_parser_sees_it_in_every_file():
    paths = [*Path(identity.__file__).parents[1].rglob("*.py"), *Path(__file__).parents[1].rglob("*.py")]
    assert len(paths) > 500
    for path in paths:
        text = path.read_text()
        assert code_of(text) == code_by_the_parser(text), path


def test_a_docstring_leaves_the_source_as_it_is_and_code_does_not(tmp_path, monkeypatch):
    package = tmp_path / "dropgrid"
    (package / "store").mkdir(parents=True)
    monkeypatch.setattr(identity, "__file__", str(package / "store" / "identity.py"))

    def of(text):
        (package / "learner.py").write_text(text)
        return source_fingerprint()

    plain = of('def f(x):\n    return "#" + x\n')
    assert of('"""Doc."""\n\ndef f(x):  # why\n    """Return it."""\n\n    return "#" + x\n') == plain
    assert of('def f(x):\n    return "##" + x\n') != plain


def test_source_that_trains_nothing_leaves_results_as_they_are(tmp_path, monkeypatch):
    package = tmp_path / "dropgrid"
    for name in ("store/identity.py", "reports/table.py", "learner.py"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("one")
    monkeypatch.setattr(identity, "__file__", str(package / "store" / "identity.py"))
    before = source_fingerprint()
    (package / "reports" / "table.py").write_text("two")
    assert source_fingerprint() == before
    (package / "learner.py").write_text("two")
    assert source_fingerprint() != before


def test_what_trains_imports_nothing_that_does_not():
    probe = (
        "import sys, dropgrid.training.train; from dropgrid.store.identity import TRAINS_NOTHING; "
        "print([m for m in sys.modules if m.startswith('dropgrid.') and m.split('.')[1] + '.py' in TRAINS_NOTHING"
        " or m.startswith('dropgrid.') and m.split('.')[1] in TRAINS_NOTHING])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
