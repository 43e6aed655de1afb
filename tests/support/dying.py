"""A store on SQLite whose process can die, without a process: at a commit that is then never made."""

from __future__ import annotations

from reactive_dag.log.sqlite.store import SQLiteLog
from reactive_dag.model.errors import StoreError
from tests.support.volatile import Killed


class DyingLog(SQLiteLog):
    """A log that can be dropped as SIGKILL drops it; `survivor` is what the next process opens."""

    commits = 0
    dies_at: int | None = None

    def _flush(self) -> int:
        self.commits += 1
        if self.dies_at is not None and self.commits >= self.dies_at:
            raise Killed
        return super()._flush()

    def drop(self) -> None:
        """Let go of the file and of its lock; nothing is committed."""
        self._refuse("killed")
        self._group.fail(StoreError("killed"))
        self._let_go()

    def survivor(self) -> DyingLog:
        """The store as the next process finds it."""
        self.drop()
        return DyingLog(self.path)
