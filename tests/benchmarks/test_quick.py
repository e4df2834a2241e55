import importlib.util
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    found = importlib.util.spec_from_file_location("benchmarks_quick", FOLDER / "quick.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    yield module
    sys.modules.pop("measure", None)


def spread(low, median, high):
    return {"low": low, "median": median, "high": high}


def test_a_ratio_has_moved_where_its_spread_lies_apart_and_by_more_than_a_tenth(quick):
    then = spread(1.9, 2.0, 2.1)
    assert quick.moved(then, spread(2.4, 2.5, 2.6)) and quick.moved(then, spread(1.4, 1.5, 1.6))
    assert not quick.moved(then, spread(2.0, 2.5, 3.0))  # overlaps
    assert not quick.moved(then, spread(2.11, 2.15, 2.2))  # too little


def test_only_what_both_have_is_compared(quick):
    then = {"a": spread(1, 1, 1), "b": spread(2, 2, 2)}
    (line,) = quick.compared(then, {"b": spread(4, 4, 4), "c": spread(1, 1, 1)})
    assert "MOVED" in line and line.endswith(" b")


def test_every_quick_benchmark_is_a_script_with_a_quick_set(quick):
    for name in quick.QUICK:
        text = (FOLDER / f"{name}.py").read_text()
        assert '"--quick"' in text and f'keep("{name}"' in text
