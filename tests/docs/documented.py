"""The command lines of README, CONTRIBUTING, docs and an example's README, and how each is tested."""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "examples" / "optimizer_paths" / "README.md",
    ROOT / "src" / "dropgrid" / "cli" / "guide.md",
]
"""Those that are committed; test_methods.py plans the commands of docs/methods."""


class Elsewhere(NamedTuple):
    """A command that is not run here: why, and the file that tests what it does."""

    reason: str
    test: str


class Planned(NamedTuple):
    """A training: its cells are planned and the last is built, with parts replaced that this machine lacks."""

    replaced: tuple[tuple[str, str], ...] = ()


class Run(NamedTuple):
    """A command run for real beside a tiny finished ablation, with overrides that make it short."""

    shorter: str = ""
    slow: bool = True


TINY = "data=fake data.size=12 data.train=64 data.batch_size=16 trainer.max_epochs=1"
FAKE = (("data.root=FOLDER", "data=fake"), ("data.download=true", "data=fake"), (" trainer=gpu", ""))
"""No data, no GPU: what is planned is the same but for these."""

MASKS = (
    ("data=mask_folder data.root=FOLDER", "data=fake data.targets=masks"),
    ("data.classes=[background,cell]", "data.classes=2"),
)
"""No images."""

RULES: dict[str, Elsewhere | Planned | Run] = {
    # training
    r"python scripts/train\.py \+ablation=(?!demo$)\w+": Elsewhere(
        "each YAML is built", "tests/contracts/test_ablations.py"
    ),
    r"python scripts/train\.py .*hydra/launcher=submitit_slurm.*": Elsewhere(
        "needs SLURM", "tests/clusters/test_slurm.py"
    ),
    r"python scripts/train\.py .*hydra/launcher=ray.*": Elsewhere("needs Ray", "tests/clusters/test_ray.py"),
    r"python scripts/train\.py .*scale=imagenet .*": Elsewhere("needs ImageNet", "tests/contracts/test_ablations.py"),
    r"python scripts/(train|plan)\.py .*scale=voc( .*)?": Elsewhere("needs PASCAL VOC", "tests/cost/test_assumed.py"),
    r"python scripts/train\.py .*data=mask_folder .*": Planned(MASKS),
    r"python scripts/train\.py trainer=ddp trainer\.ranks=4 .*gpu.*": Elsewhere(
        "needs four GPUs", "tests/training/test_ddp_workers.py"
    ),
    r"(python scripts/compare\.py|dropgrid-compare) .*": Elsewhere("needs files", "tests/reports/test_compare.py"),
    r"python .*half_dropout.*": Elsewhere("of the page's own files", "tests/contracts/test_three_files.py"),
    r"python scripts/train\.py .*scale=fashion_(cpu|scenes)": Elsewhere(
        "needs Fashion-MNIST", "tests/contracts/test_ablations.py"
    ),
    r"python scripts/train\.py .*scale=(cifar10|cifar_quick|small_data|mnist|mnist_long) .*": Planned(FAKE),
    r"python scripts/train\.py data=image_folder .*": Planned((("FOLDER", "pictures"),)),
    r"python scripts/train\.py .*task=(function|mine).*": Elsewhere(
        "of the reader's own code", "tests/training/test_own.py"
    ),
    r"python scripts/train\.py( .*)?": Planned(),
    # beside a finished ablation
    r"python scripts/status\.py demo( +--(html|json))?": Run(slow=False),
    r"python scripts/report\.py demo( +--(wide|json))?": Run(slow=False),
    r"python scripts/report\.py +--from results/NAME": Elsewhere(
        "of a table of its own", "tests/reports/test_publish.py"
    ),
    r"python scripts/status\.py demo --failed": Run(),
    r"python scripts/clean\.py": Run(),
    r"python scripts/merge\.py OTHER_OUTPUTS": Run(),
    r"python scripts/evaluate\.py demo \+evaluate=corruption": Run(),
    r"python scripts/dashboard\.py demo --dry-run": Run(),
    r"python scripts/dashboard\.py demo": Elsewhere("needs an account", "tests/dashboards/test_workspace.py"),
    r"python scripts/dashboard\.py demo --sync": Elsewhere(
        "needs an account", "tests/dashboards/test_against_service.py"
    ),
    r"python scripts/dashboard\.py demo --from-files": Elsewhere(
        "needs an account", "tests/dashboards/test_against_service.py"
    ),
    r"python scripts/dashboard\.py demo --sweep": Elsewhere("needs an account", "tests/dashboards/test_agents.py"),
    # without one
    r"python scripts/plan\.py +\+ablation=demo hydra/launcher=submitit_slurm .*": Elsewhere(
        "needs the extra", "tests/cluster/test_allocation.py"
    ),
    r"python scripts/guide\.py": Run(slow=False),
    r"python scripts/plan\.py \+ablation=\w+( --json)?": Run(f"{TINY} seed=0"),
    r"python scripts/diagnose\.py \+diagnose=(jacobian|inputs) .*": Run("diagnose.images=4"),
    r"python scripts/diagnose\.py \+diagnose=signal scale=demo .*": Run("diagnose.images=4"),
    r"python scripts/diagnose\.py \+diagnose=signal .*": Run("diagnose.images=16"),
    r"python scripts/diagnose\.py \+diagnose=(signal,)?hessian .*": Run("diagnose.images=16 diagnose.iterations=3"),
    r"python scripts/diagnose\.py lr .*": Run(TINY),
    r"python scripts/diagnose\.py lr_find .*": Run(TINY),
    r"python examples/optimizer_paths/run\.py ravine --rate 0\.0178": Run("--steps 3"),
    r"python examples/optimizer_paths/run\.py( --publish)?": Elsewhere(
        "minutes for all surfaces", "examples/optimizer_paths/tests/test_command.py"
    ),
    r"python scripts/verify_resume\.py": Run(f"{TINY} data.train=160 trainer.max_epochs=3 model.width=0.25"),
    r"sh examples/own_images\.sh FOLDER": Elsewhere("from the wheel", "tests/test_examples.py"),
    # make and pip
    r"make (demo|test|install|lint|site)": Elsewhere("CI begins with it", ".ci/run"),
    r"make docs": Elsewhere("its pages are built and read", "tests/docs/test_methods.py"),
    r"pip install \.": Elsewhere("needs a registry", "tests/test_wheel.py"),
    r"pip install 'dropgrid\[(slurm|ray)\]'": Elsewhere("needs a registry", "tests/clusters/extras.py"),
    r"pip install pre-commit && pre-commit install": Elsewhere(
        "needs a registry, changes the checkout", ".pre-commit-config.yaml"
    ),
    r"\. \.venv/bin/activate": Elsewhere("of make install", ".ci/run"),
}
"""Pattern of a whole command -> how it is tested; the first that fits."""


@cache
def commands() -> tuple[str, ...]:
    """Each command line once: those set as code by four spaces, continued lines joined, comments off.

    `dropgrid plan` is taken as the script that it is, as tests/cli/test_dispatch.py shows.
    """
    found: dict[str, None] = {}
    for page in PAGES:
        text = re.sub(r"^( *)```.*?^\1```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        for block in re.findall(r"(?:\A|\n\n)((?: {4}\S.*(?:\n|\Z)(?: {4,}.*(?:\n|\Z))*)+)", text):
            for line in re.sub(r"\\\n\s*", "", block).splitlines():
                command = re.sub(r"(^|\s+)#.*", "", line.strip())
                command = re.sub(r"^dropgrid (\w+)", r"python scripts/\1.py", command)
                if command:
                    found[command] = None
    return tuple(found)


def rule(command: str) -> tuple[str, Elsewhere | Planned | Run]:
    """The first rule that fits; StopIteration where none does."""
    return next((pattern, how) for pattern, how in RULES.items() if re.fullmatch(pattern, command))
