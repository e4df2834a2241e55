"""Our training loop, Lightning included, against a hand-written one: `python benchmarks/loop.py`.

The demo's cell without a regularizer (500 digits, batch 50, ResNet-14, validated each epoch), trained by both in turn;
the two end with the same bits in every weight, or the benchmark fails. The ratio is plain seconds / our seconds.

    --quick     fewer rounds
"""

import contextlib
import gc
import importlib
import io
import math
import shutil
import time

import torch
import torch.nn.functional as F
from measure import arguments, keep, ratio, show
from nets import SCRATCH, cell

from dropgrid import build, streams
from dropgrid.execution.worker import keep_memory
from dropgrid.loggers.csv import Csv
from dropgrid.saved_network import weights_hash
from dropgrid.training.train import Trial


def ours(given: dict) -> tuple[float, str]:
    """Seconds of `fit`, and the hash of the weights it ends with."""
    folder = SCRATCH / "loop"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    about = {key: given[key] for key in ("id", "name", "ablation", "row", "config")}
    trial = Trial(given, folder, [Csv(folder=folder, cell=about)])
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        trial.fit()
    return time.perf_counter() - start, weights_hash(trial.last)


def plain(given: dict) -> tuple[float, str]:
    """The same by hand: tensors in memory, nothing logged but the mean loss and accuracy of an epoch."""
    config, local = given["config"], given["local"]
    source = build.source(config, local)
    splits, spec = source.load(), source.spec()
    network = build.network(config, spec)
    build.initialise(config, local, network)
    optimizer = build.instantiate("optimizer", config["optimizer"])(network)
    rates, epochs = [group["lr"] for group in optimizer.param_groups], config["trainer"]["max_epochs"]
    size, steps = config["data"]["batch_size"], epochs * (spec.train // config["data"]["batch_size"])
    mean, std = splits.mean.view(-1, 1, 1), splits.std.view(-1, 1, 1)
    images, labels = (x.index_select(0, splits.train.rows) for x in (splits.train.pool, splits.train.pool_labels))
    held, held_labels = (x.index_select(0, splits.val.rows) for x in (splits.val.pool, splits.val.pool_labels))
    step = 0
    start = time.perf_counter()
    for epoch in range(epochs):
        network.train()
        order = torch.randperm(spec.train, generator=streams.generator(config["seed"], "order", epoch))
        total, correct = torch.zeros(()), torch.zeros((), dtype=torch.int64)
        for rows in order.split(size):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * (0.5 * (1 + math.cos(math.pi * step / steps)))
            batch, targets = (images[rows].to(torch.float32) / 255 - mean) / std, labels[rows]
            logits = network(batch)
            loss = F.cross_entropy(logits, targets)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total += loss.detach()
            correct += (logits.detach().argmax(1) == targets).sum()
            step += 1
        float(total), int(correct)
        network.eval()
        with torch.no_grad():
            right = 0
            for batch, targets in zip(held.split(125), held_labels.split(125), strict=True):
                logits = network((batch.to(torch.float32) / 255 - mean) / std)
                F.cross_entropy(logits, targets)
                right += int((logits.argmax(1) == targets).sum())
    return time.perf_counter() - start, weights_hash(network.state_dict())


def main() -> None:
    rounds = 5 if arguments(__doc__, "--quick").quick else 25
    keep_memory()
    chosen = cell("scale=demo")
    given = {
        "id": chosen.id, "name": "loop", "ablation": None, "row": chosen.row, "reproduce": "",
        "config": chosen.config, "local": chosen.local,
    }  # fmt: skip
    ours(given), plain(given)  # unclocked: first imports, and oneDNN's kernels
    importlib.import_module(
        "dropgrid.execution.gc_freeze"
    )  # as in a cell's process, which is a fork of one that has it
    loops, seconds = {"ours": ours, "plain": plain}, {"ours": [], "plain": []}
    for number in range(rounds):
        weights = set()
        for name in sorted(loops, reverse=bool(number % 2)):  # each goes first in turn
            gc.collect()  # networks of rounds past, in cycles of Lightning's; a cell's process trains one
            taken, left = loops[name](given)
            seconds[name].append(taken)
            weights.add(left)
        assert len(weights) == 1, "the two loops did different work"
    ratios = {"rate of our loop / rate of a hand-written one": ratio(seconds["plain"], seconds["ours"])}
    keep("loop", ratios)
    show(ratios)


if __name__ == "__main__":
    main()
