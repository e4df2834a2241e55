from types import SimpleNamespace

import pytest
import torch
from torchvision.transforms import AutoAugment, AutoAugmentPolicy

from dropgrid.augments.autoaugment import POLICIES, autoaugment


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def normalised(channels, count=16, side=24):
    """8-bit images, the same as floats of mean 0 and standard deviation 1, and the context that says how."""
    images = torch.randint(256, (count, channels, side, side), generator=generator(1), dtype=torch.uint8)
    mean = torch.linspace(0.3, 0.6, channels).view(-1, 1, 1)
    std = torch.linspace(0.2, 0.3, channels).view(-1, 1, 1)
    return images, (images.float() / 255 - mean) / std, SimpleNamespace(mean=mean, std=std)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_images_are_torchvisions(policy, channels):
    images, floats, context = normalised(channels)
    out, targets = autoaugment(floats, torch.arange(16), generator=generator(5), context=context, policy=policy)
    assert torch.equal(targets, torch.arange(16))
    seed = int(torch.randint(2**62, (), generator=generator(5)))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        theirs = torch.stack([AutoAugment(AutoAugmentPolicy(policy))(image) for image in images])
    assert torch.equal(((out * context.std + context.mean) * 255).round().to(torch.uint8), theirs)
    assert not torch.equal(theirs, images)


def test_each_image_gets_its_own():
    one = torch.rand(1, 1, 24, 24, generator=generator(2)).expand(32, 3, 24, 24)
    out, _ = autoaugment(one, torch.zeros(32), generator=generator(), policy="svhn")
    assert len({image.numpy().tobytes() for image in out}) > 10


def test_what_it_cannot_do_is_refused():
    with pytest.raises(ValueError, match="augment.policy must be imagenet, cifar10 or svhn, got 'mnist'"):
        autoaugment(torch.zeros(1, 3, 8, 8), torch.zeros(1), generator=generator(), policy="mnist")
    with pytest.raises(ValueError, match="1 or 3 channels, got 4"):
        autoaugment(torch.zeros(1, 4, 8, 8), torch.zeros(1), generator=generator(), policy="svhn")
