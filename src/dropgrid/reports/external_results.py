"""Older results beside ours: `python scripts/report.py NAME --import runs.csv`, remembered until `--forget runs.csv`.

The file has one line per run. Its columns are `row`, `seed`, the ablation's metric (named by its key, or by the task's
quantity such as `accuracy`; fractions, or percent as `accuracy_percent`), and `factor:<key>` for each factor of the
ablation; other columns are ignored. `dropgrid.load(…).to_csv` writes such a file. A line without a value is an
unfinished run.
"""

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dropgrid.errors import UserError
from dropgrid.reports.table import Row, Table, block_row
from dropgrid.store.ablation import Ablation, Block
from dropgrid.store.cell import Cell, Known
from dropgrid.store.files import read_text, write
from dropgrid.store.layout import AblationFolder

IMPORTED = "imported"
"""The key of an ablation's `about` under which `add_imported_rows` puts its notes."""

FACTOR = "factor:"


@dataclass(frozen=True)
class ImportedRun:
    """One run of a file: its line number, and the metric as a fraction, None if it has none."""

    number: int
    row: str
    factors: Mapping[str, str]
    seed: int
    value: float | None


def import_results(path: Path, ablation: Ablation, folder: Path) -> None:
    """Check a file, and keep a copy for this and later reports.

    Raises:
        UserError: the file does not exist, another file of that name was imported, or a line is invalid.
    """
    text = read_text(path)
    if text is None:
        raise UserError(f"no file {path} to import")
    for line in parse_runs(path.name, text, ablation):
        find_block(ablation.blocks, line, path.name)
    copy = AblationFolder(folder).imported / f"{path.stem}.csv"
    if read_text(copy) not in (None, text):
        raise UserError(f"{copy.name} was imported with other lines: --forget {copy.name} first, or rename {path}")
    write(copy, text)


def forget_results(name: str, folder: Path) -> None:
    """Remove the copy of an imported file; UserError lists the imported files."""
    there = {path.stem: path for path in imported_files(folder)}
    if Path(name).stem not in there:
        names = ", ".join(path.name for path in there.values())
        raise UserError(f"{name} was not imported; imported are: {names or 'none'}")
    there[Path(name).stem].unlink()


def imported_files(folder: Path) -> list[Path]:
    """Return the copies, by name."""
    return sorted(AblationFolder(folder).imported.glob("*.csv"))


def add_imported_rows(table: Table, folder: Path) -> Table:
    """Return the table with imported rows at the end of their blocks; our rows do not change.

    An imported row has no verdict, because neither its configs nor its drop rates can be checked.
    """
    found: dict[str, list[Row]] = {}
    notes = []
    for path in imported_files(folder):
        lines = parse_runs(path.name, read_text(path) or "", table.ablation)
        rows: dict[tuple[str, str], list[ImportedRun]] = {}
        for line in lines:
            if line.value is not None:
                block = find_block(table.ablation.blocks, line, path.name)
                rows.setdefault((block.label, line.row), []).append(line)
        for (label, name), group in rows.items():
            block = find_block(table.ablation.blocks, group[0], path.name)
            taken = [row.name for row in found.get(label, [])]
            shown = f"{name} (imported)" if f"{name} (imported)" not in taken else f"{name} (imported, {path.name})"
            found.setdefault(label, []).append(imported_row(table.ablation, block, shown, group, path))
        notes.append(import_note(path.name, lines))
    blocks = [(block, [*rows, *found.get(block.label, [])]) for block, rows in table.blocks]
    about = {**table.ablation.about, IMPORTED: notes}
    return replace(table, ablation=replace(table.ablation, about=about), blocks=blocks) if notes else table


def import_notes(table: Table) -> list[str]:
    """Return the notes under a table with imported rows: which rows come from which file."""
    return list(table.ablation.about.get(IMPORTED) or [])


def import_note(file: str, lines: Sequence[ImportedRun]) -> str:
    """Return the note on the rows of a file."""
    names = ", ".join(dict.fromkeys(f"“{line.row}”" for line in lines))
    missing = sum(line.value is None for line in lines)
    return (
        f"Imported from {file}: {names}. Neither the configs nor the drop rates behind these rows could be checked, so "
        "they have no verdict; a difference is given if the seeds are the baseline's."
        + (f" Lines without a number, left out: {missing}." if missing else "")
    )


def imported_row(ablation: Ablation, block: Block, name: str, lines: Sequence[ImportedRun], path: Path) -> Row:
    """Return a file's row as a row of the table, without a verdict."""
    cells = [imported_cell(ablation, name, line, path) for line in lines]
    baseline = block.rows[ablation.baseline]
    row = block_row(ablation, Block(block.factors, {ablation.baseline: baseline, name: cells}), name, cells, None)
    row = replace(row, verdict=None, withheld="imported")
    if {cell.seed for cell in cells} == {cell.seed for cell in baseline}:
        return row
    return replace(row, difference=None, differences={}, welch=None, correlation=None)


def imported_cell(ablation: Ablation, row: str, line: ImportedRun, path: Path) -> Cell:
    """Return a run as a finished cell that has nothing but its metric."""
    known = Known(config={}, status="finished", result={"metrics": {ablation.metric: line.value}}, failure=None)
    id, folder = f"{path.name}:{line.number}", path.with_suffix("")
    return Cell(id, row, line.factors, line.seed, [], folder, {**known, "evaluations": {}})


def find_block(blocks: Sequence[Block], line: ImportedRun, file: str) -> Block:
    """Return the block with a run's factors."""
    for block in blocks:
        if dict(block.factors) == dict(line.factors):
            return block
    lacking = [key for key in blocks[0].factors if key not in line.factors]
    if lacking:
        raise UserError(f"{file} lacks the column {FACTOR}{lacking[0]}, a factor of this ablation")
    own = ", ".join(f"{key}={value}" for key, value in line.factors.items())
    there = "; ".join(block.label for block in blocks if block.factors) or "none"
    raise UserError(f"{file}, line {line.number}: no block has the factors {own}; there are: {there}")


def parse_runs(file: str, text: str, ablation: Ablation) -> list[ImportedRun]:
    """Return the runs of a file; UserError names the missing column, or the invalid line."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    columns = [column or "" for column in reader.fieldnames or []]
    quantity = ablation.task.quantity.lower().replace(" ", "_")
    in_percent = f"{quantity}_percent"
    column = next((each for each in (ablation.metric, quantity, in_percent) if each in columns), None)
    lacking = [each for each in ("row", "seed") if each not in columns]
    if column is None:
        lacking.append(f"{ablation.metric} (or {quantity}, or {in_percent})")
    if lacking or column is None:
        raise UserError(f"{file} lacks the column {lacking[0]}; it has: {', '.join(columns) or 'none'}")
    found: dict[tuple[str, tuple[tuple[str, str], ...], int], ImportedRun] = {}
    for fields in read_csv_lines(reader, file):
        where = f"{file}, line {reader.line_num}"
        factors = {key.removeprefix(FACTOR): fields[key] or "" for key in columns if key.startswith(FACTOR)}
        name = (fields["row"] or "").strip()
        if not name:
            raise UserError(f"{where}: no row is named")
        number = parse_value(fields[column], column, in_percent, where)
        line = ImportedRun(reader.line_num, name, factors, parse_seed(fields["seed"], where), number)
        key = (name, tuple(factors.items()), line.seed)
        if key in found:
            raise UserError(f"{where}: row {name!r} has seed {line.seed} already, in line {found[key].number}")
        found[key] = line
    if not any(line.value is not None for line in found.values()):
        raise UserError(f"{file} has no line with a number in {column}")
    return list(found.values())


def read_csv_lines(reader: Iterable[Mapping[str, Any]], file: str) -> Iterator[Mapping[str, Any]]:
    """Yield a reader's lines; UserError if the file is no CSV."""
    try:
        yield from reader
    except csv.Error as error:
        raise UserError(f"cannot read {file}: {error}") from error


def parse_seed(text: str | None, where: str) -> int:
    """Return a seed as an int; pandas writes 3.0 if another line has none."""
    try:
        number = float(text or "")
        if number == int(number):
            return int(number)
    except (ValueError, OverflowError):
        pass
    raise UserError(f"{where}: a seed is a whole number, got {text!r}")


def parse_value(text: str | None, column: str, in_percent: str, where: str) -> float | None:
    """Return a fraction in [0, 1], from percent if the column is `in_percent`; None for a run without a value."""
    if not (text or "").strip():
        return None
    try:
        number = float(text or "")
    except ValueError:
        raise UserError(f"{where}: {column} is a number, got {text!r}") from None
    if math.isnan(number):
        return None
    top = 100 if column == in_percent else 1
    if not 0 <= number <= top:
        hint = f"; percent stand in a column {in_percent}" if top == 1 and 1 < number <= 100 else ""
        raise UserError(f"{where}: {column} lies between 0 and {top}, got {text}{hint}")
    return number / top
