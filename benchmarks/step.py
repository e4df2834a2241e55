"""What DropBlock on the last two groups costs a training step: `python benchmarks/step.py`.

Steps (forward, backward, SGD) of the same net without DropBlock, with ours, with torchvision's in its place, and with
F.dropout in its place; keep_prob 0.9, block 7. channels_last, float32 and bfloat16 autocast.

    --quick     ResNet-20 in float32 alone
    --threads   torch's; 1, as a cell has
"""

from functools import partial

import torch
import torch.nn.functional as F
import torchvision
from measure import arguments, interleaved, keep, ratio, show
from nets import inputs, net, replaced
from torch import nn

from dropgrid.execution.worker import keep_memory

DROPBLOCK = ("regularizer=dropblock", "regularizer.block_size=7", "regularizer.schedule=constant")
NETS = {
    "ResNet-20, 32², batch 128": (("model=resnet20", "data=fake"), 128, 32, 15),
    "ResNet-50, 224², batch 8": (("model=resnet50", "data=fake", "data.size=224"), 8, 224, 9),
}


def variants(overrides: tuple[str, ...]) -> dict[str, nn.Module]:
    """The same net, four times."""
    return {
        "none": net(*overrides),
        "dropgrid": net(*overrides, *DROPBLOCK),
        "torchvision": replaced(
            net(*overrides, *DROPBLOCK), lambda d: torchvision.ops.DropBlock2d(d.full_level, min(d.block_size, 7))
        ),
        "F.dropout": replaced(net(*overrides, *DROPBLOCK), lambda d: nn.Dropout(d.full_level)),
    }


def step(network: nn.Module, optimizer: torch.optim.Optimizer, images, labels, autocast: bool) -> None:
    """One optimizer step."""
    optimizer.zero_grad(set_to_none=True)
    with torch.autocast(images.device.type, torch.bfloat16, enabled=autocast):
        loss = F.cross_entropy(network(images), labels)
    loss.backward()
    optimizer.step()
    if images.is_cuda:
        torch.cuda.synchronize()


def main() -> None:
    given = arguments(__doc__, "--quick", threads=True)
    keep_memory()  # as a cell's process does
    device = "cuda" if torch.cuda.is_available() else "cpu"
    ratios = {}
    for name, (overrides, batch, size, rounds) in list(NETS.items())[: 1 if given.quick else None]:
        for autocast in (False,) if given.quick else (False, True):
            images, labels = (x.to(device) for x in inputs(batch, (3, size, size), 10, torch.channels_last))
            calls = {}
            for each, network in variants(overrides).items():
                network = network.to(device, memory_format=torch.channels_last)
                optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
                calls[each] = partial(step, network, optimizer, images, labels, autocast)
            times = interleaved(calls, rounds)
            case = f"{name}, {'bfloat16' if autocast else 'float32'}"
            for each in list(calls)[1:]:
                ratios[f"{case}: {each} / none"] = ratio(times[each], times["none"])
    keep("step" if device == "cpu" else "step_gpu", ratios)
    show(ratios)


if __name__ == "__main__":
    main()
