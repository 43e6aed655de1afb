"""How a body ended, as data: what it returned as it is recorded, or what it raised (R3, R5, R24).

Owns no state; the same here and in a worker process. A text of an error costs O(frames).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import os
import traceback
from collections.abc import Collection
from pathlib import Path

import attrs

from reactive_dag.declare.settings.error_names import names_of_error
from reactive_dag.declare.settings.files import OutputFiles
from reactive_dag.engine.outputs.files import write
from reactive_dag.engine.runs.choices import choice_of_branch
from reactive_dag.model.ctrl_c import traceback_of
from reactive_dag.model.errors import FailTask, RetryTask, SkipTask, reason, said
from reactive_dag.model.payload import plain
from reactive_dag.model.records import Json

LAST_FRAMES = 3
"""How many frames of a traceback an error text keeps."""
LONGEST_TEXT = 10_000
_HOME = Path(__file__).resolve().parents[2]
_ROOMS = ("engine", "model", "triggers", "declare", "log", "streams", "testing")
_OURS = tuple(str(_HOME / room) + os.sep for room in _ROOMS)
_FUTURES = tuple(str(Path(inspect.getfile(module)).parent) + os.sep for module in (asyncio, concurrent.futures))


@attrs.frozen
class Finish:
    """What becomes of a value that a body returned: `branch` are the followers of a branch, `stem` names its file."""

    name: str
    branch: Collection[str] | None
    saves: OutputFiles | None
    stem: str

    def __call__(self, given: object) -> Json:
        """The value as it is recorded. Raises InvalidValue for one that cannot be."""
        return output_of(given, self.name, self.branch, self.saves, self.stem)


def output_of(given: object, name: str, branch: Collection[str] | None, saves: OutputFiles | None, stem: str) -> Json:
    """What a body returned, as it is recorded. O(its size). Raises InvalidValue for what cannot be."""
    if branch is not None:
        given = choice_of_branch(given, name, branch)
    if given is None:
        return None
    return plain(given, f"the output of {name}") if saves is None else write(given, saves, stem)


@attrs.frozen
class Ending:
    """What a body raised: `kind` is "skip", "retry", "fail" or "error", `names` are the classes of the error."""

    kind: str
    text: str
    names: tuple[str, ...]
    after: object = None


class RaisedElsewhere(Exception):
    """A body that executed elsewhere raised."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.text)
        self.ending = ending


def ending_of(error: BaseException) -> Ending:
    """An exception as what the attempt ended with. O(frames)."""
    if isinstance(error, RaisedElsewhere):
        return error.ending
    names = names_of_error(type(error))
    if isinstance(error, SkipTask):
        return Ending("skip", reason(error), names)
    if isinstance(error, RetryTask):
        return Ending("retry", describe(error), names, error.after)
    return Ending("fail" if isinstance(error, FailTask) else "error", describe(error), names)


def describe(error: BaseException) -> str:
    """An exception as the text that is recorded: what, and the last of the user's own frames. O(frames)."""
    frames = [(frame.f_code, line) for frame, line in traceback.walk_tb(traceback_of(error))]
    users = [(code, line) for code, line in frames if not code.co_filename.startswith(_OURS)]
    while users and users[0][0].co_filename.startswith(_FUTURES):
        del users[0]
    where = "".join(f"\n  {code.co_filename}:{line} in {code.co_name}" for code, line in users[-LAST_FRAMES:])
    return said(error)[:LONGEST_TEXT] + where.encode(errors="backslashreplace").decode()
