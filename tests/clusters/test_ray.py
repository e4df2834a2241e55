"""A sweep on a real Ray cluster, whose node is lost in the middle, ends with the table that one machine gives."""

import subprocess
from pathlib import Path

import pytest
from processes import variables
from slurm import wait_for
from sweep import DISTURBED, Sweep, cells
from two_nodes import MARK, Ray

pytestmark = pytest.mark.slow
CELLS = [*cells(0, 1, epochs=240), "name=there"]  # longer than one node may start after the other
EXTRA = "ray"
THERE = ["hydra/launcher=ray", *DISTURBED]


@pytest.fixture(scope="module", autouse=True)
def without_token():
    """Ray's own authentication is off.

    A `ray.init()` without an address leaves a token at home. A head that is started later asks for one because it is
    there, and a client that is given an address does not send it.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        yield


def there(outputs, python, *more):
    outputs.mkdir(exist_ok=True)
    return Sweep(outputs, [*CELLS, *THERE, *more], python, {"RAY_USAGE_STATS_ENABLED": "0"})


def node_of(state):
    return int(variables(state["pid"])[MARK].rpartition("-")[2])


def nodes(sweep):
    """Node -> the cell that it trains, which has a checkpoint; none while a cell is between its nodes' processes."""
    try:
        return {node_of(state): cell for cell, state in sweep.states().items() if state["step"] > 25}
    except OSError:  # a process has just ended
        return {}


def test_a_node_lost_in_the_middle_costs_nothing(tmp_path, python, alone):
    with Ray(Path(python).parent) as cluster:
        sweep = there(tmp_path / "outputs", python, f"hydra.launcher.ray.init.address='{cluster.address}'")
        process = sweep.start()
        try:
            found = wait_for(lambda: len(found := nodes(sweep)) == 2 and found, 240)
            assert set(found) == {1, 2}
            cluster.kill(2)
            text = sweep.ended(process)
        finally:
            process.kill()
            process.communicate()
        assert "asks Ray for 4 tasks, each 1 core and 1 cell" in text
        sweep.same(alone)
        first, second, *_ = sweep.results()[found[2]]["provenance"]["attempts"]
        assert first["step"] == 0 < second["step"]
        assert not cluster.of(2)
    assert not cluster.of(0) and not cluster.of(1)


def test_a_cluster_lost_whole_is_no_success_and_the_same_command_goes_on(tmp_path, python, alone):
    with Ray(Path(python).parent) as cluster:
        sweep = there(tmp_path / "outputs", python, f"hydra.launcher.ray.init.address='{cluster.address}'")
        process = sweep.start()
        try:
            wait_for(lambda: nodes(sweep), 240)
            for node in (0, 1, 2):
                cluster.kill(node)
            sweep.ended(process, 1)  # Ray ends the process of who asked, with a text of its own
        finally:
            process.kill()
            process.communicate()
    sweep = Sweep(tmp_path / "outputs", CELLS, python)
    sweep.run()
    sweep.same(alone)


@pytest.mark.parametrize(
    ("mode", "words"),
    [("token", "no token was found; wanted is"), ("disabled", "it does not answer; is it up?")],
)
def test_a_cluster_that_cannot_be_used_is_a_line(tmp_path, python, mode, words):
    sweep = there(tmp_path / "outputs", python, "hydra.launcher.ray.init.address='127.0.0.1:9'")
    # one attempt: Ray's own patience is minutes
    sweep.environment |= {"RAY_AUTH_MODE": mode, "HOME": str(tmp_path), "RAY_NUM_REDIS_GET_RETRIES": "1"}
    text = sweep.ended(sweep.start(), 2)
    assert f"error: cannot use the Ray cluster at 127.0.0.1:9: {words}" in text and "Traceback" not in text


def test_where_no_folder_is_shared_results_are_brought_back(tmp_path, python, alone):
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("a node that sees another folder takes a mount namespace")
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    with Ray(Path(python).parent, hidden=[outputs]) as cluster:
        address = f"hydra.launcher.ray.init.address='{cluster.address}'"
        sweep = there(outputs, python, address, "sweep.cells_per_job=2")
        sweep.run()
        sweep.same(alone)


def test_without_a_cluster_ray_starts_one_here(tmp_path, python, alone):
    sweep = there(tmp_path / "outputs", python, "sweep.cells_per_job=2")
    sweep.run()
    sweep.same(alone)
