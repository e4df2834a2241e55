"""What Hydra and OmegaConf would do beside composing is refused, wherever it is written."""

import os

import pytest
import yaml
from hydra.errors import HydraException

from dropgrid.errors import UserError
from dropgrid.paths import CONF
from dropgrid.planning import policy
from dropgrid.planning.command_line import read_command_line
from dropgrid.planning.compose import hydra_context
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
    "+hydra.searchpath=[file:///tmp]",
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
    """All that composes before anything trains."""
    line = read_command_line(given)
    policy.check_command(line)
    with hydra_context(line):
        return plans(line.overrides_of_cells)


@pytest.mark.parametrize("override", ACTS)
def test_hydra_does_nothing_but_compose(override):
    with pytest.raises(UserError) as told:
        checked([override])
    assert len(str(told.value).splitlines()) == 1 and "hydra" in str(told.value)


@pytest.mark.parametrize("text", RESOLVERS)
def test_resolvers_that_read_more_than_the_config_are_refused(text):
    line = [f"name='{text}'"] if "'" not in text else [f'name="{text}"']
    for refused in (lambda line: policy.check_command(read_command_line(line)), plans):
        with pytest.raises(UserError, match="^name: .* is not resolved"):
            refused(line)


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
    for more in ([], ["--multirun", "seed=1,2"]):
        with pytest.raises(UserError, match="hydra.callbacks cannot be set"):
            checked(["--config-dir", str(tmp_path), "+ablation=x", *more])


WRITE = "hydra_plugins.dropgrid.own_options.Path.write_text"
BASIC = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
STRANGE = [
    {"sweeper": {"x": {"_target_": WRITE}}},
    {"sweeper": {"_target_": WRITE}},
    {"sweeper": {"_target_": "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"}},
    {"sweeper": {"params": {"seed": "1,2"}}},
    {"launcher": {"_target_": "hydra_plugins.dropgrid.launcher.sys.exit"}},
    {"launcher": {"_target_": BASIC}},
    {"launcher": {"x": [{"y": {"_target_": WRITE}}]}},
    {"launcher": {"setup": ["touch /tmp/x"]}},
    {"launcher": {"srun_args": ["--task-prolog=x"], "additional_parameters": {"prolog": "x"}}},
    {"launcher": {"ray": {"init": {"runtime_env": {"pip": ["x"]}}}}},
    {"launcher": {"_recursive_": False}},
    {"launcher": {"_convert_": "all"}},
    {"launcher": {"_partial_": True}},
    {"launcher": {"_args_": [1]}},
    {"callbacks": {"x": {"_target_": WRITE}}},
    {"job_logging": {"handlers": {"x": {"()": "os.system"}}}},
    {"hydra_logging": {"handlers": {"x": {"class": "logging.FileHandler", "filename": "/tmp/x"}}}},
    {"job": {"env_copy": ["HOME"]}},
    {"output_subdir": "/tmp/x"},
    {"run": {"dir": "/tmp/x"}},
    {"sweep": {"dir": "/tmp/x"}},
]
PLACES = {
    "ablation": (["+ablation=x"], {"ablation": {"rows": {"baseline": ["seed=1"]}}}),
    "scale": (["scale=x"], {}),
    "regularizer": (["regularizer=x"], {}),
}


def write_option(folder, group, strange):
    """Write an option `x` that also configures Hydra."""
    (folder / group).mkdir(exist_ok=True)
    text = yaml.safe_dump({**PLACES[group][1], "hydra": strange})
    (folder / group / "x.yaml").write_text(f"# @package _global_\n{text}")


@pytest.mark.parametrize("strange", STRANGE, ids=str)
def test_no_file_of_a_run_configures_hydra(tmp_path, strange):
    write_option(tmp_path, "scale", strange)
    with pytest.raises(UserError, match=r"^hydra\.") as refused:
        policy.check_command(read_command_line(["--config-dir", str(tmp_path), "scale=x"]))
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("group", PLACES)
@pytest.mark.parametrize("trusted", [False, True], ids=["config-dir", "DROPGRID_CONF"])
def test_nor_in_a_sweep(tmp_path, monkeypatch, group, trusted):
    write_option(tmp_path, group, {"launcher": {"setup": ["touch /tmp/x"]}})
    if trusted:
        monkeypatch.setenv("DROPGRID_CONF", str(tmp_path))
    with pytest.raises(UserError, match=r"^hydra\.launcher\.setup is set by a config file: .* command line"):
        checked([*PLACES[group][0], "-m", "data=fake", *([] if trusted else ["--config-dir", str(tmp_path)])])


@pytest.mark.parametrize("group", ["launcher", "sweeper", "callbacks", "job_logging"])
def test_options_of_hydra_come_from_ones_own_folder_alone(tmp_path, monkeypatch, group):
    (tmp_path / "hydra" / group).mkdir(parents=True)
    (tmp_path / "hydra" / group / "x.yaml").write_text(f"_target_: {BASIC}\nsetup: [touch /tmp/x]\n")
    with pytest.raises(UserError, match="DROPGRID_CONF"):
        policy.check_command(read_command_line(["--config-dir", str(tmp_path), f"hydra/{group}=x"]))
    monkeypatch.setenv("DROPGRID_CONF", str(tmp_path))
    mine = read_command_line([f"hydra/{group}=x"])
    if group == "launcher":
        policy.check_command(mine)
    else:
        with pytest.raises((UserError, HydraException)):
            policy.check_command(mine)


@pytest.mark.filterwarnings("ignore")  # Hydra's, of an option that replaces a schema
def test_a_folder_replaces_no_option_of_hydra(tmp_path):
    for group, option in (("launcher", "dropgrid"), ("sweeper", "dropgrid"), ("launcher", "basic")):
        (tmp_path / "hydra" / group).mkdir(parents=True, exist_ok=True)
        path = tmp_path / "hydra" / group / f"{option}.yaml"
        path.write_text(f"_target_: {WRITE}\n")
        with pytest.raises(UserError, match="DROPGRID_CONF names"):
            policy.check_command(read_command_line(["--config-dir", str(tmp_path), f"hydra/{group}={option}"]))
        path.unlink()


@pytest.mark.parametrize(
    "line",
    [
        f"hydra.launcher._target_={WRITE}",
        "hydra.launcher._target_=hydra_plugins.dropgrid.launcher",
        "hydra.launcher._target_=hydra_plugins.dropgrid.launcher.DropgridLauncher.launch",
        "hydra.sweeper._target_=hydra._internal.core_plugins.basic_launcher.BasicLauncher",
        "hydra.sweeper._target_=[a]",
        "hydra.sweeper=null",
        "hydra.launcher=null",
        "+hydra.launcher._partial_=true",
        "+hydra.sweeper._recursive_=true",
        "+hydra.launcher.x=[{_target_: x}]",
        "+hydra.launcher.x._args_=[1]",
    ],
)
def test_hydra_calls_launchers_and_sweepers_by_name(line):
    with pytest.raises(UserError, match=r"^hydra\.(launcher|sweeper)") as refused:
        policy.check_command(read_command_line([line]))
    assert len(str(refused.value).splitlines()) == 1


def test_a_launcher_of_ones_own_is_listed_by_name(tmp_path, monkeypatch):
    line = read_command_line(["hydra.launcher._target_=hydra_plugins.my_lab.Launcher", "data=fake"])
    with pytest.raises(UserError, match="is not called; allowed are"):
        policy.check_command(line)
    (tmp_path / "targets").write_text("hydra_plugins.my_lab.Launcher\n")
    monkeypatch.setenv("DROPGRID_TARGETS", str(tmp_path / "targets"))
    with pytest.raises(UserError, match="is no plugin of Hydra that is installed"):
        policy.check_command(line)


@pytest.mark.parametrize("group", PLACES)
@pytest.mark.parametrize("sweeps", [False, True])
def test_no_file_of_a_run_says_where_files_are_written(tmp_path, group, sweeps):
    (tmp_path / group).mkdir()
    text = yaml.safe_dump({**PLACES[group][1], "paths": {"outputs": str(tmp_path / "elsewhere")}})
    (tmp_path / group / "x.yaml").write_text(f"# @package _global_\n{text}")
    line = [*PLACES[group][0], "data=fake", *(["-m"] if sweeps else []), "--config-dir", str(tmp_path)]
    with pytest.raises(UserError, match=r"^paths=.* is set by a config file: .* command line"):
        checked(line)


def test_no_row_says_where_files_are_written(tmp_path):
    with pytest.raises(UserError, match="paths.cache=x: where files are written is set on the command line"):
        plans(["+ablation=demo", "+ablation.rows.x=['paths.cache=x']"])
    assert checked(["data=fake", f"paths.outputs={tmp_path}"])[0].outputs == tmp_path


UNREADABLE = [
    f"a: {'9' * 5000}",
    "- 1",
    "defaults: {a: b}",
    "defaults: [{a: [1, {b: 2}]}, 5]",
    "# @package a b c\na: 1",
]


@pytest.mark.parametrize("text", UNREADABLE, ids=lambda text: text[:12])
def test_a_file_that_hydra_cannot_read_is_a_line(tmp_path, monkeypatch, text):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "x.yaml").write_text(text)
    monkeypatch.setenv("DROPGRID_CONF", str(tmp_path))
    with pytest.raises(UserError) as told:
        plans(["data=fake", "model=x", "model.width=2"])
    assert len(str(told.value).splitlines()) == 1


def test_a_number_of_thousands_of_digits_is_a_line():
    with pytest.raises(UserError, match="cannot read 'name=999"):
        plans([f"name={'9' * 5000}"])


def test_what_is_no_axis_names_nothing_to_call():
    with pytest.raises(UserError, match=r"report.x._target_=os.system is not called: report is no axis"):
        policy.check_command(read_command_line(["+report.x._target_=os.system"]))


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


ROWS = "ablation: {rows: {baseline: [regularizer=none], dropout: [regularizer=dropout]}}\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("\ufeff# @package _global_\n" + ROWS, "x.yaml: it begins with a byte-order mark"),
        (ROWS, "the first line of its file must be `# @package _global_`"),
        ("# What it shows\n# @package _global_\n" + ROWS, "the first line of its file must be `# @package _global_`"),
        ("# @package ablation\n" + ROWS, "the first line of its file must be `# @package _global_`"),
        ("# @package _global_\nsweep: {seeds: 2}\n", "its file must set `ablation`, a mapping with rows"),
    ],
)
def test_an_ablation_of_ones_own_says_what_it_lacks(tmp_path, monkeypatch, text, says):
    (tmp_path / "ablation").mkdir()
    (tmp_path / "ablation" / "x.yaml").write_text(text, encoding="utf-8")
    for given in (["--config-dir", str(tmp_path)], []):
        monkeypatch.setenv("DROPGRID_CONF", "" if given else str(tmp_path))
        with pytest.raises(UserError) as refused:
            checked(["+ablation=x", *given, "data=fake"])
        assert says in str(refused.value) and len(str(refused.value).splitlines()) == 1


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


@pytest.mark.parametrize("behind_a_link", [False, True])
@pytest.mark.parametrize("named", ["override /optimizer: '${oc.env:SECRET}'", "/optimizer@x: '${oc.decode:a}'"])
def test_a_defaults_list_asks_for_no_variable_of_the_environment(tmp_path, monkeypatch, behind_a_link, named):
    real = tmp_path / ("real" if behind_a_link else "own") / "ablation"
    real.mkdir(parents=True)
    (real / "x.yaml").write_text(f"# @package _global_\ndefaults:\n  - {named}\n")
    if behind_a_link:
        (tmp_path / "own").mkdir()
        (tmp_path / "own" / "ablation").symlink_to(real)
    monkeypatch.setenv("SECRET", "adam")
    monkeypatch.setenv("DROPGRID_CONF", str(tmp_path / "own"))
    with pytest.raises(UserError, match=r"of interpolations its defaults list may have \$\{key\} and"):
        policy.check_command(read_command_line(["+ablation=x", "data=fake"]))


def test_folders_that_link_to_one_another_are_looked_through_once(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.yaml").touch()
    for name in ("one", "two"):
        (tmp_path / "a" / name).symlink_to(tmp_path)
    assert [path.name for path in policy.yaml_files(tmp_path)] == ["x.yaml"]
