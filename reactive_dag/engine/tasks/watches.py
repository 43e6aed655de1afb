"""The waits under way, filed by what can decide them, so that a change of a run costs the waits for its date alone.

Owns `Watch` and `Watches`. Invariant: a watch is filed under the DAG that it awaits, and there under each date, day or
cascade whose runs can decide it (under `ANY` where every run can), and under `HOPE` once a tick that it awaits came
and can still be requested; a DAG that nobody awaits has no entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from reactive_dag.declare.wait import Wait
from reactive_dag.engine.items.timers import Timer
from reactive_dag.engine.runs.state import RunState
from reactive_dag.engine.tasks.verdicts import Verdict
from reactive_dag.model.records import TaskStarted
from reactive_dag.model.times import DAY

WatchPlace = tuple[int, int]
"""A run, and the number of the task that is its wait."""

WatchKey = int | str | tuple[str, int] | None

ANY, HOPE = None, ("hope", 0)
MOST_DAYS = 3
"""A span of more days than that is filed under `ANY`."""


@attrs.define(eq=False)
class Watch:
    """One wait that is under way."""

    run: RunState
    index: int
    record: TaskStarted
    wait: Wait
    dates: list[int] | None
    several: bool
    ended: set[int] | None
    verdict: Verdict | None = None
    timer: Timer | None = None
    over: bool = False
    also: set[WatchKey] = attrs.field(factory=set)
    """Under what it is filed beside its dates."""
    filed: set[WatchKey] = attrs.field(factory=set)
    events: dict[str | None, int] = attrs.field(factory=dict)
    """Of a wait for a dataset: the newest event of each partition (None: of all) that was recorded since it began."""

    @property
    def uri(self) -> str:
        """The dataset that it awaits."""
        assert self.wait.dataset is not None
        return self.wait.dataset.uri

    @property
    def partitions(self) -> tuple[str | None, ...]:
        """The partitions that it awaits; None stands for any event."""
        awaits = self.record.awaits
        return (None,) if awaits is None else tuple([str(each) for each in awaits])

    def known(self) -> list[int] | None:
        """What counts of what was recorded since it began: runs that ended, or events. O(those)."""
        if self.wait.dataset is not None:
            return sorted(set(self.events.values()))
        return None if self.ended is None else sorted(self.ended)

    @property
    def why(self) -> str:
        """What it saw when it looked last."""
        return "" if self.verdict is None else self.verdict.why

    @property
    def place(self) -> WatchPlace:
        """What it is filed as."""
        return self.run.run, self.index

    @property
    def told_of(self) -> list[tuple[str, str]]:
        """The tasks at whose ends it looks."""
        wait = self.wait
        return [] if wait.is_polled else [(wait.dag, task) for task in {*wait.tasks, *wait.task_ids}]

    def saw(self, verdict: Verdict) -> None:
        """It looked. O(1)."""
        self.verdict = verdict

    def set_timer(self, timer: Timer) -> None:
        """Its timeout has a timer. O(1)."""
        self.timer = timer

    def end(self) -> None:
        """It is decided, or nobody waits any more. O(1)."""
        self.over = True


def keys_of(low: int, high: int) -> Iterable[WatchKey]:
    """Under what a wait for a run of a date in `low <= date <= high` is filed. O(days), at most `MOST_DAYS`."""
    if low == high:
        return (low,)
    first, last = low // DAY, high // DAY
    return (ANY,) if last - first > MOST_DAYS else [("day", day) for day in range(first, last + 1)]


def by_request(watches: dict[WatchPlace, Watch]) -> list[Watch]:
    """Watches in the order of their runs' requests, and of a run in that of their places in its plan. O(n log n)."""
    return [watches[place] for place in sorted(watches)]


class Watches:
    """All of them: `of_dag[dag]` by place, `of_task` how many await a task."""

    def __init__(self) -> None:
        self.of_dag: dict[str, dict[WatchPlace, Watch]] = {}
        self.of_task: dict[tuple[str, str], int] = {}
        self._of_waiter: dict[str, dict[WatchPlace, Watch]] = {}
        self.by_place: dict[WatchPlace, Watch] = {}
        self._by_key: dict[str, dict[WatchKey, dict[WatchPlace, Watch]]] = {}

    def __iter__(self) -> Iterator[Watch]:
        return iter(list(self.by_place.values()))

    def of(self, *dags: str) -> list[Watch]:
        """Those that await one of some DAGs, in the order of their runs and places (R27). O(result * log)."""
        return by_request({place: watch for dag in dags for place, watch in self.of_dag.get(dag, {}).items()})

    def of_waiter(self, dag: str) -> list[Watch]:
        """Those of the runs of a DAG. O(result)."""
        return list(self._of_waiter.get(dag, {}).values())

    def keep(self, watch: Watch) -> None:
        """Take a watch. O(tasks awaited)."""
        self.drop(watch.place)
        self.by_place[watch.place] = self.of_dag.setdefault(watch.wait.dag, {})[watch.place] = watch
        self._of_waiter.setdefault(watch.run.dag.id, {})[watch.place] = watch
        for name in watch.told_of:
            self.of_task[name] = self.of_task.get(name, 0) + 1

    def drop(self, place: WatchPlace) -> Watch | None:
        """A watch is over; None where there was none. O(keys it is filed under)."""
        watch = self.by_place.pop(place, None)
        if watch is None:
            return None
        dag = watch.wait.dag
        del self.of_dag[dag][place]
        if not self.of_dag[dag]:
            del self.of_dag[dag]
        waiting = self._of_waiter[watch.run.dag.id]
        del waiting[place]
        if not waiting:
            del self._of_waiter[watch.run.dag.id]
        for name in watch.told_of:
            self.of_task[name] -= 1
            if not self.of_task[name]:
                del self.of_task[name]
        self.refile(watch, ())
        return watch

    def refile(self, watch: Watch, keys: Iterable[WatchKey]) -> None:
        """File a watch under these keys and no other. O(keys)."""
        new, old, rows = set(keys), watch.filed, self._by_key.setdefault(watch.wait.dag, {})
        for key in old - new:
            del rows[key][watch.place]
            if not rows[key]:
                del rows[key]
        for key in new - old:
            rows.setdefault(key, {})[watch.place] = watch
        watch.filed = new
        if not rows:
            del self._by_key[watch.wait.dag]

    def touched(self, dag: str, date: int | None, cascade: str) -> list[Watch]:
        """Those that a run of a date and cascade can decide, in the order of their runs and places (R27).

        O(result * log).
        """
        rows = self._by_key.get(dag)
        if rows is None:
            return []
        keys: list[WatchKey] = [ANY, HOPE, cascade]
        if date is not None:
            keys += [date, ("day", date // DAY)]
        found = [row for key in keys if (row := rows.get(key))]
        if len(found) == 1:
            return by_request(found[0])
        return by_request({place: watch for row in found for place, watch in row.items()})

    def _check(self) -> None:
        """What is filed is kept, under its keys. O(watches)."""
        assert all(self.of_dag.values()), "a DAG that nobody awaits has an entry"
        waiting = {place: watch for watches in self._of_waiter.values() for place, watch in watches.items()}
        assert waiting == {watch.place: watch for watch in self}, "a watch is filed under its waiter"
        assert self.by_place == {place: w for watches in self.of_dag.values() for place, w in watches.items()}
        for dag, watches in self.of_dag.items():
            for place, watch in watches.items():
                assert watch.place == place and watch.wait.dag == dag, place
                assert watch.filed or watch.wait.is_polled or watch.wait.dataset is not None, place
                assert all(self._by_key[dag][key][place] is watch for key in watch.filed), place
        filed = {(dag, key, place) for dag, rows in self._by_key.items() for key, row in rows.items() for place in row}
        assert filed == {(w.wait.dag, key, w.place) for w in self for key in w.filed}, "filed and not kept"
