"""Which cells start again although they have checkpoints."""

import torch

from dropgrid.execution.local import starting_again
from dropgrid.planning.plan import plans
from dropgrid.store import checkpoints
from dropgrid.store.environment import stamp


def test_cells_whose_checkpoints_are_not_continued_from_are_counted(tmp_path, monkeypatch):
    (plan,) = plans(["data=fake", "seed=0,1,2,3", f"paths.outputs={tmp_path}"])
    ours, other = stamp(torch.device("cpu"), plan.cells[0].config), "0" * 12
    for cell, found in zip(plan.cells, ([], [ours], [other], [other, ours]), strict=True):
        cell.folder.mkdir(parents=True)
        for step, each in enumerate(found):
            checkpoints.write(cell.folder, step, each, lambda file: file.write(b"weights"))
    assert starting_again(plan.cells) == 1
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "another")
    assert starting_again(plan.cells) == 3
