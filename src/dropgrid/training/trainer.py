"""Lightning's Trainer of a cell."""

import logging
import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from importlib import import_module
from typing import TYPE_CHECKING, Any

from dropgrid.errors import UserError
from dropgrid.instantiate import OWN_KEYS, instantiate
from dropgrid.store.identity import unite

if TYPE_CHECKING:
    import pytorch_lightning as pl

OURS_OF_THE_TRAINER = ("threads", "channels_last", "compile", "fused", "ranks")
"""Keys of `trainer` that are not Lightning's."""

OF_LIGHTNING = (
    *("accelerator", "devices", "strategy", "sync_batchnorm", "precision", "deterministic", "benchmark"),
    *("max_epochs", "max_steps", "accumulate_grad_batches", "gradient_clip_val", "gradient_clip_algorithm"),
    *("limit_train_batches", "limit_val_batches", "limit_test_batches", "detect_anomaly"),
)
"""Keys that Lightning's Trainer may be given. Its others write files where they like (default_root_dir, profiler), cut
a run short in silence (fast_dev_run, overfit_batches, max_time), or are dropgrid's own business."""


FABRIC = {"pytorch_lightning": "lightning_fabric", "lightning.pytorch": "lightning.fabric"}
"""Each name of Lightning's package, and that of the package under it."""


def make_trainer(
    config: Mapping[str, Any], local: Mapping[str, Any], package: str = "pytorch_lightning", **extra: Any
) -> "pl.Trainer":
    """Lightning's trainer with everything of its own that writes or prints switched off; `extra` goes before that."""
    environments = import_module(f"{package}.plugins.environments")  # two seconds that a finished sweep need not wait
    exceptions = import_module(f"{FABRIC[package]}.utilities.exceptions")
    for name in ("utilities.rank_zero", "trainer.connectors.checkpoint_connector"):  # it advertises, and repeats itself
        logging.getLogger(f"{package}.{name}").setLevel(logging.ERROR)
    node = {k: v for k, v in unite(config, local, "trainer").items() if k not in OURS_OF_THE_TRAINER}
    warnings.filterwarnings("ignore", "The `srun` command is available")  # and we start our ranks ourselves
    if strange := sorted(str(key) for key in node if key not in (*OF_LIGHTNING, *OWN_KEYS)):
        known = ", ".join(sorted((*OF_LIGHTNING, *OURS_OF_THE_TRAINER)))
        raise UserError(f"trainer.{strange[0]} cannot be set; of Lightning's keys and ours there are {known}")
    ranks = config["trainer"].get("ranks", 1)
    if ranks > 1:
        node |= {"devices": ranks, "use_distributed_sampler": False}
    shown = ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")
    quiet: dict[str, Any] = dict.fromkeys(shown, False)
    try:
        # said, not found: in a SLURM job Lightning would count its tasks, and queue it again by itself
        quiet |= {"plugins": [environments.LightningEnvironment()], "num_sanity_val_steps": 0}
        named = "option" if "option" in node else "_target_"
        node[named] = node[named].replace("pytorch_lightning", package)
        trainer: pl.Trainer = instantiate("trainer", node, **{**quiet, **extra})
    except exceptions.MisconfigurationException as error:
        raise UserError(f"trainer: {' '.join(str(error).split())}") from error
    # its own makes a context manager for each callback at each hook, 150 a step
    nothing = nullcontext()
    trainer.profiler.profile = lambda action_name: nothing  # type: ignore[attr-defined]
    return trainer
