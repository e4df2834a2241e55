"""The W&B sweep: a grid whose every point is a cell that train.py accepts."""

import shlex

import pytest
import yaml

from dropgrid.cli import dashboard
from dropgrid.dashboards.agents import cell_paths, quote_value, sweep_yaml
from dropgrid.execution.selection import todo
from dropgrid.planning.compose import hydra_context
from dropgrid.planning.overrides import parse_override, values_of
from dropgrid.planning.plan import plans
from dropgrid.store.ablation import read
from dropgrid.store.manifest import write_plan


def test_a_value_a_cell_and_each_is_quoted_for_hydra(fake):
    fake.add(["baseline", "dropout"], seeds=2)
    ablation = read(fake.write(), fake.outputs)
    found = yaml.safe_load(sweep_yaml(ablation, project="mine", file="x.yaml"))
    assert found["parameters"]["sweep.only"]["values"] == [f"'{each}'" for each in cell_paths(ablation)]
    assert (found["method"], found["project"]) == ("grid", "mine")
    assert found["metric"] == {"name": "val/acc_last", "goal": "maximize"}


def test_what_an_agent_runs_plans_the_ablation_and_trains_one_cell(tmp_path, monkeypatch):
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))
    (planned,) = plans(["+ablation=optimizer", "seed=0,1"])
    write_plan(planned.outputs, planned.name, planned.about, planned.cells)
    ablation = read(planned.name, tmp_path)
    found = yaml.safe_load(sweep_yaml(ablation, project="p", file="x.yaml"))
    argument = found["parameters"]["sweep.only"]["values"][3]
    command_line = [each for each in found["command"] if each != "${env}"]
    assert command_line[:2] == ["python", "scripts/train.py"] and command_line[-1] == "${args_no_hyphens}"
    (plan,) = plans([*command_line[2:-1], f"sweep.only={argument}"])
    (cell,) = todo(plan, lambda _: False)
    assert f"{cell.row}/seed{cell.seed}" == argument.strip("'")
    assert plan.name == ablation.name and len(plan.cells) == len(ablation.cells)


def test_the_command_writes_it_beside_the_table(fake, capsys):
    fake.add(["baseline"], seeds=2).write()
    assert dashboard.main(["demo", "--sweep", f"paths.outputs={fake.outputs}"]) == 0
    path = fake.outputs / "ablations" / "demo" / "wandb_sweep.yaml"
    assert f"wandb sweep {shlex.quote(str(path))}" in capsys.readouterr().out
    assert yaml.safe_load(path.read_text())["program"] == "scripts/train.py"


@pytest.mark.parametrize("row", ["it's", "a, b", "κ=1"])
def test_names_that_hydra_would_read_otherwise(row):
    with hydra_context():
        assert values_of(parse_override(f"sweep.only={quote_value(row)}")) == [quote_value(row)]
