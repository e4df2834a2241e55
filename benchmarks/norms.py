"""What a norm costs a training step, and batch norm beside the convolutions: `python benchmarks/norms.py`.

Steps (forward, backward, SGD) of a ResNet-20 with each norm over those of the net without any; and, profiled, the time
in batch norm over the time in convolutions, forward and backward together.

    --threads   torch's; 1, as a cell has
"""

from functools import partial

import torch
from measure import arguments, interleaved, keep, ratio, show
from nets import inputs, net
from step import step
from torch.profiler import ProfilerActivity, profile

NORMS = ("batch", "group", "layer", "instance", "switchable", "weight", "spectral")
BATCH, SIZE, ROUNDS = 64, 32, 15
OPERATIONS = {
    "batch norm": ("aten::batch_norm", "aten::native_batch_norm_backward"),
    "convolution": ("aten::convolution", "aten::convolution_backward"),
}


def shares(call: partial[None], rounds: int = 5) -> dict[str, float]:
    """Seconds in each of `OPERATIONS`, of what is called so many times."""
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        for _ in range(rounds):
            call()
    times = {each.key: each.cpu_time_total for each in profiled.key_averages()}
    return {name: sum(times.get(key, 0) for key in keys) / 1e6 for name, keys in OPERATIONS.items()}


def main() -> None:
    arguments(__doc__, threads=True)
    images, labels = inputs(BATCH, (3, SIZE, SIZE), 10, torch.channels_last)
    calls = {}
    for name in ("none", *NORMS):
        network = net("model=resnet20", "data=fake", f"norm={name}").to(memory_format=torch.channels_last)
        optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
        calls[name] = partial(step, network, optimizer, images, labels, False)
    times = interleaved(calls, ROUNDS)
    case = f"ResNet-20, {SIZE}², batch {BATCH}"
    ratios = {f"{case}: {name} / none": ratio(times[name], times["none"]) for name in NORMS}
    seen = [shares(calls["batch"], 1) for _ in range(ROUNDS)]
    batch, convolution = ([each[name] for each in seen] for name in OPERATIONS)
    ratios[f"{case}: time in batch norm / in convolutions"] = ratio(batch, convolution)
    keep("norms", ratios)
    show(ratios)


if __name__ == "__main__":
    main()
