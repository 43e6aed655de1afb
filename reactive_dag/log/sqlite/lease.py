"""One active engine a store: a lock of the operating system on a file beside it (X3).

The system releases it when the process ends, however it ends. The holder writes its pid and host into the file, whose
time says since when. The file is never removed: then two processes could lock two files of one name.
"""

from __future__ import annotations

import os
import socket
import sys
import weakref
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import msgspec

from reactive_dag.model.errors import StoreError, StoreInUse

if sys.platform == "win32":
    import msvcrt

    def _lock(file: BinaryIO) -> None:
        # Far behind the text, since Windows lets nobody read what is locked.
        file.seek(1 << 30)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

    def _unlock(file: BinaryIO) -> None:
        file.seek(1 << 30)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)


class Owner(msgspec.Struct, frozen=True):
    """Who holds a store."""

    pid: int
    host: str


_HELD: weakref.WeakSet[Lease] = weakref.WeakSet()


class Lease:
    """The lock on a store, held from the constructor to `close`. Raises StoreInUse, StoreError."""

    def __init__(self, store: Path, holder: str = "an engine") -> None:
        self.path = store.with_name(store.name + ".lock")
        try:
            self._file = self.path.open("a+b")
        except OSError as error:
            raise StoreError(
                f"{store} cannot be opened: {self.path.name} cannot be written beside it: {error}."
            ) from error
        try:
            _lock(self._file)
        except OSError as error:
            self._file.close()
            raise StoreInUse(_in_use(store, self.path, holder)) from error
        self._sign(msgspec.json.encode(Owner(os.getpid(), socket.gethostname())))
        _HELD.add(self)

    def _sign(self, text: bytes) -> None:
        self._file.truncate(0)
        self._file.write(text)
        self._file.flush()

    def close(self) -> None:
        """Release the store; a second call does nothing."""
        if not self._file.closed:
            _HELD.discard(self)
            self._sign(b"")
            # Closing alone would leave the lock to a child that was forked and has not got round to closing its copy.
            _unlock(self._file)
            self._file.close()

    def _forked(self) -> None:
        """Close the copy of the file that a forked child has: the lock is its parent's alone."""
        self._file.close()


def _in_use(store: Path, lock: Path, holder: str) -> str:
    told = f"{store} is in use by {_holder(lock, holder)}. Close that one first"
    if holder == "a ledger":
        return f"{told}, or use another file."
    return f"{told}; or look on with read_only=True; what changes the store is asked of the engine that has it open."


def _holder(lock: Path, holder: str) -> str:
    try:
        owner = msgspec.json.decode(lock.read_bytes(), type=Owner)
        since = datetime.fromtimestamp(int(lock.stat().st_mtime), UTC)
    except (OSError, msgspec.MsgspecError):
        return holder
    who = "this process" if owner.pid == os.getpid() else f"process {owner.pid}"
    return f"{holder} of {who} on {owner.host}, since {since:%Y-%m-%dT%H:%M:%SZ}"


if hasattr(os, "register_at_fork"):

    def _release_in_child() -> None:
        for lease in list(_HELD):
            lease._forked()

    os.register_at_fork(after_in_child=_release_in_child)
