"""What Hydra and OmegaConf would do beside composing is refused, wherever it is written."""

import os

import pytest

from dropgrid.errors import UserError
from dropgrid.paths import CONF
from dropgrid.planning import policy
from dropgrid.planning.command_line import read_command_line
from dropgrid.planning.plan import plans

ACTS = [
    "+hydra.callbacks.x._target_=builtins.open",
    "+hydra.job.env_set.LD_PRELOAD=x",
    "hydra.output_subdir=.hydra",
    "hydra.run.dir=/tmp/elsewhere",
    "hydra.sweep.subdir=../..",
    "hydra.job.chdir=true",
    "hydra/job_logging=default",
    "+hydra.hydra_logging.filters.x.name=y",
    "+hydra.launcher.x._target_=builtins.open",
    "hydra.searchpath=[pkg://this]",
]
RESOLVERS = [
    "${oc.env:HOME}",
    "${oc.env:HOME,${oc.env:DROPGRID_OUTPUTS,x}}",
    "${oc.env:DROPGRID_X,${oc.env:HOME,1}}",
    "${ oc.env:HOME}",
    "${oc.${penalty._x}:HOME}",
    "${oc.decode:'1'}",
    "${hydra:runtime.cwd}",
    "${now:%Y}",
]


def checked(given):
    policy.check_command(read_command_line(given))


@pytest.mark.parametrize("override", ACTS)
def test_hydra_does_nothing_but_compose(override):
    with pytest.raises(UserError) as told:
        checked([override])
    assert len(str(told.value).splitlines()) == 1 and "hydra" in str(told.value)


@pytest.mark.parametrize("text", RESOLVERS)
def test_resolvers_that_read_more_than_the_config_are_refused(text):
    for refused in (checked, plans):
        with pytest.raises(UserError, match="^name: .* is not resolved"):
            refused([f"name='{text}'"] if "'" not in text else [f'name="{text}"'])


def test_keys_and_variables_of_ours_are_resolved(monkeypatch, tmp_path):
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))
    (plan,) = plans(["name=${oc.env:DROPGRID_NAME,mine}", "optimizer.momentum=${optimizer.lr}"])
    assert plan.cells[0].config["optimizer"]["momentum"] == 0.05 and plan.name == "mine" and plan.outputs == tmp_path


def test_a_file_of_configs_is_held_to_the_same(tmp_path):
    """An ablation that came from a stranger."""
    folder = tmp_path / "ablation"
    folder.mkdir()
    head = "# @package _global_\nablation: {name: x, rows: {baseline: [seed=1]}}\n"
    (folder / "x.yaml").write_text(f"{head}hydra: {{callbacks: {{y: {{_target_: builtins.open}}}}}}\n")
    for line in (["--config-dir", str(tmp_path)], [f"hydra.searchpath=[file://{tmp_path}]"]):
        with pytest.raises(UserError, match="hydra.callbacks cannot be set"):
            checked([*line, "+ablation=x"])
        with pytest.raises(UserError, match="hydra.callbacks cannot be set"):
            checked([*line, "--multirun", "+ablation=x", "seed=1,2"])


def test_a_row_is_not_about_hydra():
    with pytest.raises(UserError, match="is about Hydra, not about a run"):
        plans(["+ablation=demo", "+ablation.rows.x=['hydra.job.name=x']"])


def test_the_default_run_stays_ours(tmp_path):
    (tmp_path / "train.yaml").touch()
    for line in (["--config-dir", str(tmp_path)], ["--config-path", str(tmp_path)], ["--config-name", "x"]):
        with pytest.raises(UserError, match="train.yaml"):
            checked(line)


def test_files_of_ones_own_options(tmp_path, monkeypatch):
    """What an editor leaves, and a pipe, are passed over; what cannot be read is named."""
    group = tmp_path / "regularizer"
    group.mkdir()
    (group / ".#mine.yaml").symlink_to(tmp_path / "nowhere")
    (group / "folder.yaml").mkdir()
    os.mkfifo(group / "pipe.yaml")
    policy.check_files(f"file://{tmp_path}")
    (group / "bad.yaml").write_bytes(b"a: \xff")
    with pytest.raises(UserError, match=r"cannot read .*bad\.yaml: .*utf-8"):
        policy.check_files(f"file://{tmp_path}")


def test_options_of_ones_own_are_known_and_replace_none(tmp_path, monkeypatch):
    group = tmp_path / "regularizer"
    group.mkdir()
    (group / "mine.yaml").write_text((CONF / "regularizer/dropout.yaml").read_text())
    monkeypatch.setenv("DROPGRID_CONF", str(tmp_path))
    (plan,) = plans(["data=fake", "regularizer=mine"])
    assert plan.cells[0].config["regularizer"]["option"] == "dropout"
    (group / "dropblock.yaml").write_text("keep_prob: 1\n")
    with pytest.raises(UserError, match="has regularizer/dropblock.yaml, which dropgrid has as well"):
        plans(["data=fake"])
    monkeypatch.setenv("DROPGRID_CONF", str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="is not a folder"):
        plans(["data=fake"])
