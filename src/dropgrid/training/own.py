"""A cell whose training is one's own: a function, or a LightningModule with its data.

A function is called once; what it wrote to its folder in an attempt that was killed is still there. A LightningModule
is checkpointed at the ends of epochs, with the state of every random generator, and goes on from there.
"""

import os
import shutil
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning import Callback
from pytorch_lightning.callbacks import Checkpoint
from torch import Tensor

from dropgrid.callbacks.epochs import Epochs, numbers_of
from dropgrid.callbacks.heartbeat import SECONDS_BETWEEN, Heartbeat, sign_of_life
from dropgrid.errors import LOST, UserError, one_line
from dropgrid.files import Lost, make_folder, write_atomically
from dropgrid.instantiate import instantiate
from dropgrid.loggers.logger import AbstractLogger
from dropgrid.loggers.summary import summarize_result
from dropgrid.paths import tilde
from dropgrid.saved_network import weights_hash, write_weights
from dropgrid.store import checkpoints
from dropgrid.store.environment import stamp
from dropgrid.store.files import read_text, write_json
from dropgrid.store.layout import RunFolder
from dropgrid.tasks.function import Function
from dropgrid.tasks.lightning import Lightning
from dropgrid.training.result import finite, open_loggers, write_result
from dropgrid.training.trainer import make_trainer

warnings.filterwarnings("ignore", "The dataloader, .* does not have many workers")  # a cell has the cores it has
warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty")  # of an attempt before

AUDITED = 2
"""Batches that pass through a module, after its training, to measure what its drop layers drop."""

LOADERS = ("train", "val", "test")


def train(cell: Mapping[str, Any], folder: Path, callbacks: Sequence[Callback]) -> None:
    """Train one cell and leave its files in `folder`, `result.json` last; NotContinued if a checkpoint cannot be
    loaded."""
    loggers = open_loggers(cell, folder)
    found = None
    try:
        task = instantiate("task", cell["config"]["task"])
        run = (
            OwnFit(task, cell, folder, loggers, callbacks) if isinstance(task, Lightning) else Call(task, cell, folder)
        )
        measured = run.found()
        about = {"started": run.started, "attempts": run.attempts}
        found = summarize_result(write_result(cell, RunFolder(folder), run.device, measured, about))
    finally:
        for logger in loggers:
            logger.close(found)


def seed_everything(cell: Mapping[str, Any]) -> None:
    """Seed Python, numpy, torch and the workers of loaders, and set the threads."""
    torch.set_num_threads(cell["config"]["trainer"]["threads"])
    pl.seed_everything(cell["config"]["seed"], workers=True, verbose=False)


def own_folder(run: RunFolder, by: str) -> Path:
    """Return the folder that a training of one's own may write in; empty unless the same code and machine, `by` their
    stamp, filled it in an attempt before."""
    place, mark = run.own, run.own_by
    if place.exists() and read_text(mark) != by:
        shutil.rmtree(place)
    make_folder(place)
    write_atomically(mark, lambda file: file.write(by.encode()), durable=False)
    return place


def device_of(cell: Mapping[str, Any]) -> torch.device:
    """Return the kind of device that a cell asks for."""
    return torch.device("cuda" if cell["local"]["trainer"]["accelerator"] == "gpu" else "cpu")


class Call:
    """One call of a function."""

    attempts: Sequence[Any] = ()

    def __init__(self, task: Function, cell: Mapping[str, Any], folder: Path):
        self.started = time.time()
        self.device = device_of(cell)
        self.task, self.cell, self.run = task, cell, RunFolder(folder)

    def found(self) -> dict[str, Any]:
        """Call the function; return its part of the result."""
        seed_everything(self.cell)
        place = own_folder(self.run, stamp(self.device, self.cell["config"]))
        with beating(self.run, self.cell["local"]["sweep"]["beat_seconds"] or SECONDS_BETWEEN):
            numbers = self.task.train(self.cell["config"]["seed"], place)
        return {
            "metrics": {name: finite(value) for name, value in numbers.items()},
            "diverged": finite(numbers[self.task.metric]) is None,
            "treatment": {"sites": [], "flagged": []},
            "timing": {"total_seconds": time.time() - self.started},
        }


@contextmanager
def beating(run: RunFolder, every: float) -> Iterator[None]:
    """Give signs of life for as long as the block lasts: of a function nothing is known but that it runs."""
    over = threading.Event()

    def beat() -> None:
        while True:
            try:
                write_json(run.state, sign_of_life("training"), durable=False)
            except Lost:  # the function would go on writing beside whoever has the cell now
                os._exit(LOST)
            except OSError:  # a full disk, too many open files: the next one may succeed
                pass
            if over.wait(every):
                return

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class OwnFit:
    """A LightningModule of one's own: made, fitted, tested, and its drop layers measured."""

    def __init__(
        self,
        task: Lightning,
        cell: Mapping[str, Any],
        folder: Path,
        loggers: Sequence[AbstractLogger],
        callbacks: Sequence[Callback] = (),
    ):
        self.started = time.time()
        self.task, self.cell, self.run = task, cell, RunFolder(folder)
        config, local = cell["config"], cell["local"]
        seed_everything(cell)
        self.module, self.data = task.make()
        self.lightning = lightning_of(self.module)
        self.data = loaders_module(self.data, self.lightning) if isinstance(self.data, Mapping) else self.data
        heartbeat = Heartbeat(folder, local["sweep"]["beat_seconds"] or SECONDS_BETWEEN)
        self.device = device_of(cell)
        self.epochs = Epochs(
            folder,
            stamp(self.device, config),
            loggers,
            heartbeat,
            cell.get("passed_over", {}),
            **local["sweep"]["checkpoint"],
        )
        place = own_folder(self.run, self.epochs.stamp)
        watching = [callback_of(each, self.lightning) for each in (heartbeat, *callbacks, self.epochs)]
        about = {"default_root_dir": place, "callbacks": watching, "enable_checkpointing": True}  # for `epochs`
        # what a module logs is read from the trainer; one that asks for a logger finds one that keeps nothing
        about["logger"] = import_module(f"{self.lightning.__name__}.loggers.logger").DummyLogger()
        self.trainer = make_trainer(config, local, self.lightning.__name__, **about)
        self.ready = time.time()

    @property
    def attempts(self) -> list[dict[str, Any]]:
        """This attempt, and the step at which it began."""
        return [{"step": self.epochs.resumed_at}]

    def fit(self) -> None:
        """Train from the newest sound checkpoint, or from the start."""
        newest = checkpoints.newest(self.run.folder, self.epochs.stamp, passed_over=self.epochs.passed_over)
        try:
            self.trainer.fit(self.module, datamodule=self.data, ckpt_path=newest, weights_only=True if newest else None)
        except Exception as error:
            if newest is None or self.epochs.began:
                raise
            why = tilde(f"cannot be loaded ({one_line(error)[:200]}): going back to the one before")
            raise checkpoints.NotContinued(newest.name, why) from error

    def test(self) -> dict[str, float]:
        """Return what the module logs of its test; nothing if it has none."""
        module, data = self.lightning.LightningModule, self.lightning.LightningDataModule
        has_data = defines(self.data, data, "test_dataloader") or defines(self.module, module, "test_dataloader")
        if not (has_data and defines(self.module, module, "test_step")):
            return {}
        self.trainer.test(self.module, datamodule=self.data, verbose=False)
        return numbers_of(self.trainer)

    def found(self) -> dict[str, Any]:
        """Fit, test and audit the module; return its part of the result."""
        self.fit()
        fitted = time.time()
        last = self.epochs.rows[-1] if self.epochs.rows else {}
        logged = {name: value for name, value in last.items() if name not in ("epoch", "step")}
        numbers = self.task.named({**logged, **self.test()})
        weights = {
            name: value.detach().clone()
            for name, value in self.module.state_dict().items()
            if isinstance(value, Tensor)
        }
        write_weights(self.run.weights("last"), weights)
        trained = fitted - self.ready + self.epochs.seconds
        return {
            "metrics": {name: finite(value) for name, value in numbers.items()},
            "diverged": finite(numbers[self.task.metric]) is None,
            "epochs": self.trainer.current_epoch,
            "steps": self.trainer.global_step,
            "parameters": sum(each.numel() for each in self.module.parameters()),
            **self.treatment(),
            "weights": {"last": weights_hash(weights)},
            "timing": {
                "setup_seconds": self.ready - self.started,
                "train_seconds": trained,
                "measure_seconds": time.time() - fitted,
                "total_seconds": self.ready - self.started + trained + time.time() - fitted,
            },
        }

    def treatment(self) -> dict[str, Any]:
        """Return what the module's drop layers drop, by an audit on batches of its training data.

        A layer is flagged that the audit finds in error; a layer whose law is not known is listed in the audit alone.
        """
        from dropgrid.audits.audit import audit  # here: it looks on, and no other cell needs it

        seed_everything(self.cell)  # the same batches and masks, whether training was interrupted or not
        try:
            source = self.module if self.data is None else self.data
            found = audit(self.module, source.train_dataloader(), batches=AUDITED)
        except Exception as error:  # a forward pass that takes more than a batch: the module is not to blame
            return {"treatment": {"sites": [], "flagged": []}, "audit": {"verdict": f"not audited: {one_line(error)}"}}
        wrong = {each.about: each.message for each in found.graded("error") if each.about}
        sites = [
            {
                "site": each.name,
                "kind": each.kind.rpartition(".")[2],
                "shape": list(each.shape[1:]),
                "nominal": each.nominal,
                "expected": each.expected,
                "realised": each.realised,
                "stderr": each.stderr,
                "flagged": each.name in wrong,
                "finding": wrong.get(each.name),
            }
            for each in found.layers
            if each.nominal is not None and each.expected is not None
        ]
        findings = [f"{each.grade}: {each}" for each in found.findings]
        return {
            "treatment": {"sites": sites, "flagged": [*wrong]},
            "audit": {"verdict": found.verdict, "findings": findings},
        }


def lightning_of(module: object) -> ModuleType:
    """Return the package whose LightningModule a module is: the same code goes by two names.

    Raises:
        UserError: it is none.
    """
    for name in ("pytorch_lightning", "lightning.pytorch"):
        package = sys.modules.get(name)
        if package is not None and isinstance(module, package.LightningModule):
            return package
    raise UserError(f"task.module must be a LightningModule, got {type(module).__name__}")


def callback_of(callback: Callback, package: ModuleType) -> Callback:
    """Return one of our callbacks, made one of the package's too: its Trainer asks for that."""
    base = package.callbacks.Checkpoint if isinstance(callback, Checkpoint) else package.Callback
    if not isinstance(callback, base):
        callback.__class__ = type(type(callback).__name__, (type(callback), base), {})
    return callback


def defines(each: object, base: type, name: str) -> bool:
    """Predicate: an object is of a class that overrides a method of its base."""
    return isinstance(each, base) and getattr(type(each), name) is not getattr(base, name)


def loaders_module(loaders: Mapping[str, Any], package: ModuleType) -> Any:
    """Return a LightningDataModule of loaders by name; UserError for another name than train, val and test."""
    if strange := sorted(set(loaders) - set(LOADERS)):
        raise UserError(f"task.datamodule: loaders are {', '.join(LOADERS)}, got {', '.join(strange)}")
    methods = {f"{name}_dataloader": lambda self, loader=loader: loader for name, loader in loaders.items()}
    return type("Loaders", (package.LightningDataModule,), methods)()
