"""A trace as a file that other programs read, and back: CSV and Parquet (a zip with a file per table), JSON.

Codes are written as names (``WAL``, ``flushed``, ``s1``), times with all their digits: what is read back is the same
trace, to the byte. Here nothing is drawn and nothing is run.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import operator
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import fields
from enum import IntEnum
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .scenario import Scenario, ScenarioError
from .trace import (
    FlightKind,
    Flights,
    Levels,
    MarkKind,
    Marks,
    OpKind,
    Ops,
    Outcome,
    Position,
    Role,
    States,
    Table,
    Trace,
)

Format = Literal["csv", "json", "parquet"]
FORMATS: tuple[Format, ...] = ("csv", "json", "parquet")
VERSION = 1

_KIND = "replication_viz trace"
_TABLES: dict[str, type[Table]] = {"ops": Ops, "flights": Flights, "levels": Levels, "states": States, "marks": Marks}
_ORDER = {"ops": "invoked", "flights": "sent", "levels": "time", "states": "begin", "marks": "time"}
_TYPES = {"Floats": np.float64, "Ints": np.int64, "Codes": np.int8, "Flags": np.bool_, "Texts": np.str_}
_NODES = ("node", "source", "target")
_CODES: dict[tuple[str, str], type[IntEnum]] = {
    ("ops", "kind"): OpKind,
    ("ops", "outcome"): Outcome,
    ("flights", "kind"): FlightKind,
    ("levels", "which"): Position,
    ("states", "role"): Role,
    ("marks", "kind"): MarkKind,
}
_README = """One run of replication_viz, as tables.

ops      a row per client operation: asked for (invoked), answered (returned), outcome, position in the log (lsn)
flights  a row per message between two nodes: sent, arrived (or, where lost, when it would have), log positions
levels   a row per step of a node's position in the log: which position, from when (time) on, how far (lsn)
states   a row per node and interval: role, up or not, fenced or not, term
marks    a row per moment worth a caption: faults, alerts; until says how long it lasts (inf: to the end of the run)

Times are milliseconds from the start of the run. An empty time means: did not happen in the run. An lsn counts writes;
-1: none. peer is a node's number, or an application server's; -1: none.
scenario.json is what was run: replication-viz run scenario.json
replication_viz.trace_files.load reads this file again.
"""


class TraceFileError(ValueError):
    """A file cannot be read as a trace, or a format cannot be written here. Its text is one sentence."""


def formats() -> tuple[Format, ...]:
    """Return the formats that can be written here: Parquet only where pyarrow is installed."""
    return FORMATS if importlib.util.find_spec("pyarrow") else FORMATS[:2]


def save(trace: Trace, path: str | Path, format: Format | None = None) -> Path:
    """Write a trace to a file and return its path.

    Parameters
    ----------
    format : {"csv", "json", "parquet"}, optional
        By default JSON for a name that ends in ``.json``, Parquet for ``.parquet.zip`` or ``.parquet``, CSV for any
        other ``.zip``.

    Raises
    ------
    TraceFileError
        If the name tells no format, or the format needs a library that is not there.
    """
    path = Path(path)
    path.write_bytes(pack(trace, format or _told_by(path.name)))
    return path


def load(path: str | Path) -> Trace:
    """Return the trace in a file that `save` wrote.

    Raises
    ------
    TraceFileError
        If the file cannot be read or does not hold a trace, with the place in it.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise TraceFileError(f"{path} cannot be read: {error.strerror}.") from None
    return unpack(data)


def pack(trace: Trace, format: Format) -> bytes:
    """Return a trace as the content of a file.

    Raises
    ------
    TraceFileError
        If there is no such format, or it needs a library that is not there.
    """
    if format not in FORMATS:
        raise TraceFileError(f"format is {format!r}: it must be one of {', '.join(FORMATS)}.")
    tables = {name: _named(name, table, trace.nodes) for name, table in trace.tables().items()}
    about = {"format": _KIND, "version": VERSION, "nodes": list(trace.nodes)}
    if format == "json":
        written = {name: {c: _without_nan(v) for c, v in columns.items()} for name, columns in tables.items()}
        whole = {**about, "scenario": json.loads(trace.scenario.to_json()), "tables": written}
        return json.dumps(whole, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    parts = {"README.txt": _README.encode(), "about.json": json.dumps(about).encode()}
    parts["scenario.json"] = trace.scenario.to_json().encode()
    for name, columns in tables.items():
        parts[f"{name}.{format}"] = _csv(columns) if format == "csv" else _parquet(columns)
    return _zip(parts)


def unpack(data: bytes) -> Trace:
    """Return the trace in what `pack` returned; the format is found out.

    Raises
    ------
    TraceFileError
        If it holds no trace, with the place in it.
    """
    whole = _unzipped(data) if data[:2] == b"PK" else _parsed(data)
    _check_kind(whole)
    try:
        scenario = Scenario.from_json(json.dumps(whole["scenario"]))
    except (ScenarioError, KeyError) as error:
        raise TraceFileError(f"the scenario in the file is not valid: {error}") from None
    nodes = tuple(map(str, whole["nodes"]))
    return Trace(scenario, nodes, **{name: _table(name, whole["tables"].get(name), nodes) for name in _TABLES})


def _told_by(name: str) -> Format:
    if name.endswith(".json"):
        return "json"
    if name.endswith((".parquet.zip", ".parquet")):
        return "parquet"
    if name.endswith(".zip"):
        return "csv"
    raise TraceFileError(f"{name!r} tells no format: it must end in .json, .zip (CSV) or .parquet.zip, or give format.")


# -- writing ----------------------------------------------------------------------------------------------------------


def _named(name: str, table: Table, nodes: tuple[str, ...]) -> dict[str, Any]:
    """Return the columns, codes and nodes as texts (None: no node), the others as they are."""
    columns: dict[str, Any] = {}
    for column, values in table.columns().items():
        names: Mapping[int, str | None] | None = None
        if (name, column) in _CODES:
            names = {code.value: code.name.lower() for code in _CODES[name, column]}
        elif column in _NODES:
            names = {-1: None, **dict(enumerate(nodes))}
        columns[column] = values if names is None else [names[code] for code in values.tolist()]
    return columns


def _without_nan(values: Any) -> list[Any]:
    """Return a column as JSON has it: null for NaN, "inf" for infinity."""
    if isinstance(values, list):
        return values
    plain: list[Any] = values.tolist()
    if values.dtype.kind == "f":
        for row in np.flatnonzero(~np.isfinite(values)).tolist():
            plain[row] = None if np.isnan(values[row]) else str(plain[row])
    return plain


def _csv(columns: Mapping[str, Any]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    words = {True: "true", False: "false"}
    cells = [
        [words[value] for value in values.tolist()]
        if getattr(values, "dtype", None) == np.bool_
        else _without_nan(values)
        for values in columns.values()
    ]
    writer.writerows(zip(*cells, strict=True))
    return out.getvalue().encode()


def _parquet(columns: Mapping[str, Any]) -> bytes:
    arrow, parquet = _pyarrow()
    arrays = {
        name: arrow.array(values, type=arrow.string()).dictionary_encode()
        if isinstance(values, list) or values.dtype.kind == "U"
        else arrow.array(values)
        for name, values in columns.items()
    }
    out = io.BytesIO()
    parquet.write_table(arrow.table(arrays), out)
    return out.getvalue()


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise TraceFileError(
            "Parquet needs pyarrow, which is not installed here: pip install 'replication-viz[parquet]'."
        ) from None
    return pyarrow, parquet


def _zip(parts: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            # A fixed date: the same trace gives the same file.
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content)
    return out.getvalue()


# -- reading ----------------------------------------------------------------------------------------------------------


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        whole = json.loads(data)
    except ValueError:
        raise TraceFileError("the file is neither JSON nor a zip: it must be one that save wrote.") from None
    if not isinstance(whole, dict):
        raise TraceFileError("the file holds JSON that is no trace: it must be one that save wrote.")
    return whole


def _unzipped(data: bytes) -> dict[str, Any]:
    """Return what a zip holds in the form of the JSON file."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        parts = {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError) as error:
        raise TraceFileError(f"the zip is damaged or not one that save wrote: {error}.") from None
    for needed in ("about.json", "scenario.json"):
        if needed not in parts:
            raise TraceFileError(f"the zip holds no {needed}: it must be one that save wrote.")
    tables = {}
    for name in _TABLES:
        if f"{name}.csv" in parts:
            tables[name] = _csv_columns(name, parts[f"{name}.csv"])
        elif f"{name}.parquet" in parts:
            tables[name] = _parquet_columns(name, parts[f"{name}.parquet"])
    return {**_parsed(parts["about.json"]), "scenario": _parsed(parts["scenario.json"]), "tables": tables}


def _csv_columns(name: str, content: bytes) -> dict[str, list[Any]]:
    try:
        rows = list(csv.reader(io.StringIO(content.decode(), newline="")))
        head, *body = rows
        columns = list(map(list, zip(*body, strict=True))) or [[] for _ in head]
    except (ValueError, csv.Error) as error:
        raise TraceFileError(f"{name}.csv cannot be read: {error}.") from None
    if len(columns) != len(head):
        raise TraceFileError(f"{name}.csv names {len(head)} columns and holds {len(columns)}.")
    return dict(zip(head, columns, strict=True))


def _parquet_columns(name: str, content: bytes) -> dict[str, list[Any]]:
    arrow, parquet = _pyarrow()
    try:
        columns: dict[str, list[Any]] = parquet.read_table(io.BytesIO(content)).to_pydict()
    except (arrow.ArrowException, OSError) as error:
        raise TraceFileError(f"{name}.parquet cannot be read: {error}.") from None
    return columns


def _check_kind(whole: Mapping[str, Any]) -> None:
    if whole.get("format") != _KIND:
        raise TraceFileError(f"the file's format is {whole.get('format')!r}: it must be {_KIND!r}.")
    if whole.get("version") != VERSION:
        raise TraceFileError(f"the file is of version {whole.get('version')!r}: this program reads version {VERSION}.")
    if not isinstance(whole.get("nodes"), list) or not isinstance(whole.get("tables"), dict):
        raise TraceFileError("the file lacks its nodes or its tables: it must be one that save wrote.")


def _table(name: str, found: Any, nodes: tuple[str, ...]) -> Any:
    wanted = {f.name: str(f.type) for f in fields(_TABLES[name])}  # type: ignore[arg-type]
    if not isinstance(found, dict) or set(found) != set(wanted):
        has = ", ".join(found) if isinstance(found, dict) else "nothing"
        raise TraceFileError(f"the table {name} must have the columns {', '.join(wanted)}: it has {has}.")
    columns = {column: _column(name, column, found[column], kind, nodes) for column, kind in wanted.items()}
    try:
        table = _TABLES[name](**columns)
    except ValueError as error:
        raise TraceFileError(str(error)) from None
    times = columns[_ORDER[name]]
    wrong = np.flatnonzero(np.diff(times) < 0)
    if len(wrong):
        raise TraceFileError(f"the table {name} is not in order of {_ORDER[name]}: row {int(wrong[0]) + 2} is earlier.")
    return table


def _column(name: str, column: str, values: Any, kind: str, nodes: tuple[str, ...]) -> NDArray[np.generic]:
    if not isinstance(values, list):
        raise TraceFileError(f"{name}.{column} must be a list: it is {values!r:.40}.")
    if (name, column) in _CODES:
        known = {code.name.lower(): int(code) for code in _CODES[name, column]}
    elif column in _NODES:
        known = {"": -1, **{node: number for number, node in enumerate(nodes)}}
    else:
        return _numbers(name, column, values, kind)
    plain = ["" if value is None else value for value in values]
    for row, value in enumerate(plain):
        if not isinstance(value, str) or value not in known:
            allowed = ", ".join(filter(None, known))
            raise TraceFileError(f"{name}.{column} is {value!r} in row {row + 1}: it must be one of {allowed}.")
    return np.array([known[value] for value in plain], dtype=_TYPES[kind])


def _numbers(name: str, column: str, values: Iterable[Any], kind: str) -> NDArray[np.generic]:
    read: dict[str, Any] = {
        "Floats": lambda value: np.nan if value is None or value == "" else float(value),
        "Flags": lambda value: {"true": True, "false": False}[str(value).lower()],
        "Texts": str,
    }
    convert = read.get(kind, lambda value: int(value) if isinstance(value, str) else operator.index(value))
    plain: list[Any] = []
    try:
        plain.extend(map(convert, values))
        return np.array(plain, dtype=_TYPES[kind])
    except (TypeError, ValueError, KeyError):
        wanted = {"Floats": "a number", "Flags": "true or false"}.get(kind, "a whole number")
        raise TraceFileError(f"{name}.{column} in row {len(plain) + 1} is not {wanted}.") from None
    except OverflowError:
        raise TraceFileError(f"{name}.{column} holds a number that is too large for it.") from None
