"""Every test starts from the same random state and on one thread, alone or among others; `fake` writes cells.

What the tests of `make test-faults` did, and how much of it was survived, is printed at the end, by kind.
"""

import os
import time
from collections import Counter
from pathlib import Path

import pytest
import torch
from fakes import Fake

END = "DROPGRID_TESTS_END"
"""Variable: seconds since 1970 after which no test begins; .ci/run sets it."""

SURVIVED = "survived"
"""Property of a test: kind -> how often it was tried."""


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)
    torch.set_num_threads(1)


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    """Writes cells that nobody trained."""
    return Fake(tmp_path)


@pytest.hookimpl(tryfirst=True)  # before a fixture is built
def pytest_runtest_setup(item):
    if time.time() > float(os.environ.get(END, "inf")):
        pytest.skip(f"no time left ({END})")


def pytest_collection_modifyitems(items):
    for item in items:
        for mark in item.iter_markers("survives"):
            item.user_properties.append((SURVIVED, {mark.args[0]: 1}))


def pytest_terminal_summary(terminalreporter, config):
    if "survives" not in config.option.markexpr:
        return
    tried, survived = Counter(), Counter()
    for outcome in ("passed", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, counts in report.user_properties:
                if name == SURVIVED and (report.when == "call" or outcome == "error"):
                    tried.update(counts)
                    survived.update(counts if outcome == "passed" else {})
    terminalreporter.section("what was tried, and survived, by kind")
    for kind, count in sorted(tried.items()):
        terminalreporter.write_line(f"{survived[kind]:5} of {count:5}   {kind}")
