"""What a command is given as FILE: a Python file with a graph, a saved graph, an estate, or the name of an example."""

from __future__ import annotations

import json
import os
import runpy
import sys
from contextlib import redirect_stdout
from pathlib import Path
from traceback import TracebackException

import msgspec

import reactive_dag as rd
from reactive_dag.interop.estate import load_estate
from reactive_dag.interop.examples import EXAMPLES, estate_path

OTHERS = (str(Path(rd.__file__).parent) + os.sep, "<frozen", runpy.__file__)
"""Where frames are that are not the user's: this package, and what executes a file."""


class BadSource(rd.ReactiveDagError):
    """What was given as FILE holds no graph."""


def load_graph(source: str) -> rd.Graph:
    """The graph that `source` names: `pipeline.py`, `pipeline.py:graph`, `graph.json`, `estate.json`, or `mozilla`.

    Raises BadSource, saying what was found and what to write.
    """
    if source in EXAMPLES:
        return load_estate(estate_path(source)).graph
    file, _, name = source.rpartition(":") if ".py:" in source else (source, "", "")
    path = Path(file)
    if not path.is_file():
        known = ", ".join(EXAMPLES)
        raise BadSource(
            f"{file!r} is no file; give FILE.py, FILE.py:graph, a saved graph, an estate, or one of: {known}"
        )
    return _from_python(path, name) if path.suffix == ".py" else _from_json(path)


def _from_python(path: Path, name: str) -> rd.Graph:
    found = {key: value for key, value in _executed(path).items() if isinstance(value, rd.Graph)}
    if name:
        if name in found:
            return found[name]
        raise BadSource(f"{path} has no graph {name!r}; it has {', '.join(found) or 'none'}")
    if len(found) == 1:
        return next(iter(found.values()))
    if not found:
        raise BadSource(f"{path} makes no rd.Graph at its top level")
    raise BadSource(f"{path} makes several graphs; say which: " + " or ".join(f"{path}:{key}" for key in found))


def _executed(path: Path) -> dict[str, object]:
    """What a file's code leaves. Raises BadSource with what that raised, and its own frames alone."""
    try:
        with redirect_stdout(sys.stderr):  # standard output is the command's
            return runpy.run_path(str(path))
    except (Exception, SystemExit) as error:
        raise BadSource(f"{path} raised\n{_without_ours(error)}") from None


def _without_ours(error: BaseException) -> str:
    """A traceback without the frames of this package and of what executes the file. O(frames)."""
    told = TracebackException.from_exception(error)
    todo = [told]
    while todo:
        part = todo.pop()
        part.stack[:] = [each for each in part.stack if not each.filename.startswith(OTHERS)]
        todo += [each for each in (part.__cause__, part.__context__) if each is not None]
    return "".join(told.format()).rstrip("\n")


def _from_json(path: Path) -> rd.Graph:
    try:
        data = msgspec.json.decode(path.read_bytes())
    except msgspec.DecodeError as error:
        raise BadSource(f"{path} is no JSON ({error})") from None
    if isinstance(data, dict) and "waits" in data and "tasks" in data:
        return load_estate(path).graph
    return rd.Graph.load(path)


def as_json(value: object) -> str:
    """Plain data as JSON text for scripts."""
    return json.dumps(value, indent=1, default=str)
