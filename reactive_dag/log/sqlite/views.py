"""The views that a store keeps of its log, as far as they are committed: keys, run rows, snapshots, texts, intake.

Owns the queries, and no state. Each is a look along an index: O(log n + result); of runs by partition without a DAG, a
scan.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from reactive_dag.log.codec import checksum, decode_fact, decode_more, decode_tasks
from reactive_dag.log.history import RunQuery, RunRow
from reactive_dag.log.protocol import OfferedFact
from reactive_dag.log.sqlite import schema
from reactive_dag.log.sqlite.readers import Readers, SQLRow, sound_row
from reactive_dag.model.records import FINAL_RUN_STATES

LATEST = (
    "SELECT * FROM runs WHERE dag = ? AND logical_date <= ? AND logical_date IS NOT NULL "
    "ORDER BY logical_date DESC LIMIT 1"
)


class Views:
    """What was committed besides the records."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._where = str(readers.path)

    def find(self, scope: str, key: str) -> int | None:
        """The offset noted for a key. O(log n)."""
        row = self._readers.one(schema.FIND_KEY, (scope, key))
        return None if row is None else int(sound_row(row, self._where, "keys")[2])

    def meta(self, name: str) -> str | None:
        """A small text. O(log n)."""
        row = self._readers.one(schema.META, (name,))
        return None if row is None else str(sound_row(row, self._where, "meta")[1])

    def run(self, offset: int) -> RunRow | None:
        """The row of a run that ended. O(log n)."""
        row = self._readers.one("SELECT * FROM runs WHERE run = ?", (offset,))
        return None if row is None else self._run_row(row)

    def runs(self, query: RunQuery, limit: int | None, hidden: Callable[[int], bool]) -> list[RunRow]:
        """Rows of ended runs, newest request first, without those `hidden`. O(log n + result) along an index."""
        found: list[RunRow] = []
        if query.source is not None:
            consumers = [row for run in self._consumers(query.source) if (row := self.run(run)) is not None]
            return [row for row in consumers if query.matches(row) and not hidden(row.run)][:limit]
        while True:
            sql, params = select_runs(query, limit)
            page = self._readers.all(sql, params)
            found += [self._run_row(row) for row in page if not hidden(row[0])]
            if limit is None or len(page) < limit or len(found) >= limit:
                return found[:limit]
            query = msgspec.structs.replace(query, before=page[-1][0])

    def _consumers(self, source: int) -> list[int]:
        """The runs that consumed items of a run, newest first. O(log n + result)."""
        rows = self._readers.all(schema.CONSUMERS, (source,))
        return [int(sound_row(row, self._where, "consumers")[1]) for row in rows]

    def latest_date(self, dag: str, high: int) -> int | None:
        """The highest logical date of a DAG's ended runs that is not above `high`. O(log n)."""
        row = self._readers.one(LATEST, (dag, high))
        return None if row is None else self._run_row(row).logical_date

    def snapshots(self, reports: list[str]) -> tuple[int, bytes] | None:
        """The newest snapshot that reads; what was passed over is reported. O(size)."""
        for upto, crc, data in self._readers.all(schema.SNAPSHOTS):
            if isinstance(data, bytes) and checksum(upto, 0, 0, data) == crc:
                return upto, data
            reports.append(f"{self._where}: the snapshot at offset {upto} cannot be read and was passed over")
        return None

    def offers(self, after: int, limit: int) -> list[tuple[int, OfferedFact]]:
        """What the intake holds behind an id. O(result). Raises StoreDamaged."""
        rows = self._readers.all(schema.TAKE_OVER, (after, limit))
        return [(id, decode_fact(id, crc, data, self._where)) for id, crc, data in rows]

    def _run_row(self, row: SQLRow) -> RunRow:
        values = sound_row(row, self._where, "runs")
        run = values[0]
        more = decode_more(run, values[14], self._where)
        return RunRow(*(*values[:13], decode_tasks(run, values[13], self._where), *more))


def select_runs(query: RunQuery, limit: int | None) -> tuple[str, list[object]]:
    """The SQL of a query for runs, with its parameters.

    A DAG alone is asked state by state, since its index is by state: SQLite merges the parts in the order of runs.

    >>> select_runs(RunQuery(dag="a", state="failed"), 3)
    ('SELECT * FROM runs WHERE dag = ? AND state = ? ORDER BY run DESC LIMIT ?', ['a', 'failed', 3])
    """
    narrower = (query.state, query.logical_date, query.partition, query.key, query.cascade)
    if query.dag is not None and all(asked is None for asked in narrower):
        parts = [_select_part(query, state) for state in sorted(FINAL_RUN_STATES)]
    else:
        parts = [_select_part(query, query.state)]
    sql = " UNION ALL ".join(part for part, _ in parts)
    params = [param for _, some in parts for param in some]
    return f"{sql} ORDER BY run DESC LIMIT ?", [*params, -1 if limit is None else limit]


def _select_part(query: RunQuery, state: str | None) -> tuple[str, list[object]]:
    # With a key, a date, a cascade or a partition nothing broader may choose the index: a plus takes a column out.
    plus = "" if query.key is None else "+"
    narrow = (query.logical_date, query.cascade, query.partition)
    broad = "+" if plus or any(asked is not None for asked in narrow) else ""
    asked = {
        f"{plus}dag = ?": query.dag,
        f"{broad}state = ?": state,
        f"{plus}logical_date = ?": query.logical_date,
        f"{'' if query.logical_date is None else '+'}partition = ?": query.partition,
        "key = ?": query.key,
        f"{broad}run < ?": query.before,
        f"logical_date IS NULL AND {plus}cascade = ?": query.cascade,
    }
    given = {sql: param for sql, param in asked.items() if param is not None}
    where = f" WHERE {' AND '.join(given)}" if given else ""
    return f"SELECT * FROM runs{where}", list(given.values())
