"""Lists of overrides: to the command, which plans and checks every cell as it would before the first trains."""

import os

import pytest
import yaml
from hostile import ESCAPE, NUMBERS, TARGETS, many, values
from hypothesis import given, seed
from hypothesis import strategies as st

from dropgrid.paths import CONF

TINY = ["data=fake", "data.size=12", "data.train=64", "data.batch_size=16", "model=resnet14", "model.width=0.25"]
GROUPS = {folder.name: sorted(p.stem for p in folder.glob("*.yaml")) for folder in CONF.iterdir() if folder.is_dir()}
SHARES = 4
LISTS = int(os.environ.get("DROPGRID_FUZZ_LISTS", "480"))
FIRST = int(os.environ.get("DROPGRID_FUZZ_SEED", "0"))


def keys():
    """Every key of the default run, and of the first levels of what may be added."""
    found = []
    for path in sorted(CONF.rglob("*.yaml")):
        axis, node = path.parent.name, yaml.safe_load(path.read_text()) or {}
        if axis in GROUPS and axis not in ("ablation", "scale", "speed", "diagnose", "evaluate"):
            found += [f"{axis}.{key}" for key in node if key != "defaults"]
    more = "seed name sweep sweep.jobs sweep.seeds sweep.looks sweep.tune sweep.budget sweep.detect sweep.on_error "
    more += "sweep.rerun sweep.retries sweep.hang_minutes sweep.checkpoint sweep.checkpoint.minutes report.baseline "
    more += (
        "report.metric paths.outputs paths.cache paths hydra.run.dir hydra.callbacks hydra.searchpath hydra.verbose "
    )
    more += (
        "hydra.launcher._target_ hydra.job.env_set.PATH hydra.mode hydra data model trainer regularizer_2 augment_2 "
    )
    more += "ablation ablation.rows ablation.rows.x ablation.claims ablation.baseline trainer.default_root_dir "
    more += "trainer.callbacks trainer.profiler trainer.plugins trainer.strategy regularizer.nonsense evaluate diagnose"
    return sorted({*found, *more.split()})


overrides = st.one_of(
    st.builds("{}{}={}".format, st.sampled_from(["", "", "", "+", "++", "~"]), st.sampled_from(keys()), values),
    st.builds("{}={}".format, st.sampled_from(keys()), st.sampled_from(NUMBERS)),
    st.builds(
        "{}={}".format, st.sampled_from(sorted(GROUPS)), st.sampled_from(["none", "nothing", "../x", "[a,b]", ""])
    ),
    st.sampled_from(sorted({*GROUPS} - {"ablation"})).flatmap(
        lambda g: st.sampled_from(GROUPS[g]).map(lambda o: f"{g}={o}")
    ),
    st.builds("{}._target_={}".format, st.sampled_from(sorted(GROUPS)), st.sampled_from(TARGETS)),
    st.builds("+{0}@{0}_2={1}".format, st.sampled_from(["regularizer", "augment", "penalty"]), values),
    st.builds("+ablation={}".format, st.sampled_from(["demo,demo", "nothing", "../demo", "", "[demo]"])),
    st.text(min_size=1, max_size=20) | st.sampled_from(["--", "-x", "--nonsense", "-cd", "--config-dir=/", "-m=3"]),
)


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
def test_every_list_is_a_plan_or_a_line(trial, command, share):
    @seed(FIRST + share)
    @many(LISTS // SHARES)
    @given(some=st.lists(overrides, min_size=1, max_size=3), tiny=st.booleans(), sweep=st.booleans())
    def attempt(some, tiny, sweep):
        line = [*(TINY if tiny else []), *(["-m"] if sweep else []), *some]
        trial(lambda: command(line), line)

    attempt()


AXES = ("regularizer", "model", "data", "optimizer", "trainer", "logger", "loss")
WORST = [(axis, target) for axis in AXES for target in TARGETS]
SOME = [(axis, target) for axis, target in WORST if axis == "loss" or target == "os.system"]


@pytest.mark.parametrize("worst", [SOME, pytest.param(WORST, marks=pytest.mark.slow)], ids=["some", "all"])
def test_the_worst_are_refused(trial, command, worst):
    for axis, target in worst:
        line = [*TINY, f"{axis}._target_={target}", f"+{axis}.path={ESCAPE}"]
        assert trial(lambda line=line: command(line), line) == "refused"
    assert not ESCAPE.exists()
