"""A cell's training from first to last, in its own process: build, fit, measure, write."""

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from dropgrid import build, sites
from dropgrid.callbacks.best import Best
from dropgrid.callbacks.heartbeat import Heartbeat
from dropgrid.callbacks.metrics import Metrics
from dropgrid.callbacks.treatment import Treatment
from dropgrid.data.batches import Order, batches
from dropgrid.data.split import Split, evenly
from dropgrid.instantiate import instantiate
from dropgrid.learner import Learner
from dropgrid.loggers.csv import Csv
from dropgrid.loggers.logger import AbstractLogger
from dropgrid.runs.environment import environment
from dropgrid.runs.folder import write_atomically, write_json
from dropgrid.runs.identity import FORMAT, unite
from dropgrid.runs.measure import accuracy, calibration_error, nll, predict

TRAIN_IMAGES_MEASURED = 10_000


def train(cell: Mapping[str, Any], folder: Path) -> None:
    """Train one cell and leave its files in `folder`, `result.json` last.

    Args:
        cell: id, name, ablation, row, reproduce, config (what is hashed) and local (place, devices, logger).
        folder: the cell's own.
    """
    started = time.time()
    config, local = cell["config"], cell["local"]
    loggers = open_loggers(cell, folder)
    summary = None
    try:
        summary = run(config, local, cell, folder, loggers, started)
    finally:
        for logger in loggers:
            logger.close(summary)


def open_loggers(cell: Mapping[str, Any], folder: Path) -> list[AbstractLogger]:
    """Our own metrics file, and the logger chosen beside it."""
    about = {k: cell[k] for k in ("id", "name", "ablation", "row", "config")}
    chosen = instantiate("logger", cell["local"]["logger"])(folder=folder, cell=about)
    return [chosen] if isinstance(chosen, Csv) else [Csv(folder=folder, cell=about), chosen]


def run(
    config: Mapping[str, Any],
    local: Mapping[str, Any],
    cell: Mapping[str, Any],
    folder: Path,
    loggers: list[AbstractLogger],
    started: float,
) -> dict[str, float | None]:
    """Everything between the loggers' opening and their end; returns the metrics."""
    arguments = unite(config, local, "trainer")
    torch.set_num_threads(arguments["threads"])
    source = build.source(config, local)
    spec, splits = source.spec(), source.load()
    net = build.network(config, spec)
    build.initialise(config, net)
    learner = Learner(
        net,
        loss=instantiate("loss", config["loss"]),
        optimizer=instantiate("optimizer", config["optimizer"]),
        lr_schedule=instantiate("lr_schedule", config["lr_schedule"]),
        augment=build.augment(config),
        penalty=instantiate("penalty", config["penalty"]),
        mean=splits.mean,
        std=splits.std,
        seed=config["seed"],
        channels_last=arguments["channels_last"],
    )
    data = config["data"]
    treatment = Treatment(sites.shapes(net, (spec.channels, *spec.size)), data["batch_size"])
    best = Best()
    callbacks = [best, treatment, Metrics(loggers, treatment), Heartbeat(folder)]
    trainer = build.make_trainer(config, local, default_root_dir=folder, callbacks=callbacks)
    device = trainer.strategy.root_device
    workers = local["data"].get("workers", 0)
    order = Order(spec.train, config["seed"])

    def evaluation(split: Split) -> Any:
        return batches(split, data["eval_batch_size"], order=None, drop_last=False, workers=workers, device=device)

    loader = batches(splits.train, data["batch_size"], order=order, drop_last=True, workers=workers, device=device)
    ready = time.time()
    trainer.fit(learner, loader, evaluation(splits.val) if spec.val else None)
    if trainer.interrupted:
        raise KeyboardInterrupt
    fitted = time.time()

    last = {k: v.detach().clone() for k, v in net.state_dict().items()}
    learner.to(device)
    tests = evaluation(splits.test)
    limit = batch_limit(arguments["limit_test_batches"], len(tests))
    seen = evaluation(evenly(splits.train, TRAIN_IMAGES_MEASURED))
    train_logits, train_targets = predict(learner, seen)
    logits, targets = predict(learner, tests, limit)
    best_logits = logits
    if best.weights and best.epoch < trainer.current_epoch - 1:
        net.load_state_dict(best.weights)
        best_logits, _ = predict(learner, tests, limit)

    final = learner.epoch_metrics()
    metrics = {
        "test/acc_last": accuracy(logits, targets),
        "test/acc_best": accuracy(best_logits, targets),
        "test/top5_last": accuracy(logits, targets, top=5),
        "test/nll_last": nll(logits, targets),
        "test/ece_last": calibration_error(logits, targets),
        "train/acc": accuracy(train_logits, train_targets),
        "gap": accuracy(train_logits, train_targets) - accuracy(logits, targets),
        "val/acc_last": final.get("val/acc"),
        "val/acc_best": best.accuracy if best.weights else None,
    }
    write_weights(folder / "last.safetensors", last)
    write_weights(folder / "best.safetensors", best.weights or last)
    write_atomically(
        folder / "predictions.npz",
        lambda path: np.savez_compressed(path, last=logits.numpy(), best=best_logits.numpy(), targets=targets.numpy()),
    )
    about = environment(device)
    write_json(folder / "environment.json", about)
    now = time.time()
    result = {
        "format": FORMAT,
        "cell": cell["id"],
        "seed": config["seed"],
        "metrics": metrics,
        "best_epoch": best.epoch,
        "epochs": trainer.current_epoch,
        "steps": trainer.global_step,
        "parameters": sum(p.numel() for p in net.parameters()),
        "treatment": treatment.report(
            learner.drops, trainer.global_step, learner.steps, arguments["accumulate_grad_batches"]
        ),
        "weights": {"last": weights_hash(last), "best": weights_hash(best.weights or last)},
        "reproduce": cell["reproduce"],
        "timing": {
            "train_seconds": fitted - ready,
            "setup_seconds": ready - started,
            "measure_seconds": now - fitted,
            "total_seconds": now - started,
        },
        "provenance": {
            "device": about["device"],
            "source": about["source"],
            "versions": about["versions"],
            "host": about["host"],
            "started": started,
            "finished": now,
        },
    }
    write_json(folder / "result.json", result)
    return metrics


def batch_limit(limit: int | float, count: int) -> int:
    """Lightning's meaning of a limit: a count of batches (int), or a share of them (float)."""
    return min(limit, count) if isinstance(limit, int) else max(1, int(limit * count))


def write_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Weights as safetensors, atomically."""
    tensors = {k: v.contiguous().cpu() for k, v in weights.items()}
    write_atomically(path, lambda beside: save_file(tensors, str(beside)))


def weights_hash(weights: Mapping[str, Tensor]) -> str:
    """sha256 over names and bytes of the weights, in the order of their names; equal exactly when all bits are."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode() + b"\0")
        digest.update(weights[name].contiguous().cpu().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
