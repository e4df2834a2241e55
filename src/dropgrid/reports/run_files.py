"""Runs that others trained, read from the files that their tools leave, as one table: a line a run.

Tables (.csv, .tsv, .jsonl, .json, .parquet) are read as they are; also the CSV that W&B's pages export. Folders are
searched for W&B's offline runs, MLflow's stores, TensorBoard's event files and Lightning's CSVLogger. Of these a line
has the run's parameters, the last value of each metric, and `run`, the folder's path.
"""

import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from yaml import YAMLError

from dropgrid.errors import UserError
from dropgrid.loggers.wandb_log import read_wandb_log
from dropgrid.store.files import parse_yaml

TABLES: Mapping[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": pd.read_csv,
    ".tsv": lambda path: pd.read_csv(path, sep="\t"),
    ".jsonl": lambda path: pd.json_normalize([json.loads(line) for line in path.read_text().splitlines() if line]),
    ".json": lambda path: pd.json_normalize(json.loads(path.read_text())),
    ".parquet": pd.read_parquet,
}
"""Ending -> what reads such a table."""

RUN = "run"
"""The column that says where a line of a folder is from."""

UNREADABLE = (
    *(ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError),
    *(YAMLError, sqlite3.Error),
)

Run = dict[str, Any]


def read_runs(paths: Iterable[Path]) -> pd.DataFrame:
    """Return the runs of files and folders, one below the other.

    Raises:
        UserError: nothing there, a file that cannot be read, or a folder without runs; it says what is read.
    """
    found = [read_path(path) for path in paths]
    if not found:
        raise UserError(f"no file given; give tables ({', '.join(TABLES)}) or folders of runs")
    return pd.concat(found, ignore_index=True)


def read_path(path: Path) -> pd.DataFrame:
    """Return the runs of one file or folder."""
    if path.is_dir():
        runs = [run for find in FINDERS for run in find(path)]
        if not runs:
            raise UserError(
                f"no runs in {path}: looked for W&B's offline-run-*/run-*.wandb, MLflow's meta.yaml or mlflow.db, "
                "TensorBoard's events.out.tfevents.* and CSVLogger's metrics.csv"
            )
        return pd.DataFrame(runs)
    if not path.is_file():
        raise UserError(f"{path} is neither a file nor a folder" if path.exists() else f"no file or folder {path}")
    read = TABLES.get(path.suffix.lower())
    if read is None:
        raise UserError(f"cannot read {path.name}: a table ends in {', '.join(TABLES)}; runs of a tool are in a folder")
    try:
        with reading(path):
            table = read(path)
    except ImportError as error:
        raise UserError(f"{path.name} needs a package that is not installed: pip install pyarrow") from error
    if table.empty:
        raise UserError(f"{path} has no line")
    return table


def csv_logger_runs(folder: Path) -> Iterator[Run]:
    """Yield the runs of Lightning's CSVLogger: hparams.yaml, and the last number of each column of metrics.csv."""
    for file in files_named(folder, "metrics*.csv"):
        with reading(file):
            metrics = pd.read_csv(file)
        hparams = file.with_name("hparams.yaml")
        with reading(hparams):
            given = parse_yaml(hparams.read_text()) if hparams.is_file() else {}
            if not isinstance(given or {}, Mapping):
                raise ValueError(f"it holds {type(given).__name__}, not keys and values")
        last = {str(name): column.dropna().iloc[-1] for name, column in metrics.items() if column.notna().any()}
        yield {RUN: place(file.parent, folder), **flat(given or {}), **last}


def wandb_runs(folder: Path) -> Iterator[Run]:
    """Yield W&B's offline runs: config, and the summary, which is the last value of each metric unless set."""
    for file in files_named(folder, "run-*.wandb"):
        run: Run = {RUN: place(file.parent, folder)}
        with reading(file):
            for key, value in read_wandb_log(file):
                run |= flat({key: value})
        yield {key: value for key, value in run.items() if not key.startswith("_")}


def mlflow_runs(folder: Path) -> Iterator[Run]:
    """Yield MLflow's runs: params, and the last value of each metric, of a file store or of mlflow.db."""
    for meta in files_named(folder, "meta.yaml"):
        own = meta.parent
        if not (own / "metrics").is_dir():
            continue
        params, metrics = {}, {}
        for file in files_named(own / "params", "*"):
            with reading(file):
                params[str(file.relative_to(own / "params"))] = file.read_text()
        for file in files_named(own / "metrics", "*"):
            with reading(file):  # lines of time, value, step
                metrics[str(file.relative_to(own / "metrics"))] = float(file.read_text().split("\n")[-2].split()[1])
        yield {RUN: place(own, folder), **{key: number_or_text(value) for key, value in params.items()}, **metrics}
    for file in files_named(folder, "mlflow.db"):
        with reading(file):
            yield from list(mlflow_database(file))


def mlflow_database(file: Path) -> Iterator[Run]:
    """Yield the runs of MLflow's SQLite store."""
    with sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True) as store:
        names = dict(store.execute("select run_uuid, name from runs where lifecycle_stage = 'active'"))
        runs: dict[str, Run] = {run: {RUN: name or run} for run, name in names.items()}
        for table in ("params", "latest_metrics"):
            for run, key, value in store.execute(f"select run_uuid, key, value from {table}"):
                if run in runs:
                    runs[run][key] = number_or_text(value) if table == "params" else value
    yield from runs.values()


def tensorboard_runs(folder: Path) -> Iterator[Run]:
    """Yield the runs of TensorBoard's event files: hyperparameters, and the last value of each scalar."""
    places = sorted({file.parent for file in files_named(folder, "events.out.tfevents.*")})
    if not places:
        return
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
    except ImportError as error:
        raise UserError(f"{folder} has TensorBoard's files: pip install 'dropgrid[tensorboard]'") from error
    for own in places:
        events = EventAccumulator(str(own), size_guidance={"scalars": 1})
        events.Reload()
        run: Run = {RUN: place(own, folder)}
        for data in events.summary_metadata.values():
            if data.plugin_data.plugin_name == "hparams":
                given = HParamsPluginData.FromString(data.plugin_data.content).session_start_info.hparams
                run |= {key: getattr(value, value.WhichOneof("kind")) for key, value in given.items()}
        yield run | {tag: events.Scalars(tag)[-1].value for tag in events.Tags()["scalars"]}


FINDERS: tuple[Callable[[Path], Iterator[Run]], ...] = (csv_logger_runs, wandb_runs, mlflow_runs, tensorboard_runs)
"""What finds runs in a folder."""


@contextmanager
def reading(file: Path) -> Iterator[None]:
    """Turn what goes wrong while a file is read into a UserError that names it."""
    try:
        yield
    except UNREADABLE as error:
        raise UserError(f"cannot read {file}: {first_line(error)}") from error


def first_line(error: Exception) -> str:
    """Return what an error says, in one line."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def files_named(folder: Path, pattern: str) -> list[Path]:
    """Return the files of a folder, those of its folders too, whose name fits: no pipes, which wait for a writer.

    A metric of MLflow has a folder if its name has a slash.
    """
    return sorted(path for path in folder.rglob(pattern) if path.is_file())


def place(own: Path, folder: Path) -> str:
    """Return where a run is, as seen from the folder that was given."""
    return str(own.relative_to(folder)) if own != folder else folder.resolve().name


def flat(node: Any, prefix: str = "") -> Run:
    """Return the leaves of nested dicts by dotted key; W&B's `{value: …}` of a config file is the value."""
    found: Run = {}
    for key, value in node.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = json.dumps(value) if isinstance(value, list) else value
    return found


def number_or_text(text: str) -> Any:
    """Return a parameter as a number if it is one: MLflow keeps them as text."""
    if re.fullmatch(r"[-+]?\d+", text):
        return int(text)
    try:
        return float(text)
    except ValueError:
        return text
