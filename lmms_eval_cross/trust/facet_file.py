"""Facets that a user gives to samples, such as a domain: a CSV, Parquet or JSONL file, a row a sample or item."""

import io
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from lmms_eval_cross import session
from lmms_eval_cross.benchmark.facets import Facets
from lmms_eval_cross.benchmark.splits import DEMO, SPLITS
from lmms_eval_cross.errors import LabelError, NotPreparedError, listing
from lmms_eval_cross.outside import parse_strict_json, read_bytes, read_lines
from lmms_eval_cross.trust.facet_names import TAKEN
from lmms_eval_cross.trust.sheet import read_sheet

KEYS: Final = ("sample_id", "item")
"""What the column that says whose a row is may be called."""
MOST_VALUES: Final = 100
"""Of a facet; what has more is a note on each sample."""

Row = Mapping[str, Any]
Names = dict[str, list[str]]
"""What a row may call samples -> their ids."""


def load_facets(path: Path, samples: Iterable[str]) -> Facets:
    """The facets in a file, of the samples with these ids.

    A row is of a sample (`casa/english/Iran_27b/2`) or of an item, whose samples share it (`casa/Iran_27b`, or
    `Iran_27b` where that names one). Rows of samples that are prepared and not among `samples` are passed over, an
    empty cell says nothing.

    Raises:
        LabelError: the file can't be read, names an unknown sample, gives one two values of a facet, or has a column
            that samples have already or that is no facet.
    """
    rows = _rows(path)
    key, columns = _columns(path, rows)
    here = _names(samples)
    _refuse_unknown(path, {_cell(path, row, key) for row in rows} - here.keys())
    values: dict[str, dict[str, str]] = {}
    for row in rows:
        cells = {column: _cell(path, row, column) for column in columns}
        for sample_id in _samples_of(path, _cell(path, row, key), here):
            _add(path, values.setdefault(sample_id, {}), sample_id, cells)
    _refuse_notes(path, columns, values)
    return Facets(tuple(columns), values)


def _rows(path: Path) -> Sequence[Row]:
    readers: dict[str, Callable[[Path], Sequence[Row]]] = {
        ".csv": _csv_rows,
        ".jsonl": _json_rows,
        ".parquet": _parquet_rows,
    }
    if path.suffix not in readers:
        raise LabelError(f"{path.name} is no .csv, .parquet or .jsonl; write the facets as one of them.")
    try:
        rows = readers[path.suffix](path)
    except OSError as error:
        raise LabelError(f"{path} can't be read ({error.strerror}); check the path.") from None
    except (ValueError, pa.ArrowException) as error:
        raise LabelError(f"{path.name} can't be read ({error}); write it again.") from None
    if not rows:
        raise LabelError(f"{path.name} has no row; write one a sample or item.")
    return rows


def _csv_rows(path: Path) -> Sequence[Row]:
    names, rows = read_sheet(path)
    for name, times in Counter(names).items():
        if times > 1:
            raise ValueError(f"{times} columns are called {name!r}")
    if any(None in row for row in rows):
        raise ValueError("a row has more cells than the header")
    return rows


def _json_rows(path: Path) -> Sequence[Row]:
    rows: list[Row] = []
    for number, line in read_lines(path):
        if line.strip():
            row = parse_strict_json(line)
            if not isinstance(row, dict):
                raise ValueError(f"line {number} is no object")
            rows.append(row)
    return rows


def _parquet_rows(path: Path) -> Sequence[Row]:
    rows: list[Row] = pq.read_table(io.BytesIO(read_bytes(path))).to_pylist()
    return rows


def _columns(path: Path, rows: Sequence[Row]) -> tuple[str, list[str]]:
    """The column that names samples, and the facets."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    keys = [name for name in KEYS if name in columns]
    if len(keys) != 1:
        raise LabelError(f"{path.name} needs one column named sample_id or item, which says whose a row is; add it.")
    columns.remove(keys[0])
    for name in columns:
        if name in TAKEN or not name.strip():
            raise LabelError(f"{path.name} has a column {name!r}, a name that is taken; rename it or leave it out.")
    if not columns:
        raise LabelError(f"{path.name} has no column but {keys[0]}; add one, such as domain.")
    return keys[0], columns


def _cell(path: Path, row: Row, name: str) -> str:
    """Its text; empty where nothing is said."""
    value = row.get(name)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if not isinstance(value, str | int | float):
        raise LabelError(f"{path.name} has {str(value)[:80]!r} in column {name}; a cell is a text or a number.")
    return str(value).strip()


def _names(samples: Iterable[str]) -> Names:
    names: Names = {}
    for sample_id in samples:
        subset, _, item, _ = sample_id.split("/")
        for name in (sample_id, f"{subset}/{item}", item):
            names.setdefault(name, []).append(sample_id)
    return names


def _refuse_unknown(path: Path, names: Iterable[str]) -> None:
    """Refuse what is neither here nor prepared: a slip of the pen would else leave a sample out of its slice."""
    names = list(names)
    if not names:
        return
    prepared = _names(_prepared_ids())
    unknown = [name for name in names if name not in prepared]
    if unknown:
        raise LabelError(
            f"{path.name} names {listing(sorted(unknown), 3)}, no sample or item of these runs or of prepared data; "
            "correct that, or leave it out."
        )


def _prepared_ids() -> list[str]:
    ids: list[str] = []
    for split in SPLITS.values():
        if split != DEMO:
            try:
                parquet = session.data_to_read(split).parquet(split)
            except NotPreparedError:
                return []
            ids += pq.read_table(parquet, columns=["sample_id"]).column(0).to_pylist()
    return ids


def _samples_of(path: Path, name: str, here: Names) -> list[str]:
    samples = here.get(name, [])
    if "/" not in name:
        items = sorted({f"{sample_id.split('/')[0]}/{name}" for sample_id in samples})
        if len(items) > 1:
            raise LabelError(f"{path.name} names {name}, which is {' and '.join(items)}; write which of them.")
    return samples


def _add(path: Path, values: dict[str, str], sample_id: str, cells: Mapping[str, str]) -> None:
    for column, value in cells.items():
        known = values.get(column, value)
        if value and known != value:
            raise LabelError(
                f"{path.name} gives {sample_id} two values of {column}, {known!r} and {value!r}; leave one."
            )
        if value:
            values[column] = value


def _refuse_notes(path: Path, columns: Sequence[str], values: Mapping[str, Mapping[str, str]]) -> None:
    for column in columns:
        different = {of_sample[column] for of_sample in values.values() if column in of_sample}
        if len(different) > MOST_VALUES:
            raise LabelError(
                f"{path.name}: {column} has {len(different)} values, a facet at most {MOST_VALUES}; leave it out."
            )
        if not different:
            raise LabelError(f"{path.name} says nothing in column {column} of these runs; fill it, or leave it out.")
