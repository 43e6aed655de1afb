"""Waits for events of a dataset (R28): which are under way, and which event stands for a partition that is awaited.

Owns `AwaitedEvents`. Invariant: a watch is filed under its dataset and each partition that it awaits (None: any), and
knows the newest event of each that was recorded since it began; what was there before is asked of the log. So an event
costs the waits for its partition alone, and a dataset that nobody awaits costs nothing. A look costs O(partitions *
log events).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Protocol

from reactive_dag.engine.tasks.verdicts import SUCCEED, WAITING, Verdict
from reactive_dag.engine.tasks.watches import by_request
from reactive_dag.model.records import Published
from reactive_dag.model.times import format_time

if TYPE_CHECKING:
    from reactive_dag.engine.items.identity import Identities
    from reactive_dag.engine.tasks.watches import Watch, WatchPlace
    from reactive_dag.log.protocol import EventLog
    from reactive_dag.model.records import Item, Json

EVENTS_AT_ONCE = 256
"""So many events are looked through together, where the newest one of a partition is not applied yet."""

OnEvent = Callable[[tuple[int, ...], "Item", int, object], None]
"""Is told of each event of a dataset, as the feed function of a compiled trigger is."""


class Listening(Protocol):
    """What hands out the events of a dataset."""

    def listen(self, dataset: str, on_event: OnEvent | None) -> None:
        """Tell of each event of a dataset from now on; None: no more."""


class AwaitedEvents:
    """The waits for datasets of one engine. `done_before`: a partition that begins earlier counts as there."""

    def __init__(
        self, log: EventLog, identities: Identities, listening: Listening, look: Callable[[Watch, int], None],
        done_before: int | None,
    ) -> None:  # fmt: skip
        self.log = log
        self.identities = identities
        self.listening = listening
        self.done_before = done_before
        self._look = look
        self._rows: dict[str, dict[str | None, dict[WatchPlace, Watch]]] = {}

    def keep(self, watch: Watch) -> None:
        """A wait for a dataset is under way. O(partitions)."""
        uri = watch.uri
        rows = self._rows.get(uri)
        if rows is None:
            rows = self._rows[uri] = {}
            self.listening.listen(uri, self._on_event)
        for partition in watch.partitions:
            rows.setdefault(partition, {})[watch.place] = watch

    def restore(self, watch: Watch, events: Iterable[int]) -> None:
        """Take the events that a wait knew. O(events)."""
        for offset in events:
            event = self.log.record(offset)
            assert isinstance(event, Published)
            for key in {event.partition, None}.intersection(watch.partitions):
                watch.events[key] = max(offset, watch.events.get(key, 0))

    def drop(self, watch: Watch) -> None:
        """It is over. O(partitions)."""
        uri = watch.uri
        rows = self._rows.get(uri, {})
        for partition in watch.partitions:
            row = rows.get(partition, {})
            row.pop(watch.place, None)
            if not row:
                rows.pop(partition, None)
        if not rows and self._rows.pop(uri, None) is not None:
            self.listening.listen(uri, None)

    def _on_event(self, hits: tuple[int, ...], item: Item, at: int, event: object) -> None:
        """An event of a dataset was applied: look at the waits for its partition that react. O(those * log)."""
        assert isinstance(event, Published) and isinstance(item, int)
        rows, told = self._rows[event.dataset], {}
        for key in {event.partition, None}:
            for place, watch in rows.get(key, {}).items():
                watch.events[key] = item
                told[place] = watch
        for watch in by_request(told):
            if not watch.wait.is_polled:
                self._look(watch, item + 1)

    def judge(self, watch: Watch, before: int) -> list[tuple[Verdict, Published | None]]:
        """What each partition means to a wait, by the records below `before`, with the event that stands for it."""
        return [self._judge(watch, partition, before) for partition in watch.partitions]

    def _judge(self, watch: Watch, partition: str | None, before: int) -> tuple[Verdict, Published | None]:
        name = watch.uri if partition is None else f"{watch.uri} {partition}"
        event = self._newest(watch, partition, before)
        if event is None:
            if self._is_past(watch, partition):
                return Verdict(SUCCEED, None, None), None
            return Verdict(WAITING, watch.wait, None, name, "no event yet"), None
        if event.kind == "deleted":
            return Verdict(WAITING, watch.wait, None, name, f"deleted at {format_time(event.at)}"), None
        return Verdict(SUCCEED, watch.wait, None, name, event.kind), event

    def _newest(self, watch: Watch, partition: str | None, before: int) -> Published | None:
        """The newest event of a partition that counts for a wait. O(log events)."""
        offset = watch.events.get(partition)
        if offset is None and watch.wait.since is None:
            offset = self._before(watch.uri, partition, before)
        found = None if offset is None else self.log.record(offset)
        return found if isinstance(found, Published) else None

    def _before(self, dataset: str, partition: str | None, before: int) -> int | None:
        """The newest event of a partition below an offset."""
        newest = None if partition is None else self.log.newest_event(dataset, partition)
        if partition is not None and (newest is None or newest < before):
            return newest
        while found := self.log.events(dataset, limit=1 if partition is None else EVENTS_AT_ONCE, before=before):
            for offset, event in found:
                if partition is None or event.partition == partition:
                    return offset
            before = found[-1][0]
        return None

    def _is_past(self, watch: Watch, partition: str | None) -> bool:
        """Whether a partition begins before the horizon of a simulation."""
        partitions = None if watch.wait.dataset is None else watch.wait.dataset.partitions
        if self.done_before is None or partition is None or partitions is None:
            return False
        begin = partitions.time(partition)
        return begin is not None and begin < self.done_before

    def named(self, event: Published) -> Json:
        """An event as the output of a wait tells of it (I3): as its public form has it, with texts for times."""
        run = self.identities.run_of(event.run).key if event.run >= 0 else None
        date, time = (None if each is None else format_time(each) for each in (event.logical_date, event.time))
        return {
            "kind": event.kind, "at": format_time(event.at), "time": time, "key": event.key, "dataset": event.dataset,
            "partition": event.partition, "logical_date": date, "extra": event.extra, "source": event.source,
            "run": run, "task": event.task or None,
        }  # fmt: skip

    def __iter__(self) -> Iterator[Watch]:
        """All that are under way, each once."""
        found = {w.place: w for rows in self._rows.values() for row in rows.values() for w in row.values()}
        return iter(found.values())

    def _check(self, watches: Iterator[Watch]) -> None:
        """What is filed is kept, under its partitions; a dataset that nobody awaits has no entry. O(watches)."""
        mine = {watch.place: watch for watch in watches if watch.wait.dataset is not None}
        assert {watch.place: watch for watch in self} == mine, (
            "a wait for a dataset is filed and not kept, or kept only"
        )
        assert all(rows and all(rows.values()) for rows in self._rows.values()), "a dataset that nobody awaits"
