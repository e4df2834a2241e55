"""Names and paths of what lies under an outputs folder; nothing outside this room joins them (tested)."""

import re
from dataclasses import dataclass
from pathlib import Path

from dropgrid.errors import UserError
from dropgrid.files import ROOTS

CELL_ID = re.compile(r"[\w-]{1,64}", re.ASCII)


@dataclass(frozen=True)
class Outputs:
    """An outputs folder."""

    root: Path

    def __post_init__(self) -> None:
        ROOTS.add(self.root)

    @property
    def runs(self) -> Path:
        """The folder of all cells' folders."""
        return self.root / "runs"

    @property
    def ablations(self) -> Path:
        """The folder of all ablations' folders."""
        return self.root / "ablations"

    @property
    def replaced(self) -> Path:
        """The folder of cells that a rerun or a merge has replaced."""
        return self.root / "replaced"

    @property
    def cache(self) -> Path:
        """The folder of prepared data, unless `paths.cache` names another."""
        return self.root / ".cache"

    def answer(self, key: str) -> Path:
        """Return the file of what a command printed (`dropgrid.store.answers`)."""
        return self.cache / "answers" / f"{key}.json"

    @property
    def wandb(self) -> Path:
        """The folder that W&B's client writes offline runs into."""
        return self.root / "wandb"

    @property
    def token(self) -> Path:
        """A file by whose content a job knows whether it sees the same folder."""
        return self.root / ".folder"

    def run(self, cell: str) -> "RunFolder":
        """Return a cell's folder; UserError for what is no id, and could be a folder elsewhere."""
        if not CELL_ID.fullmatch(cell):
            raise UserError(f"{cell!r} is no cell's id")
        return RunFolder(self.runs / cell)

    def ablation(self, name: str) -> "AblationFolder":
        """Return an ablation's folder."""
        return AblationFolder(self.ablations / name)

    def diagnostics(self, name: str) -> "DiagnosticsFolder":
        """Return the folder of what diagnostics found of a plan, or of a finished cell."""
        return DiagnosticsFolder(self.root / "diagnostics" / name)

    @property
    def ablation_names(self) -> list[str]:
        """The ablations and sweeps that have cells, sorted."""
        return sorted(path.parent.name for path in self.ablations.glob("*/cells.json"))


@dataclass(frozen=True)
class WorkerFolder:
    """What a process of ours leaves, whether it trains, measures or probes: its log, and why it failed."""

    folder: Path

    @property
    def log(self) -> Path:
        """All that the process printed."""
        return self.folder / "log.txt"

    @property
    def failure(self) -> Path:
        """Why the process failed."""
        return self.folder / "failure.json"


@dataclass(frozen=True)
class RunFolder(WorkerFolder):
    """A cell's folder."""

    @property
    def outputs(self) -> Outputs:
        """The outputs folder that it lies in."""
        return Outputs(self.folder.parents[1])

    @property
    def config(self) -> Path:
        """What the cell's id hashes."""
        return self.folder / "config.yaml"

    @property
    def local(self) -> Path:
        """Paths, devices, logger and the sweep's settings: what is about place."""
        return self.folder / "local.yaml"

    @property
    def lease(self) -> Path:
        """Who trains the cell now."""
        return self.folder / "lease"

    @property
    def state(self) -> Path:
        """How far training is; gone when it ends."""
        return self.folder / "state.json"

    @property
    def result(self) -> Path:
        """The result: a cell that has one is finished."""
        return self.folder / "result.json"

    @property
    def environment(self) -> Path:
        """What the cell ran on."""
        return self.folder / "environment.json"

    @property
    def metrics(self) -> Path:
        """A line an epoch."""
        return self.folder / "metrics.csv"

    @property
    def predictions(self) -> Path:
        """Logits and targets of the test images."""
        return self.folder / "predictions.npz"

    @property
    def diagnosis(self) -> Path:
        """What diagnostics recorded while the cell trained."""
        return self.folder / "diagnosis.npz"

    @property
    def hashed(self) -> list[Path]:
        """The files whose hashes the result holds; that of the weights is of their content."""
        return [self.config, self.metrics, self.predictions, self.diagnosis]

    @property
    def own(self) -> Path:
        """The folder that a training of one's own writes in."""
        return self.folder / "own"

    @property
    def own_by(self) -> Path:
        """The file that says which code and machine filled that folder."""
        return self.folder / "own.by"

    @property
    def tensorboard(self) -> Path:
        """The folder of TensorBoard's events."""
        return self.folder / "tensorboard"

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints; gone once the cell is finished."""
        return self.folder / "checkpoints"

    @property
    def evaluations(self) -> Path:
        """The folder of what was measured on the finished cell."""
        return self.folder / "evaluations"

    def weights(self, which: str) -> Path:
        """Return the file of the `last` weights, or of the `best` validation epoch."""
        return self.folder / f"{which}.safetensors"

    def evaluation(self, id: str) -> "EvaluationFolder":
        """Return the place of one evaluation."""
        return EvaluationFolder(self.evaluations / id)

    def evaluation_results(self) -> list[Path]:
        """Return the results of all evaluations, sorted."""
        return sorted(self.evaluations.glob("*.json"))

    def partial_files(self) -> list[Path]:
        """Return the hidden files: what a process that was killed was writing."""
        return [path for path in self.folder.glob(".*") if path.is_file()]

    def signs_of_life(self) -> list[str]:
        """Return the paths, as strings, of the files that change while a cell trains or when it ends."""
        return [f"{self.folder}/{name}" for name in ("result.json", "failure.json", "state.json", "log.txt")]


LEFT_BEHIND = ("lease", "state.json", "checkpoints")
"""Names in a cell's folder that do not travel with a finished cell."""
LEFT_BY_FAILURE = ("failure.json", "log.txt")
"""Names in a cell's folder that travel with a failed cell."""


@dataclass(frozen=True)
class EvaluationFolder(WorkerFolder):
    """`evaluations/<id>/` in a cell's folder, of the process that measures; beside it `<id>.json` and `<id>.npz`."""

    @property
    def run(self) -> RunFolder:
        """The folder of the cell that it measures."""
        return RunFolder(self.folder.parents[1])

    @property
    def result(self) -> Path:
        """What was measured."""
        return self.folder.with_suffix(".json")

    @property
    def arrays(self) -> Path:
        """The arrays that belong to the result, of an evaluation that leaves some."""
        return self.folder.with_suffix(".npz")


@dataclass(frozen=True)
class AblationFolder:
    """An ablation's folder."""

    folder: Path

    @property
    def outputs(self) -> Outputs:
        """The outputs folder that it lies in."""
        return Outputs(self.folder.parents[1])

    @property
    def about(self) -> Path:
        """What the ablation asks."""
        return self.folder / "ablation.json"

    @property
    def cells(self) -> Path:
        """A line for each cell."""
        return self.folder / "cells.json"

    @property
    def claims(self) -> Path:
        """What the ablation claimed before it trained."""
        return self.folder / "claims.json"

    @property
    def evaluations(self) -> Path:
        """The evaluations that were asked for."""
        return self.folder / "evaluations.json"

    @property
    def imported(self) -> Path:
        """The folder of imported tables."""
        return self.folder / "imported"

    @property
    def wandb_sweep(self) -> Path:
        """The W&B sweep whose agents train the cells."""
        return self.folder / "wandb_sweep.yaml"

    @property
    def wandb_memory(self) -> Path:
        """What was sent to W&B."""
        return self.folder / "wandb.json"

    @property
    def status_page(self) -> Path:
        """The page that shows its cells while they train."""
        return self.folder / "status.html"

    def table(self, kind: str) -> Path:
        """Return the table as `md`, `csv`, `tex` or `json`."""
        return self.folder / f"table.{kind}"

    def figures(self, kind: str) -> list[Path]:
        """Return the figures that are there as `png` or `pdf`, sorted."""
        return sorted(self.folder.glob(f"figure*.{kind}"))

    def link(self, factors: str, row: str, seed: int) -> Path:
        """Return the place of the link to a cell's folder, `cells/<factors>/<row>/seed<k>`, from names of folders."""
        return self.folder / "cells" / factors / row / f"seed{seed}"


@dataclass(frozen=True)
class DiagnosticsFolder:
    """What diagnostics found, a file of numbers and one figure each."""

    folder: Path

    def numbers(self, diagnostic: str) -> Path:
        """Return the file of measures and arrays."""
        return self.folder / f"{diagnostic}.json"

    def figure(self, diagnostic: str) -> Path:
        """Return the file of the figure."""
        return self.folder / f"{diagnostic}.png"


def machine_file(cache: Path, what: str, kind: str) -> Path:
    """Return the file of what was measured on this machine for cells of a kind: `fastest`, or `paces`."""
    return cache / what / f"{kind}.json"
