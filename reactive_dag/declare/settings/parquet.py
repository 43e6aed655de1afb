"""Tables of pandas, polars and pyarrow as parquet files, each read back as what it was. All costs are O(size).

Owns the mark in a file's metadata that says whose table it is; a file without one is pandas' own form. The libraries
are imported when a table comes, never before.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reactive_dag.model.errors import InvalidValue, UsageError, said

_MARK = b"reactive_dag.table"
_HINTS = {
    ("pandas", "Series"): "give series.to_frame()",
    ("polars", "LazyFrame"): "give frame.collect()",
    ("polars", "Series"): "give series.to_frame()",
}


def dump_table(table: Any, path: Path) -> None:
    """Write a table. Raises InvalidValue for what is none or cannot be written, UsageError without pyarrow."""
    pq = _pyarrow_parquet()
    family, kind = _family(table)
    try:
        if (family, kind) == ("pandas", "DataFrame"):
            table.to_parquet(path, engine="pyarrow")
        elif (family, kind) == ("polars", "DataFrame"):
            pq.write_table(_marked(table.to_arrow(), b"polars"), path)
        elif (family, kind) == ("pyarrow", "Table"):
            pq.write_table(_marked(table, b"pyarrow"), path)
        else:
            hint = _HINTS.get((family, kind), "give a DataFrame or a Table, or use rd.files(dir, dump=..., load=...)")
            raise InvalidValue(f"rd.parquet() saves a table of pandas, polars or pyarrow, not a {kind}; {hint}")
    except InvalidValue:
        raise
    except (ValueError, TypeError, NotImplementedError) as error:  # what Arrow raises derives from these
        raise InvalidValue(f"this {family}.{kind} cannot be written as parquet: {said(error)}") from error


def load_table(path: Path) -> object:
    """The table that `dump_table` wrote, of the library that it was of. Raises UsageError without pyarrow."""
    pq = _pyarrow_parquet()
    mark = (pq.read_schema(path).metadata or {}).get(_MARK)
    if mark is None:
        import pandas

        return pandas.read_parquet(path, engine="pyarrow")
    table = pq.read_table(path, partitioning=None)
    table = table.replace_schema_metadata(
        {k: v for k, v in (table.schema.metadata or {}).items() if k != _MARK} or None
    )
    if mark == b"polars":
        import polars

        return polars.from_arrow(table)
    return table


def _marked(table: Any, mark: bytes) -> Any:
    return table.replace_schema_metadata({**(table.schema.metadata or {}), _MARK: mark})


def _family(value: object) -> tuple[str, str]:
    """Of which library a value is, and its class there; also of a class that derives from one."""
    for cls in type(value).__mro__:
        library = cls.__module__.partition(".")[0]
        if library in ("pandas", "polars", "pyarrow"):
            return library, cls.__name__
    return "", type(value).__name__


def _pyarrow_parquet() -> Any:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError(f"rd.parquet() needs pyarrow: pip install 'reactive-dag[parquet]' ({error})") from None
    return pyarrow.parquet
