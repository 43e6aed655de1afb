"""The files of saved outputs that are there, and which of them no recorded success names (R21).

Owns no state: it looks into the directories of the tasks that are declared now. O(files × log runs + their attempts).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import attrs

from reactive_dag.declare.graph import Graph
from reactive_dag.engine.inspect.run import UNDER_WAY
from reactive_dag.engine.outputs.references import FileOf, file_of, size_of, task_in_file
from reactive_dag.log.history import RunRow
from reactive_dag.model.payload import PlainForm
from reactive_dag.model.records import FINAL_RUN_STATES


@attrs.frozen
class OutputFile(PlainForm):
    """A file with the output of an attempt; `run` is the run's key. `unused`: no recorded success names it."""

    path: str
    size: int
    run: str
    round: int
    attempt: int
    unused: bool


class _Named:
    """The files that a run's successes name, and the attempts of it that have ended. O(its attempts) to make."""

    def __init__(self, run: RunRow) -> None:
        rounds = [*run.tasks, *[task for then in run.earlier for task in then.tasks]]
        tasks = [task for row in rounds for task in (row.instances or (row,))]
        self._files = {task.output["file"] for task in tasks if task.saved}
        self._open_round = None if run.state in FINAL_RUN_STATES else run.round
        self._ended = {
            (task_in_file(run.dag, task.task), task.round, number)
            for task in tasks for number, _, _, state, _ in task.attempts if state not in UNDER_WAY
        }  # fmt: skip

    def needs(self, path: Path, made: FileOf) -> bool:
        """Whether a success names the file, or its attempt has not ended. O(1)."""
        under_way = made.round == self._open_round and (made.task, made.round, made.attempt) not in self._ended
        return under_way or str(path) in self._files


def output_files(graph: Graph, find: Callable[[str], RunRow | None]) -> Iterator[OutputFile]:
    """The files in the directories of this graph's outputs, by directory and name; `find` gives a run by its key.

    Whatever else is in a directory is left out.
    """
    tasks = (task for dag in list(graph.dags.values()) for task in list(dag.tasks.values()))
    runs: dict[str, _Named | None] = {}
    for folder in sorted({task.save.folder for task in tasks if task.save is not None}):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            made = file_of(path.name)
            if made is None:
                continue
            if made.key not in runs:
                run = find(made.key)
                runs[made.key] = None if run is None else _Named(run)
            named = runs[made.key]
            unused = named is None or not named.needs(path, made)
            with suppress(FileNotFoundError):  # an attempt that writes gives its file another name at the end
                yield OutputFile(str(path), size_of(path), made.key, made.round, made.attempt, unused)
