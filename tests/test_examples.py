"""The examples, run as a stranger would: dropgrid from its wheel, another working folder, no checkout on the path."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
TINY = ["data=fake", "data.size=32", "data.train=64", "data.batch_size=16", "trainer.max_epochs=1"]

pytestmark = pytest.mark.slow


class Stranger:
    """An environment with the wheel and this one's libraries, and a folder to work in."""

    def __init__(self, folder: Path):
        self.folder = folder / "work"
        self.folder.mkdir()
        build = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(folder), str(ROOT)]
        subprocess.run([sys.executable, "-m", "pip", *build], check=True, capture_output=True)
        (wheel,) = folder.glob("*.whl")
        venv.create(folder / "env", with_pip=False)
        self.bin = folder / "env" / "bin"
        self.install("--no-deps", "--no-index", str(wheel))
        # a folder on PYTHONPATH, whose .pth files are not read: the checkout is not there
        self.variables = {"PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "160"}
        self.variables["PYTHONPATH"] = sysconfig.get_path("purelib")

    def install(self, *what):
        line = [sys.executable, "-m", "pip", "--python", str(self.bin / "python"), "install", "--quiet", *what]
        return subprocess.run(line, capture_output=True).returncode == 0

    def run(self, *line, **variables):
        environment = {key: value for key, value in os.environ.items() if not key.startswith("DROPGRID_")}
        done = subprocess.run(
            list(map(str, line)),
            cwd=self.folder,
            env={**environment, **self.variables, **variables},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Stranger(tmp_path_factory.mktemp("stranger"))


@pytest.fixture(scope="module")
def trained(stranger):
    """An ablation of two rows and two seeds, finished."""
    line = [*TINY, "model=resnet18", "model.width=0.25", "regularizer=none,dropblock", "seed=0,1", "name=mine"]
    return stranger.run("dropgrid-train", "-m", *line)


@pytest.mark.parametrize(("name", "layers"), [("retinanet", 4), ("unet", 2), ("neck", 4)])
def test_dropblock_in_a_network_that_makes_maps(stranger, name, layers):
    out = stranger.run("python", EXAMPLES / "own_dense.py", name)
    assert f"{layers} of {layers} drop layers on: no errors, no warnings" in out
    assert out.count("dropgrid.DropBlock2d") == layers


def test_the_wheel_alone_is_there(stranger):
    where = stranger.run("python", "-c", "import dropgrid.paths as p; print(p.PACKAGE, p.CONF)").split()
    assert all(str(stranger.bin.parent) in each for each in where)


@pytest.mark.parametrize("library", ["torchvision", "timm"])
def test_dropblock_in_a_network_of_ones_own(stranger, library):
    if library == "timm" and not stranger.install("--no-deps", "timm", "huggingface_hub"):
        pytest.skip("timm cannot be installed here")
    out = stranger.run("python", EXAMPLES / "own_network.py", library)
    assert "2 of 2 drop layers on: no errors, no warnings" in out
    assert out.count("dropgrid.DropBlock2d") == 2 and "0 → 0.1" in out


def test_the_audit_of_others_layers(stranger):
    out = stranger.run("python", EXAMPLES / "audit.py", "page.html")
    assert "=== torchvision" in out and "=== silently off" in out
    assert "with this part in eval mode" in out and "its result is ignored" in out
    assert "<html" in (stranger.folder / "page.html").read_text()


def test_a_method_and_a_network_of_ones_own(stranger):
    out = stranger.run("sh", EXAMPLES / "own_method" / "run.sh", "trainer.max_epochs=2")
    assert "6 of 6 done" in out
    table = json.loads((stranger.folder / "outputs" / "ablations" / "rows" / "table.json").read_text())
    rows = {row["row"]: row for row in table["rows"]}
    assert list(rows) == ["none", "dropout", "row_dropout"] and not rows["row_dropout"]["withheld"]
    results = [json.loads(path.read_text()) for path in stranger.folder.glob("outputs/runs/*/result.json")]
    proven = [result["treatment"] for result in results if "row_dropout" in result["reproduce"]]
    assert len(proven) == 2 and all("conv1" in str(each) and "conv2" in str(each) for each in proven)


def test_ones_own_pictures(stranger):
    noise = np.random.default_rng(0)
    for number in range(60):
        path = stranger.folder / "pets" / "ab"[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise.integers(0, 255, (40, 48, 3), dtype=np.uint8)).save(path)
    tiny = ["model.width=0.25", "trainer.max_epochs=1", "data.batch_size=8", "sweep.seeds=1"]
    assert "2 of 2 done" in stranger.run("sh", EXAMPLES / "own_images.sh", "pets", *tiny)


def test_weights_leave_and_come_back(stranger):
    stranger.run("dropgrid-train", *TINY, "model=resnet18", "name=whole")
    out = stranger.run("python", EXAMPLES / "weights.py", "whole")
    assert out.count("the same logits") == 2


def test_the_notebook_reads_an_ablation(stranger, trained):
    cells = json.loads((EXAMPLES / "results.ipynb").read_text())["cells"]
    code = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    told = "\nprint(frame.shape, list(difference.columns), difference.shape, mean.shape)"
    (stranger.folder / "notebook.py").write_text(code + told)
    out = stranger.run("python", "notebook.py", NAME="mine", DROPGRID_OUTPUTS="outputs", MPLBACKEND="agg")
    assert "(4, " in out and "['regularizer=dropblock'] (2, 1) (1, 2)" in out
