"""What a cell loads is what it was planned with, by content; anything else fails by name and leaves no result."""

import os
import re
import shutil

import numpy as np
import pytest
from PIL import Image
from pytorch_lightning import Callback

from dropgrid.cli.train import train_cell
from dropgrid.errors import UserError
from dropgrid.execution.check import check
from dropgrid.execution.supervisor import Policy, supervise
from dropgrid.measure.trained_cell import load_trained_cell
from dropgrid.planning.plan import plans
from dropgrid.saved_network import weights_hash
from dropgrid.store.files import write_yaml
from dropgrid.store.records import is_finished
from dropgrid.training.train import Trial, train

SMALL = ["data=image_folder", "data.batch_size=4", "model=mlp", "model.hidden=[8]", "trainer.max_epochs=2"]
STREAMED = ["data.memory_limit=0", "data.workers=0"]

# Python 3.12 warns that a fork in a process with threads may deadlock; the workers run no thread's code
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
    pytest.mark.survives("data changed between plan, start, resume and evaluation"),
]


def images(root, seed=0, count=6):
    """Class folders of images that are all of one size in bytes."""
    random = np.random.default_rng(seed)
    for name in ("cat", "dog"):
        (root / name).mkdir(parents=True)
        for i in range(count):
            Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(root / name / f"{i}.bmp")
    return root


@pytest.fixture
def root(tmp_path):
    return images(tmp_path / "images")


@pytest.fixture
def plan(tmp_path, root):
    """Plans the cell of the images."""

    def make(*overrides):
        place = [f"data.root={root}", f"paths.outputs={tmp_path / 'outputs'}"]
        (found,) = plans([*SMALL, *place, *overrides])
        return found

    return make


def change(root, way):
    """Change the images in one of the ways that leave their names, or most of them."""
    file, other = root / "cat/3.bmp", root / "dog/2.bmp"
    stat = file.stat()
    if way == "other pixels":
        file.write_bytes(other.read_bytes())
    elif way == "same size and times":
        file.write_bytes(other.read_bytes())
        os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    elif way == "replaced by rename":
        shutil.copy(other, root / "new.bmp")
        os.utime(root / "new.bmp", ns=(stat.st_atime_ns, stat.st_mtime_ns))
        (root / "new.bmp").rename(file)
    elif way == "removed":
        file.unlink()
    elif way == "added":
        shutil.copy(other, root / "cat/9.bmp")
    elif way == "another folder":
        root.rename(root.with_name("before"))
        images(root, seed=1)
    elif way == "swapped":
        file.rename(root / "aside")
        other.rename(file)
        (root / "aside").rename(other)


WAYS = {
    "other pixels": "cat/3.bmp has changed",
    "same size and times": "cat/3.bmp has changed",
    "replaced by rename": "cat/3.bmp has changed",
    "removed": "cat/3.bmp is gone",
    "added": "cat/9.bmp is new",
    "another folder": "cat/0.bmp has changed, .* and 7 more",
    "swapped": "cat/3.bmp has changed, dog/2.bmp has changed",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", [[], STREAMED], ids=["memory", "streamed"])
def test_a_change_after_planning_is_refused_at_the_start(plan, root, way, kind):
    found = plan(*kind)
    (cell,) = found.cells
    check([found])
    change(root, way)
    words = (
        rf"data \(ImageFolder, .*/images\): {WAYS[way]} since this cell was planned \(planned [0-9a-f]{{16}}, found "
    )
    with pytest.raises(UserError, match=words) as error:
        Trial(found.supervised(cell), cell.folder, [])
    assert "name=NAME" in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(UserError, match=words):  # between planning and the check of the plan
        check([found])


@pytest.mark.parametrize("workers", [0, 1])
def test_a_change_while_files_are_read_is_refused_as_they_are_read(plan, root, workers):
    found = plan(*STREAMED, f"data.workers={workers}")
    trial = Trial(found.supervised(found.cells[0]), found.outputs, [])
    change(root, "same size and times")
    with pytest.raises(UserError, match=r"cat/3\.bmp has changed since this cell was planned \(planned with sha256"):
        trial.fit()
        trial.measure()


def test_other_times_are_the_same_content(plan, root):
    found = plan()
    for path in root.rglob("*.bmp"):
        os.utime(path, ns=(0, 1))
    Trial(found.supervised(found.cells[0]), found.outputs, [])


class Interrupt(Callback):
    """Ends training at a step, a checkpoint before."""

    def on_train_batch_start(self, trainer, learner, batch, index):
        if trainer.global_step == 2:
            raise SystemExit


def test_a_resume_with_other_data_is_refused_and_with_the_same_put_back_ends_in_the_same_bits(plan, root, tmp_path):
    found = plan("sweep.checkpoint.steps=1")
    (cell,) = found.cells
    job = found.supervised(cell)
    shutil.copytree(root, tmp_path / "kept")
    whole = Trial(job, tmp_path / "whole", [])
    (tmp_path / "whole").mkdir()
    whole.fit()
    cell.folder.mkdir(parents=True)
    with pytest.raises(SystemExit):
        Trial(job, cell.folder, [], [Interrupt()]).fit()
    assert [*(cell.folder / "checkpoints").iterdir()]
    change(root, "same size and times")
    with pytest.raises(UserError, match=r"cat/3\.bmp has changed"):
        train(job, cell.folder)
    assert not is_finished(cell.run)
    shutil.rmtree(root)
    shutil.copytree(tmp_path / "kept", root)
    resumed = Trial(job, cell.folder, [])
    resumed.fit()
    assert len(resumed.checkpoint.attempts) == 2 and weights_hash(resumed.last) == weights_hash(whole.last)


@pytest.mark.parametrize("damage", ["a byte", "another's", "gone", "index"])
def test_what_a_damaged_cache_or_one_of_other_files_holds_is_not_trained_on(plan, root, tmp_path, damage):
    found = plan()
    (cell,) = found.cells
    check([found])
    cache = tmp_path / "outputs/.cache/data"

    def pixels():
        return Trial(found.supervised(cell), tmp_path, []).splits.train.images.numpy()

    right = pixels()
    (path,) = cache.rglob("images.npy")
    if damage == "another's":
        theirs = images(tmp_path / "theirs", seed=5)
        check(plans([*SMALL, f"data.root={theirs}", f"paths.outputs={tmp_path / 'outputs'}"]))
        (other,) = {*cache.rglob("images.npy")} - {path}
        shutil.copy(other, path)
    elif damage == "a byte":
        data = bytearray(path.read_bytes())
        data[-50] ^= 1
        path.write_bytes(bytes(data))
    else:
        shutil.rmtree(cache if damage == "gone" else cache / "indexes", ignore_errors=True)
    assert np.array_equal(pixels(), right)


def test_an_evaluation_on_data_that_changed_is_refused(plan, root):
    found = plan()
    (cell,) = found.cells
    cell.folder.mkdir(parents=True)
    train(found.supervised(cell), cell.folder)
    write_yaml(cell.run.config, cell.config)
    write_yaml(cell.run.local, cell.local)
    load_trained_cell(cell.folder, "last")
    change(root, "swapped")
    with pytest.raises(UserError, match=r"cat/3\.bmp has changed, dog/2\.bmp has changed since this cell was planned"):
        load_trained_cell(cell.folder, "last")


@pytest.mark.slow
def test_such_a_cell_fails_is_not_tried_again_and_trains_once_the_data_are_back(plan, root, tmp_path):
    found = plan()
    (cell,) = found.cells
    shutil.copytree(root, tmp_path / "kept")
    change(root, "same size and times")
    policy = Policy(retries={"UserError": 5})
    outcome = supervise(found.supervised(cell), found.outputs, train_cell, policy=policy)
    assert outcome.status == "failed" and outcome.attempts == 1 and not is_finished(cell.run)
    assert re.match(r"UserError: data \(ImageFolder, .*/images\): cat/3.bmp has changed since", outcome.failure)
    shutil.copy2(tmp_path / "kept/cat/3.bmp", root / "cat/3.bmp")
    assert supervise(found.supervised(cell), found.outputs, train_cell, policy=policy).status == "finished"
