"""The wheel carries configs and plugins: built, installed where the checkout is not on the path, and run there."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(folder)]
    subprocess.run([*build, str(ROOT)], check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_it_carries_configs_and_plugins_and_no_tests(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    configs = {f"dropgrid/conf/{p.relative_to(ROOT / 'conf')}" for p in (ROOT / "conf").rglob("*.yaml")}
    assert len(configs) > 30 and configs <= names
    assert "hydra_plugins/dropgrid/sweeper.py" in names and "hydra_plugins/__init__.py" not in names
    assert "dropgrid/reports/formats/page.html.j2" in names and "dropgrid/cli/guide.md" in names
    assert not any(name.startswith(("tests", "scripts", "outputs")) for name in names)


@pytest.mark.slow
def test_installed_elsewhere_it_runs_from_its_own_configs(wheel, tmp_path):
    home = tmp_path / "env"
    venv.create(home, with_pip=False)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(home)}))
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    # the libraries are this environment's; the checkout is not: a folder on sys.path, whose .pth files are not read
    environment = {**os.environ, "PYTHONPATH": sysconfig.get_path("purelib"), "DROPGRID_OUTPUTS": ""}
    del environment["DROPGRID_OUTPUTS"]

    def run(*line):
        done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    where = run(home / "bin" / "python", "-c", "import dropgrid.paths as p; print(p.PACKAGE, p.CONF)").split()
    assert where == [str(site / "dropgrid"), str(site / "dropgrid" / "conf")]
    entry = "import sys; from dropgrid.cli.train import main; sys.argv[0] = 'dropgrid-train'; main()"
    tiny = ["data=fake", "data.size=12", "data.train=64", "data.batch_size=16", "trainer.max_epochs=1"]
    out = run(home / "bin" / "python", "-c", entry, "-m", *tiny, "regularizer=none,dropblock", "name=away")
    assert "2 of 2 done" in out
    assert (tmp_path / "outputs" / "ablations" / "away" / "report.html").exists()
    report = "import sys; from dropgrid.cli.report import main; sys.exit(main())"
    assert "regularizer=dropblock" in run(home / "bin" / "python", "-c", report, "away")
