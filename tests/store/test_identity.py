import subprocess
import sys

from dropgrid.store import identity
from dropgrid.store.identity import cell_id, divide, source_fingerprint, treatment_id, unite

RESOLVED = {
    "seed": 3,
    "data": {
        "_target_": "x",
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
    assert cell_id({"seed": 0}) == "d69388e6aae85f10"  # if this fails, raise FORMAT
    monkeypatch.setattr(identity, "FORMAT", identity.FORMAT + 1)
    assert cell_id({"seed": 0}) != "d69388e6aae85f10"


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


def test_the_source_has_one_fingerprint():
    assert source_fingerprint() == source_fingerprint() and len(source_fingerprint()) == 12


def test_source_that_trains_nothing_leaves_results_as_they_are(tmp_path, monkeypatch):
    package = tmp_path / "dropgrid"
    for name in ("runs/identity.py", "reports/table.py", "learner.py"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("one")
    monkeypatch.setattr(identity, "__file__", str(package / "runs" / "identity.py"))
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
