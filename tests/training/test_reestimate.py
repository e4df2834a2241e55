"""Statistics of batches, of images that lie class by class on the disk."""

import pytest
import torch
from in_process import command
from PIL import Image

from dropgrid import load_cell

TINY = ["data.batch_size=10", "data.eval_batch_size=20", "data.val=0", "model=resnet14", "model.width=0.25"]


def trained(tmp_path, *asked):
    for part in ("train", "test"):
        for number, shade in enumerate((30, 220)):  # a batch of one class has next to no variance
            folder = tmp_path / "images" / part / f"class{number}"
            folder.mkdir(parents=True)
            for index in range(20):
                Image.new("RGB", (16, 16), (shade + index % 3,) * 3).save(folder / f"{index}.png")
    line = ["data=image_folder", f"data.root={tmp_path / 'images'}", *TINY, *asked, "trainer.max_epochs=1"]
    return command("train", *line, outputs=tmp_path / "outputs")


@pytest.mark.parametrize("asked", ["norm.statistics=reestimated", "average=swa"])
def test_batches_hold_all_classes(tmp_path, asked):
    done = trained(tmp_path, asked)
    assert done.returncode == 0, done.stderr
    (run,) = (tmp_path / "outputs" / "runs").iterdir()
    network = load_cell(run.name, tmp_path / "outputs")
    seen = []
    network.bn1.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    shades = torch.tensor([shade + index % 3 for shade in (30, 220) for index in range(20)]) / 255
    images = ((shades - shades.mean()) / shades.std(correction=0)).view(-1, 1, 1, 1).expand(-1, 3, 16, 16)
    network.eval()(images)
    variance = seen[0].transpose(0, 1).flatten(1).var(1)
    assert torch.allclose(network.bn1.running_var, variance, rtol=0.2)


def test_batches_of_one_class_are_not_measured_by_their_own_statistics(tmp_path):
    done = trained(tmp_path, "norm.statistics=batch")
    assert done.returncode == 1
    assert "the test images come class by class" in done.stdout + done.stderr
    assert not [*(tmp_path / "outputs" / "runs").glob("*/result.json")]


def test_one_batch_of_all_images_is(tmp_path):
    assert trained(tmp_path, "norm.statistics=batch", "data.eval_batch_size=40").returncode == 0
