"""The write-ahead log that a process left: whether all that was committed in it is taken up (X1).

SQLite takes up the commits before the first page that it cannot read, and says nothing of the others. One is a write
that was torn; more are damage, since each commit is synced before the next begins. Owns no state; O(its size).
"""

from __future__ import annotations

import sqlite3
import struct
from pathlib import Path
from typing import NamedTuple

from reactive_dag.log.codec import damaged
from reactive_dag.log.sqlite.files import wal_of
from reactive_dag.model.text import counted


class WriteAhead(NamedTuple):
    """A write-ahead log: its header, frames of its present round, bytes of one cut short, which frames commit."""

    head: bytes
    frames: int
    cut: int
    commits: list[int]


def wal_frames(path: Path) -> WriteAhead:
    """What the write-ahead log of a store holds. O(its size). Raises StoreDamaged.

    Frames that SQLite does not take up when it opens the file are a write that the process did not live to finish; if
    more than one commit is among them, one was acknowledged, since each is synced before the next begins.
    """
    wal = wal_of(path)
    try:
        content = wal.read_bytes()
    except FileNotFoundError:
        content = b""
    head, count, cut, commits = content[:32], 0, 0, []
    if len(content) <= 32 or not any(head):
        return WriteAhead(head, 0, 0, [])
    if not _head_is_sound(head):
        raise damaged(str(wal), "its first bytes cannot be read, so nobody knows what was committed in it")
    size = 24 + int(struct.unpack_from(">I", head, 8)[0])
    for index, place in enumerate(range(32, len(content), size)):
        ours = content[place + 8 : place + 16] == head[16:24]
        if place + size > len(content):
            cut = len(content) - place if ours or index == count else 0
        elif ours:
            count = index + 1
            if any(content[place + 4 : place + 8]):
                commits.append(index)
    return WriteAhead(head, count, cut, commits)


def taken_up(db: sqlite3.Connection, path: Path, wal: WriteAhead) -> str | None:
    """Bring the write-ahead log into the file; what to report, if the last write was torn. Raises StoreDamaged.

    `wal` is as it was before SQLite saw it. Where commits that were acknowledged cannot be read, all is left as it was.
    """
    # SQLite tells how many frames belong to a whole transaction: what is more was torn.
    _, whole, _ = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    if sum(frame >= whole for frame in wal.commits) > 1:
        file = wal_of(path)
        content = file.read_bytes()
        if content[:32] == wal.head:  # else another process has begun it anew: what was in it is in the file
            db.close()
            if not file.exists():  # SQLite removes it with the last connection
                file.write_bytes(content)
            raise damaged(str(file), f"page {whole} cannot be read, and commits stand behind it")
    if wal.frames <= whole and not wal.cut:
        return None
    cut = f"{counted(max(wal.frames - whole, 0), 'page')} and {counted(wal.cut, 'byte')}"
    return f"{path}: the last write was torn and has been cut off ({cut} that no commit had acknowledged)"


def _head_is_sound(head: bytes) -> bool:
    """Whether the header of a write-ahead log has the checksum that SQLite gave it."""
    order = "<" if head[3] == 0x82 else ">"
    words, low, high = struct.unpack(f"{order}6I", head[:24]), 0, 0
    for first, second in zip(words[::2], words[1::2], strict=True):
        low = (low + first + high) & 0xFFFFFFFF
        high = (high + second + low) & 0xFFFFFFFF
    return (low, high) == struct.unpack(">2I", head[24:32])
