"""What the log holds of a value in a file, and reading it back for what follows (R21).

Owns `Reference` and the names of the files, made of the attempt's key. Reading costs what the user's `load` costs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from reactive_dag.declare.graph import Graph
from reactive_dag.log.history import TaskRow
from reactive_dag.model.callables import Call
from reactive_dag.model.errors import GraphError, OutputGone
from reactive_dag.model.payload import copied
from reactive_dag.model.records import Json

_NAME = re.compile(r"\.?(.+)-([0-9a-f]{32})-(\d+)\.(\d+)(?:-\d+)?(?:\.[^/]*)?")
_LONGEST = 100
"""So many letters of a file's name tell the task."""


class Reference(msgspec.Struct, frozen=True):
    """A value in a file: where it is, its bytes, and the function that reads it."""

    file: str
    size: int
    load: Json


class FileOf(msgspec.Struct, frozen=True):
    """The attempt that made a file, by the file's name; `task` is the task as names of files have it."""

    task: str
    key: str
    round: int
    attempt: int


def task_in_file(dag: str, task: str) -> str:
    """A task as names of files have it: two tasks may have one. O(length).

    >>> task_in_file("etl", "load[3]")
    'etl.load_3_'
    """
    return re.sub(r"[^A-Za-z0-9_.]", "_", f"{dag}.{task}").lstrip(".")[:_LONGEST]


def stem_of(dag: str, task: str, key: str, round: int, attempt: int) -> str:
    """What the name of an attempt's file begins with. O(length).

    >>> stem_of("etl", "load", "6853c741" * 4, 1, 2)
    'etl.load-6853c7416853c7416853c7416853c741-1.2'
    """
    return f"{task_in_file(dag, task)}-{key}-{round}.{attempt}"


def file_of(name: str) -> FileOf | None:
    """The attempt that made the file of this name; None for one that no attempt made. O(length).

    >>> file_of("etl.load-" + "6853c741" * 4 + "-1.2.parquet")
    FileOf(task='etl.load', key='6853c7416853c7416853c7416853c741', round=1, attempt=2)
    """
    found = _NAME.fullmatch(name)
    return found and FileOf(found[1], found[2], int(found[3]), int(found[4]))


def files_in(path: Path) -> list[Path]:
    """A file, or the files of a directory. O(files)."""
    return [each for each in path.rglob("*") if each.is_file()] if path.is_dir() else [path]


def size_of(path: Path) -> int:
    """The bytes of a file, or of the files of a directory. O(files)."""
    return sum(each.stat().st_size for each in files_in(path))


def read(reference: Json, load: Call | None, what: str) -> object:
    """The value that a reference names; `load` is how its task is declared to be read now. O(size).

    Raises OutputGone for a file that is not there as it was, GraphError without a function that reads it, and what that
    function raises.
    """
    named = msgspec.convert(reference, Reference)
    path = Path(named.file)
    if not path.exists():
        raise OutputGone(f"{what} was saved in {path}, which is not there any more: rerun the task")
    size = size_of(path)
    if size != named.size:
        raise OutputGone(
            f"{what} was saved in {path} with {named.size:,} bytes, and now that has {size:,}: rerun the task"
        )
    call = Call.from_json(named.load)
    try:
        found = (load if load is not None and load == call else call).bind()
    except GraphError as error:
        raise GraphError(f"{what} cannot be read from {path}: {error}") from None
    return found.fn(path)


def load_of(graph: Graph, dag: str, task: str) -> Call | None:
    """How the output of a task is read, as the task is declared now; None for one that saves nothing. O(1)."""
    declared = graph.dags.get(dag)
    known = None if declared is None else declared.tasks.get(task.partition("[")[0])
    return None if known is None or known.save is None else known.save.load


def value_of(graph: Graph, dag: str, task: str, output: Json, saved: bool) -> object:
    """The value of a task's recorded output: plain data of its own, or what its file holds. O(size)."""
    return read(output, load_of(graph, dag, task), f"the output of {dag}.{task}") if saved else copied(output)


def value_of_row(load: Call | None, dag: str, row: TaskRow) -> object:
    """The value of a task as its row has it; of a mapped one the values of its instances, in order. O(size)."""
    if row.instances is not None and row.state == "success":
        return [value_of_row(load, dag, each) for each in row.instances]
    return read(row.output, load, f"the output of {dag}.{row.task}") if row.saved else copied(row.output)


class Outputs(Mapping[str, Any]):
    """The outputs of tasks by id; one that is in a file is read each time that it is asked for.

    Asking costs the size of that one. It holds nothing of the engine, so that it can be sent to another process.
    """

    def __init__(self, loads: Mapping[str, Call | None], dag: str, rows: Iterable[TaskRow]) -> None:
        self._loads = loads
        self._dag = dag
        self._rows = {row.task: row for row in rows}

    def __getitem__(self, task: str) -> object:
        return value_of_row(self._loads[task], self._dag, self._rows[task])

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        shown = (f"{task!r}: {row.output['file'] if row.saved else row.given!r}" for task, row in self._rows.items())
        return f"{{{', '.join(shown)}}}"


def outputs_of(graph: Graph, dag: str, rows: Iterable[TaskRow]) -> Mapping[str, Any]:
    """The outputs of tasks by id, those in files read when they are asked for. O(size of the others)."""
    rows = list(rows)
    if any(row.any_saved for row in rows):
        return Outputs({row.task: load_of(graph, dag, row.task) for row in rows}, dag, rows)
    return {row.task: copied(row.given) for row in rows}
