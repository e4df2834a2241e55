"""Statistics re-estimated after training, of images that lie class by class on the disk."""

import pytest
import torch
from in_process import command
from PIL import Image

from dropgrid import load_cell

TINY = ["data.batch_size=10", "data.eval_batch_size=20", "data.val=0", "model=resnet14", "model.width=0.25"]


@pytest.mark.parametrize("asked", ["norm.statistics=reestimated", "average=swa"])
def test_batches_hold_all_classes(tmp_path, asked):
    for part in ("train", "test"):
        for number, shade in enumerate((30, 220)):  # a batch of one class has next to no variance
            folder = tmp_path / "images" / part / f"class{number}"
            folder.mkdir(parents=True)
            for index in range(20):
                Image.new("RGB", (16, 16), (shade + index % 3,) * 3).save(folder / f"{index}.png")
    line = ["data=image_folder", f"data.root={tmp_path / 'images'}", *TINY, asked, "trainer.max_epochs=1"]
    done = command("train", *line, outputs=tmp_path / "outputs")
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
