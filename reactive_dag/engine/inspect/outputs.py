"""The files of saved outputs that are there, and which of them no recorded success names (R21).

Owns no state: it looks into the directories of the tasks that are declared now. O(files × log runs).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import attrs

from reactive_dag.declare.graph import Graph
from reactive_dag.engine.inspect.run import UNDER_WAY
from reactive_dag.engine.outputs.references import FileOf, file_of, size_of, stem_of
from reactive_dag.log.history import RunRow, TaskRow
from reactive_dag.model.records import FINAL_RUN_STATES


@attrs.frozen
class OutputFile:
    """A file with the output of an attempt; `run` is the run's key. `unused`: no recorded success names it."""

    path: str
    size: int
    run: str
    round: int
    attempt: int
    unused: bool


def output_files(graph: Graph, find: Callable[[str], RunRow | None]) -> Iterator[OutputFile]:
    """The files in the directories of this graph's outputs, by directory and name; `find` gives a run by its key.

    Whatever else is in a directory is left out.
    """
    tasks = (task for dag in list(graph.dags.values()) for task in list(dag.tasks.values()))
    for folder in sorted({task.save.folder for task in tasks if task.save is not None}):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            made = file_of(path.name)
            if made is None:
                continue
            with suppress(FileNotFoundError):  # an attempt that writes gives its file another name at the end
                unused = not _needed(path, made, find(made.key))
                yield OutputFile(str(path), size_of(path), made.key, made.round, made.attempt, unused)


def _needed(path: Path, made: FileOf, run: RunRow | None) -> bool:
    """Whether a success names the file, or its attempt has not ended."""
    if run is None:
        return False
    rounds = [*run.tasks, *[task for then in run.earlier for task in then.tasks]]
    each = [task for row in rounds for task in (row.instances or (row,))]
    tasks = [task for task in each if stem_of(run.dag, task.task, made.key, made.round, made.attempt) == made.stem]
    if any(task.saved and task.output["file"] == str(path) for task in tasks):
        return True
    return made.round == run.round and run.state not in FINAL_RUN_STATES and not _closed(made.attempt, tasks)


def _closed(attempt: int, tasks: Iterable[TaskRow]) -> bool:
    """Whether the attempt is known to have ended."""
    return any(
        number == attempt and state not in UNDER_WAY for task in tasks for number, _, _, state, _ in task.attempts
    )
