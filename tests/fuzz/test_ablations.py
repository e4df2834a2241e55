"""YAML files of ablations and options that came from somebody else, through --config-dir."""

import random

import pytest
import yaml
from damage import damaged, hostile_pickles
from hostile import ESCAPE, NUMBERS, TARGETS, TEXTS, VALUES, YAMLS, changed

HEAD = "# @package _global_\n"
TINY = {"data": "fake", "model": "resnet14"}
SOUND = {
    "defaults": ["_self_", *({f"override /{axis}": option} for axis, option in TINY.items())],
    "data": {"size": 12, "train": 64, "batch_size": 16},
    "model": {"width": 0.25},
    "sweep": {"seeds": 2},
    "ablation": {
        "name": "x",
        "question": "?",
        "claim": "!",
        "cost": "none",
        "baseline": "baseline",
        "claims": ["dropped - baseline > 0"],
        "published": {},
        "rows": {
            "baseline": ["regularizer=none"],
            "dropped": ["regularizer=dropout", "regularizer.keep_prob=0.5"],
            "both": {"regularizer": "dropblock", "regularizer.keep_prob": [0.9, 0.8]},
        },
    },
}
ACTS = [
    {"hydra": {"callbacks": {"x": {"_target_": "builtins.open", "file": str(ESCAPE), "mode": "w"}}}},
    {"hydra": {"job": {"env_set": {"LD_PRELOAD": f"{ESCAPE}.so"}}}},
    {"hydra": {"run": {"dir": str(ESCAPE)}}},
    {"hydra": {"sweep": {"dir": str(ESCAPE)}}},
    {"hydra": {"output_subdir": ".hydra"}},
    {"hydra": {"job_logging": {"handlers": {"f": {"class": "logging.FileHandler", "filename": str(ESCAPE)}}}}},
    {"hydra": {"launcher": {"x": {"_target_": "os.system", "command": f"touch {ESCAPE}"}}}},
    {"hydra": {"sweeper": {"_target_": "os.system"}}},
    {"hydra": {"searchpath": ["pkg://antigravity"]}},
    {"name": "${oc.env:HOME}"},
    {"paths": {"cache": "${oc.env:PATH}"}},
    *({"loss": {"_target_": target}} for target in TARGETS),
    *({"regularizer": {"_target_": target, "_partial_": True}} for target in TARGETS),
]


def merged(one, other):
    """Two nested mappings as one."""
    found = dict(one)
    for key, value in other.items():
        found[key] = merged(found.get(key, {}), value) if isinstance(value, dict) else value
    return found


def texts(share, count):
    """Files that are nearly sound, damaged, or mean harm."""
    how = random.Random(share)
    for _ in range(count):
        kind = how.randrange(4)
        if kind == 0:
            yield HEAD + damaged(yaml.safe_dump(SOUND, sort_keys=False).encode(), how).decode("utf-8", "replace")
        elif kind == 1:
            row = [
                f"{how.choice(['regularizer', 'optimizer.lr', 'hydra.run.dir', 'seed'])}={how.choice(TEXTS + NUMBERS)}"
            ]
            rows = {**SOUND["ablation"]["rows"], how.choice(["new", "../x", "", "<b>", "a/b"]): row}
            yield HEAD + yaml.safe_dump(merged(SOUND, {"ablation": {"rows": rows}}))
        else:
            yield HEAD + yaml.safe_dump(changed(SOUND, how))


def attempt(trial, command, tmp_path, text):
    """The plan of such an ablation."""
    folder = tmp_path / "conf"
    (folder / "ablation").mkdir(parents=True, exist_ok=True)
    (folder / "ablation" / "x.yaml").write_text(text, encoding="utf-8", errors="replace")
    return trial(lambda: command(["--config-dir", str(folder), "+ablation=x", "sweep.jobs=1"]), text[-300:])


@pytest.mark.slow
def test_a_sound_one_runs_and_those_that_act_are_refused(trial, command, tmp_path):
    assert attempt(trial, command, tmp_path, HEAD + yaml.safe_dump(SOUND)) == "ran"
    for act in ACTS:
        assert attempt(trial, command, tmp_path, HEAD + yaml.safe_dump(merged(SOUND, act))) == "refused", act
    for text in [*YAMLS, *map(repr, hostile_pickles()), *(f"name: {each!r}" for each in VALUES[:6])]:
        attempt(trial, command, tmp_path, text)
    assert not ESCAPE.exists()


@pytest.mark.slow
@pytest.mark.parametrize("share", range(2))
def test_files_that_are_nearly_sound(trial, command, tmp_path, share):
    for text in texts(share, 30):
        attempt(trial, command, tmp_path, text)
