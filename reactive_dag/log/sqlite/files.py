"""The file of a store: which one a text names, whether it is ours, and connections to it.

Whether a file is ours is read from its first 100 bytes, before SQLite opens it: nothing is written to another's file. A
store is created whole, in one transaction, before it is switched to WAL. SQLite keeps its write-ahead log under the
name by which a file was opened, so a file that has several names (hard links) is always opened by the same one.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import struct
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from reactive_dag.log.codec import damaged
from reactive_dag.model.errors import InvalidValue, NotAStore, StoreDamaged, StoreError, StoreTooNew
from reactive_dag.model.text import seen

Execute: TypeAlias = Callable[[str], object]
FileId: TypeAlias = tuple[int, int]
"""Which file it is, whatever its name: device and inode."""

MAGIC = b"SQLite format 3\0"
DAMAGE = {
    sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_MISMATCH,
    sqlite3.SQLITE_TOOBIG,
}  # fmt: skip
"""What SQLite says where a file is not as it was written."""
UNREADABLE = "Could not decode"
"""How Python's messages about text that is not UTF-8 begin."""
HOME = "SELECT path FROM home"
BUSY_SECONDS = 60.0
"""How long a write waits for another process that writes to the same file just now."""


class Connection(sqlite3.Connection):
    """A connection to a store; while it is open, this process reads its file through SQLite alone."""

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:  # type: ignore[override]
        """Execute one statement. Raises sqlite3.Error, also where SQLite quotes damaged text."""
        try:
            return super().execute(sql, parameters)
        except UnicodeDecodeError as error:
            raise sqlite3.OperationalError(f"{UNREADABLE} what SQLite says: {error}") from error

    def close(self) -> None:
        """Close it; a second call does nothing."""
        super().close()
        with _OPENING:
            _OPEN.pop(self, None)


_OPEN: WeakKeyDictionary[Connection, FileId] = WeakKeyDictionary()
_OPENING = threading.Lock()


def parse_store(store: str | os.PathLike[str]) -> Path | None:
    """The file that a store's text names; None for "memory". Raises InvalidValue.

    >>> parse_store("sqlite:///sales.db").as_posix(), parse_store("sqlite:////tmp/a.db").as_posix()
    ('sales.db', '/tmp/a.db')
    """
    text = os.fspath(store) if isinstance(store, str | os.PathLike) else None
    if not isinstance(text, str):
        raise InvalidValue(f"store={seen(store)} is neither a path nor a text such as sqlite:///sales.db")
    if text == "memory":
        return None
    scheme, colon, rest = text.partition("://")
    if colon and scheme != "sqlite":
        raise InvalidValue(
            f"store={text!r}: no store is called {scheme!r} here. Write a path, sqlite:///file.db, or None for memory."
        )
    path = rest.removeprefix("/") if colon else text
    if colon and not rest.startswith("/"):
        raise InvalidValue(f"store={text!r}: write three slashes before a relative path, four before an absolute one.")
    if not path or path == ":memory:" or "?" in path:
        raise InvalidValue(f"store={text!r} names no file. Write sqlite:///file.db, or None for a log in memory.")
    return Path(path)


def is_store_file(path: Path, mark: int, newest: int) -> bool:
    """Whether a file of ours with this mark is there (False: none, or an empty one). Reads 100 bytes, writes nothing.

    Raises NotAStore, StoreTooNew, StoreError (a directory that is not there, no permission).
    """
    try:
        head = _head(path)
    except FileNotFoundError:
        if path.parent.is_dir():
            return False
        raise StoreError(f"{path}: the directory {path.parent} does not exist; make it first.") from None
    except IsADirectoryError:
        raise NotAStore(f"{path} is a directory; a store is a file.") from None
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}.") from error
    if not head:
        return False
    found, version = _marks(head)
    if found != mark:
        what = (
            "an SQLite file, but not a store of this kind" if head.startswith(MAGIC) else "no store, but another file"
        )
        raise NotAStore(f"{path} is {what}. Nothing was written to it; name another file.")
    check_version(path, version, newest)
    return True


def _head(path: Path) -> bytes:
    """The first 100 bytes of a file. Raises OSError, StoreError.

    Closing a file takes away all locks that the process has on it (POSIX), SQLite's too: another process could then
    delete the write-ahead log of a store that is open here. So one that is open is read by SQLite.
    """
    with _OPENING:
        if file_id(path) not in set(_OPEN.values()):
            with path.open("rb") as file:
                return file.read(100)
    db = connect(path, read_only=True)
    try:
        mark, version = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
    except sqlite3.Error as error:
        raise store_error(path, error) from error
    finally:
        db.close()
    return struct.pack(">16s44xi4xi28x", MAGIC, version, mark)


def file_id(path: Path) -> FileId | None:
    """Which file stands under a name; None if there is none. One system call."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def one_name(path: Path) -> Path:
    """The name under which the file of a store is opened: one, however many links lead to it. O(1), writes nothing.

    Raises StoreError.
    """
    path = path.resolve()
    try:
        found = path.stat()
    except OSError:
        return path
    if found.st_nlink < 2 or not stat.S_ISREG(found.st_mode):
        return path
    home = _home(path)
    return home if home is not None and file_id(home) == (found.st_dev, found.st_ino) else path


def _home(path: Path) -> Path | None:
    """The name by which the file was opened last, read without its write-ahead log, which that name leads to."""
    try:
        db = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
        try:
            row = db.execute(HOME).fetchone()
        finally:
            db.close()
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_NOTADB):
            return None
        raise store_error(path, error) from error
    return Path(os.fsdecode(row[0])) if row and isinstance(row[0], bytes) else None


def keep_home(db: sqlite3.Connection, path: Path, execute: Execute | None = None) -> None:
    """Keep the name by which a store is opened where `one_name` finds it. O(1). Raises StoreError."""
    name = os.fsencode(path)
    try:
        row = db.execute(HOME).fetchone()
        if row is None or row[0] != name:
            (execute or db.execute)(f"INSERT OR REPLACE INTO home VALUES (1, x'{name.hex()}')")
            db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    except sqlite3.Error as error:
        raise store_error(path, error) from error


class OpenFiles:
    """The files of a store that is open: each must stand under its name still, and the database is not cut off.

    A look costs a system call a file.
    """

    def __init__(self, path: Path, *more: Path) -> None:
        self._path = path
        found = {file: file_id(file) for file in (path, wal_of(path), *more)}
        self._files = {file: known for file, known in found.items() if known is not None}

    @property
    def sound(self) -> bool:
        """Whether each stands under its name still."""
        return all(file_id(file) == known for file, known in self._files.items()) and not self._is_cut

    def check(self) -> None:
        """Raises StoreError for a file that was deleted or replaced: what is written now, nobody would find."""
        for file, known in self._files.items():
            if file_id(file) != known:
                what = "replaced" if file.exists() else "deleted"
                raise StoreError(f"{file} was {what} while it was open; what is written now would be lost")
        if self._is_cut:
            raise StoreDamaged(f"{self._path} was cut off while it was open; what is written now would be lost")

    @property
    def _is_cut(self) -> bool:
        """Whether the database has lost its header: SQLite itself looks at it only when it reads."""
        return self._path in self._files and self._path.stat().st_size < 100


def _marks(head: bytes) -> tuple[int, int]:
    """The application id and the user version out of an SQLite header; (0, 0) if it is none."""
    if len(head) < 100 or not head.startswith(MAGIC):
        return 0, 0
    version, mark = struct.unpack(">60xi4xi28x", head)
    return mark, version


def check_version(path: Path, version: int, newest: int) -> None:
    """Refuse a store that a newer program wrote. Raises StoreTooNew."""
    if version > newest:
        raise StoreTooNew(
            f"{path} has format {version}, and this version of reactive_dag reads up to {newest}. Nothing was written; "
            "install the newer version."
        )
    if version < newest:
        raise StoreError(
            f"{path} has format {version}, which was given up before the first release; this version of reactive_dag "
            f"reads {newest}. Nothing was written; begin with another file."
        )


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection to an absolute path: commits when told to, syncs fully, may change threads. Raises StoreError."""
    uri = f"{path.as_uri()}?mode={'ro' if read_only else 'rwc'}"
    try:
        with _OPENING:
            db = sqlite3.connect(
                uri, uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_SECONDS, factory=Connection
            )
            if (known := file_id(path)) is not None:
                _OPEN[db] = known
        db.execute("PRAGMA synchronous=FULL")
        if not read_only:
            db.execute("PRAGMA cache_size=-32768")
            # 16 MB between checkpoints instead of 4: a page that is changed again meanwhile is copied once.
            db.execute("PRAGMA wal_autocheckpoint=4000")
    except sqlite3.Error as error:
        raise store_error(path, error) from error
    return db


def prepare(
    db: sqlite3.Connection, path: Path, mark: int, newest: int, tables: Sequence[str], execute: Execute | None = None
) -> None:
    """Make the tables of a new store, or check the version of an old one. Raises StoreTooNew, StoreError."""
    execute = execute or db.execute
    try:
        if db.execute("PRAGMA application_id").fetchone()[0] != mark:
            marks = (f"PRAGMA application_id={mark}", f"PRAGMA user_version={newest}")
            for sql in ("BEGIN EXCLUSIVE", *tables, *marks, "COMMIT"):
                execute(sql)
        check_version(path, db.execute("PRAGMA user_version").fetchone()[0], newest)
        mode = db.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    except sqlite3.Error as error:
        raise store_error(path, error) from error
    if mode != "wal":
        raise StoreError(f"{path}: this file system does not allow SQLite's WAL mode; put the store on a local disk.")


def store_error(path: Path, error: sqlite3.Error) -> StoreError:
    """What SQLite said, as one of our errors, with the place."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in DAMAGE or str(error).startswith(("no such", UNREADABLE)):
        return damaged(str(path), f"the file is damaged: {error}")
    if code == sqlite3.SQLITE_BUSY:
        return StoreError(f"{path}: another process has kept it locked for {BUSY_SECONDS:.0f} seconds.")
    return StoreError(f"{path}: {error}")


def wal_of(path: Path) -> Path:
    """The write-ahead log of a store."""
    return path.with_name(path.name + "-wal")
