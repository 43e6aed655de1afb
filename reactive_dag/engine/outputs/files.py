"""Writing the value of an attempt to a file of its own (R21).

Owns no state. Invariants: a file is whole and on disk before the success that names it is recorded; none is ever
written over, so what a record names stays what it was. Costs what the user's `dump` costs, and the syncs of its files.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec

from reactive_dag.declare.settings.files import OutputFiles
from reactive_dag.engine.outputs.references import Reference, files_in
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.records import Json


def write(value: object, files: OutputFiles, stem: str) -> Json:
    """Write a value to a file whose name begins with `stem`; what the log holds of it. O(size).

    Raises what `dump` raises and OSError, and leaves nothing behind then; InvalidValue where `dump` wrote nothing.
    """
    folder = files.folder
    folder.mkdir(parents=True, exist_ok=True)
    path = _reserved(folder, stem, files.suffix)
    part = path.with_name(f".{path.name}")
    try:
        files.dump.fn(value, part)
        if not part.exists():
            raise InvalidValue(f"{files!r}: dump wrote nothing at the path that it was given")
        size = sum(_on_disk(each) for each in files_in(part))
        if part.is_dir():
            path.unlink()
        part.replace(path)
    except BaseException:  # the user's Ctrl-C too: nobody would hear of the file
        _remove(part)
        _remove(path)
        raise
    _folder_on_disk(folder)
    found: Json = msgspec.to_builtins(Reference(str(path), size, files.load.to_json()))
    return found


def _reserved(folder: Path, stem: str, suffix: str) -> Path:
    """A name that nobody has, taken by an empty file: another store may have the same keys. O(names taken)."""
    number = 1
    while True:
        path = folder / f"{stem}{'' if number == 1 else f'-{number}'}{suffix}"
        try:
            path.touch(exist_ok=False)
            return path
        except FileExistsError:
            number += 1


def _on_disk(path: Path) -> int:
    """Have a file on disk; its size."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
        return file.seek(0, os.SEEK_END)


def _folder_on_disk(folder: Path) -> None:
    if os.name == "nt":  # a directory cannot be opened there
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
