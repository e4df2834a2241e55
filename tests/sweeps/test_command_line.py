import pytest

from dropgrid.sweeps.command_line import arguments


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        (["a=1"], ["a=1"]),
        (["+ablation=demo"], ["--multirun", "+ablation=demo"]),
        (["ablation=demo", "a=1"], ["--multirun", "+ablation=demo", "a=choice(1)"]),
        (["a=1", "-m", "b=1,2"], ["-m", "a=choice(1)", "b=1,2"]),
        (["-m", "g=[-1]", "+new=1", "~gone", "paths.outputs=x", "hydra/launcher=basic"],
         ["-m", "g=choice([-1])", "+new=1", "~gone", "paths.outputs=x", "hydra/launcher=basic"]),
        (["+ablation=demo", "--cfg", "job"], ["--cfg", "job", "+ablation=demo"]),
        (["--help"], ["--help"]),
        (["-m", "a=[1"], ["-m", "a=[1"]),
    ],
)  # fmt: skip
def test_what_hydra_is_given(typed, given):
    assert arguments(typed) == given
