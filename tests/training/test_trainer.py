"""What a config may say to Lightning's Trainer."""

import inspect
from pathlib import Path

import pytest
import pytorch_lightning as pl
import yaml

from dropgrid.errors import UserError
from dropgrid.training.trainer import OF_LIGHTNING, OURS_OF_THE_TRAINER, make_trainer

CONF = Path(__file__).parents[2] / "conf" / "trainer"
CPU = yaml.safe_load((CONF / "cpu.yaml").read_text())


def test_it_may_say_what_the_options_say():
    said = {key for path in CONF.glob("*.yaml") for key in yaml.safe_load(path.read_text())} - {"defaults", "_target_"}
    assert said <= {*OF_LIGHTNING, *OURS_OF_THE_TRAINER}
    assert set(OF_LIGHTNING) <= set(inspect.signature(pl.Trainer.__init__).parameters)


@pytest.mark.parametrize("key", ["default_root_dir", "profiler", "fast_dev_run", "overfit_batches", "logger", "no_key"])
def test_other_keys_are_refused(key, tmp_path):
    with pytest.raises(UserError, match=rf"trainer\.{key} cannot be set; .*max_epochs"):
        make_trainer({"trainer": {**CPU, key: str(tmp_path)}}, {})


def test_keys_beyond_the_yaml_reach_lightning():
    trainer = make_trainer({"trainer": {**CPU, "max_steps": 7, "gradient_clip_algorithm": "value"}}, {})
    assert trainer.max_steps == 7 and trainer.gradient_clip_algorithm == "value"
