import torch

from dropgrid.augments.none import none


def test_nothing_is_done_and_nothing_drawn():
    images, targets, generator = torch.randn(2, 3, 4, 4), torch.arange(2), torch.Generator()
    before = generator.get_state()
    out, same = none(images, targets, generator=generator)
    assert out is images and same is targets and torch.equal(generator.get_state(), before)
