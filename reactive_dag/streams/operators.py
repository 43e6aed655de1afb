"""The combinators as ordinary reactivex operators, for streams without an engine.

Owns their public signatures and how each is put together from a cell; the logic is the cell's, the same that engine and
simulator run. What they share: the time is that of the subscription's scheduler or of `scheduler=`, else of one live
scheduler for the process; a source's error passes on at once; a completion flushes what is open; `dispose` leaves no
timer; sources may be on any threads; a downstream that publishes upstream does not recurse. `on_drop(policy, item)`
hears of each item that goes without having been emitted. Memory and cost are the cell's: O(1) an item.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Literal, TypeVar

from reactivex import Observable, abc

from reactive_dag.model.calendar import Calendar
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.times import GivenDuration, parse_duration
from reactive_dag.streams.by import ByStream
from reactive_dag.streams.keyed import KeyedCell
from reactive_dag.streams.lift import Lifted
from reactive_dag.streams.once import ExactlyOnce, LedgerLike
from reactive_dag.streams.reset import ResetCell
from reactive_dag.streams.rollup import RollupStreamCell, check_rollup
from reactive_dag.triggers.base import MAX_KEYS
from reactive_dag.triggers.cell import Cell, Drop, Surroundings
from reactive_dag.triggers.checks import choice_of, optional_positive, positive
from reactive_dag.triggers.joins.all_of import AllOfCell, EachCell
from reactive_dag.triggers.joins.at_least import AtLeastCell
from reactive_dag.triggers.joins.sequence import SequenceCell
from reactive_dag.triggers.joins.with_latest import WithLatestCell
from reactive_dag.triggers.leaves.absent import AbsentCell
from reactive_dag.triggers.leaves.schedule import Scheduled
from reactive_dag.triggers.windows.batch import BatchCell
from reactive_dag.triggers.windows.debounce import DebounceCell
from reactive_dag.triggers.windows.throttle import ThrottleCell

T = TypeVar("T")
U = TypeVar("U")
K = TypeVar("K", bound=Hashable)
OnDrop = Callable[[str, Any], object]
Operator = Callable[[Observable[T]], Observable[Any]]
Scheduler = abc.SchedulerBase | None


# ------------------------------------------------------------------------------------------------- windows


def batch(
    count: int | None = None,
    max_wait: GivenDuration | None = None,
    *,
    scheduler: Scheduler = None,
    on_drop: OnDrop | None = None,
) -> Callable[[Observable[T]], Observable[list[T]]]:
    """Emit lists of `count` items, or of what gathered until `max_wait` after the first of them; never an empty one.

    A batch needs one of the two, else `InvalidValue`. Cost: O(1) an item; a batch by count alone reads no clock.

    >>> import reactivex
    >>> reactivex.of(1, 2, 3).pipe(batch(count=2)).subscribe(print).dispose()
    [1, 2]
    [3]
    """
    count = optional_positive(count, "count of batch()")
    wait = _span(max_wait, "max_wait of batch()")
    if count is None and wait is None:
        raise InvalidValue("batch() would never close; give it count=, max_wait= or both")
    text = _text("batch", count=count, max_wait=max_wait)
    return _lifted(lambda: BatchCell(count, wait), text, timed=wait is not None, scheduler=scheduler, on_drop=on_drop)


def debounce(
    pause: GivenDuration,
    max_wait: GivenDuration | None = None,
    *,
    scheduler: Scheduler = None,
    on_drop: OnDrop | None = None,
) -> Callable[[Observable[T]], Observable[list[T]]]:
    """Keep all that came, unlike reactivex's `debounce`, and emit it as a list when nothing came for `pause`.

    With `max_wait` at the latest that long after the first item of the list. Cost: O(1) an item.
    """
    length, wait = parse_duration(pause, what="pause of debounce()"), _span(max_wait, "max_wait of debounce()")
    text = _text("debounce", pause, max_wait=max_wait)
    return _lifted(lambda: DebounceCell(length, wait), text, scheduler=scheduler, on_drop=on_drop)


def throttle(
    period: GivenDuration, *, scheduler: Scheduler = None, on_drop: OnDrop | None = None
) -> Callable[[Observable[T]], Observable[list[T]]]:
    """Emit lists at most once each `period`: the first item at once, what follows within the period when it ends.

    Nothing is lost, unlike with reactivex's `throttle_first`. Cost: O(1) an item.
    """
    length = parse_duration(period, what="period of throttle()")
    text = _text("throttle", period)
    return _lifted(lambda: ThrottleCell(length), text, scheduler=scheduler, on_drop=on_drop)


# --------------------------------------------------------------------------------------------------- joins


def all_of(
    *others: abc.ObservableBase[Any],
    consume: Literal["all", "latest", "each"] = "all",
    within: GivenDuration | None = None,
    scheduler: Scheduler = None,
    on_drop: OnDrop | None = None,
) -> Callable[[Observable[Any]], Observable[tuple[list[Any], ...]]]:
    """Emit, when each source has given something since the last time, a tuple of lists: one for each source.

    `consume="all"` takes everything, `"latest"` the newest of each, `"each"` the oldest one of each as often as it can.
    `within`: what is older than that, when an item comes, is dropped. It completes when it can emit no more.
    Cost: O(1) an item.

    >>> import reactivex
    >>> a, b = reactivex.Subject(), reactivex.Subject()
    >>> subscription = a.pipe(all_of(b)).subscribe(print)
    >>> for source, item in (a, 1), (a, 2), (b, 3): source.on_next(item)
    ([1, 2], [3])
    """
    choice_of(consume, ("all", "latest", "each"), "consume of all_of()")
    window, parts = _span(within, "within of all_of()"), 1 + len(others)

    def make() -> Cell:
        return EachCell(parts, window) if consume == "each" else AllOfCell(parts, consume, window)

    text = _text("all_of", *others, consume=None if consume == "all" else consume, within=within)
    return _lifted(make, text, others, timed=window is not None, scheduler=scheduler, on_drop=on_drop)


def at_least(
    n: int,
    *others: abc.ObservableBase[Any],
    within: GivenDuration | None = None,
    scheduler: Scheduler = None,
    on_drop: OnDrop | None = None,
) -> Callable[[Observable[Any]], Observable[tuple[list[Any], ...]]]:
    """Emit, when `n` of the sources have given something since the last time, a tuple of lists: one for each source.

    Lists may be empty. An `n` outside 1 to the number of sources raises `InvalidValue`. Cost: O(1) an item.
    """
    parts, window = 1 + len(others), _span(within, "within of at_least()")
    if (n := positive(n, "n of at_least()")) > parts:
        raise InvalidValue(f"at_least({n}, …) of {parts} sources, the piped one included, could never emit")
    text = _text("at_least", n, *others, within=within)
    return _lifted(
        lambda: AtLeastCell(n, parts, window), text, others, window is not None, n, scheduler=scheduler, on_drop=on_drop
    )


def sequence(
    *others: abc.ObservableBase[Any],
    within: GivenDuration | None = None,
    scheduler: Scheduler = None,
    on_drop: OnDrop | None = None,
) -> Callable[[Observable[Any]], Observable[tuple[list[Any], ...]]]:
    """Emit, when the sources have given something in this order, a tuple of lists: one for each source.

    A source is listened to once the one before it has given something; before that its items are dropped as `filtered`.
    Cost: O(1) an item.
    """
    parts, window = 1 + len(others), _span(within, "within of sequence()")
    text = _text("sequence", *others, within=within)
    return _lifted(
        lambda: SequenceCell(parts, window),
        text,
        others,
        timed=window is not None,
        scheduler=scheduler,
        on_drop=on_drop,
    )


def with_latest(
    *others: abc.ObservableBase[Any], scheduler: Scheduler = None, on_drop: OnDrop | None = None
) -> Callable[[Observable[Any]], Observable[tuple[Any, ...]]]:
    """Emit each item of the source with the newest of each other one, as a tuple, once all of those have given one.

    Items that come before wait, in order, and are emitted then; reactivex's `with_latest_from` drops them. A newer item
    supersedes the one before. It completes with the source, or when what waits can get no partner any more. Cost: O(1)
    an item.

    >>> import reactivex
    >>> reactivex.of("a1", "a2").pipe(with_latest(reactivex.of("b1", "b2"))).subscribe(print).dispose()
    ('a1', 'b1')
    ('a2', 'b1')
    """
    if not others:
        raise InvalidValue("with_latest() without another source; give it one")
    text = _text("with_latest", *others)
    return _lifted(lambda: WithLatestCell(len(others)), text, others, False, scheduler=scheduler, on_drop=on_drop)


def reset(
    operator: Callable[[Observable[T]], Observable[Any]], *, at: Scheduled, scheduler: Scheduler = None
) -> Callable[[Observable[T]], Observable[Any]]:
    """Drop what one of our operators has half gathered at each tick of a clock such as `rd.cron(...)`, as `reset`.

    What closes at the instant of a tick is emitted before it. The operator's `on_drop` hears of what goes. Raises
    InvalidValue for other operators, which cannot say what they hold. Cost: O(1) an item.
    """
    if not isinstance(operator, Lifted):
        raise InvalidValue(f"reset() takes one of the operators of this module, not {operator!r}")
    if not isinstance(at, Scheduled):
        raise InvalidValue(f"at= of reset() takes a clock such as rd.cron('0 6 * * *'), not {at!r}")
    inner, schedule = operator.make, at.schedule
    text = _text("reset", operator, at=at)
    return _lifted(
        lambda: ResetCell(inner(), schedule),
        text,
        operator.others,
        need=operator.need,
        scheduler=scheduler or operator.scheduler,
    )


# ------------------------------------------------------------------------------------------------- silence


def absent(
    for_: GivenDuration, after: abc.ObservableBase[T] | None = None, *, scheduler: Scheduler = None
) -> Callable[[Observable[T]], Observable[T | None]]:
    """Emit, once for each silence, when the source gave nothing for `for_`: the last item heard, or None.

    The subscription arms it, and each item anew. With `after`, only that source's items arm it, and an item of the
    piped one disarms it. A completion ends it without an emission. Cost: O(1) an item.
    """
    length = parse_duration(for_, what="for_ of absent()")

    def make() -> Cell:
        return AbsentCell(length, around=_Silence(), after=after is not None)

    others = () if after is None else (after,)
    return _lifted(make, _text("absent", for_, after=after), others, need=1, scheduler=scheduler)


class _Silence(Surroundings):
    """A silence of bare items: each arms in a wrapping, so that None and "" are items like others."""

    __slots__ = ()

    def newest(self, part: int, item: object) -> object:
        return (item,)

    def silence(self, due: int, armed: Any) -> object:
        return armed[0] if armed else None


# ---------------------------------------------------------------------------------------------------- keys


def by(
    key: Callable[[Any], K],
    operator: Callable[[Observable[T]], Observable[U]],
    *,
    max_keys: int = MAX_KEYS,
    ttl: GivenDuration | None = None,
    scheduler: Scheduler = None,
    on_drop: OnDrop | None = None,
) -> Callable[[Observable[T]], Observable[tuple[K, U]]]:
    """Apply `operator` for each key by itself and emit pairs of key and value; a join by key, with a join.

    `key(item)` is asked for the items of all its sources; a list gives several keys, None drops the item as `no_key`,
    an exception ends all with that error. One of our combinators has a state for each key that holds something, and
    none for the others; beyond `max_keys` the key opened first goes, after `ttl` each: what it holds is dropped as
    `expired`. Any other reactivex operator has a stream for each key, which is completed instead; one that completes by
    itself ends its key for good (`take(1)` gives one a key). Cost: O(1) an item,
    O(log keys) with windows.

    >>> import reactivex
    >>> reactivex.of(1, 2, 3, 4).pipe(by(lambda n: n % 2, batch(count=2))).subscribe(print).dispose()
    (1, [1, 3])
    (0, [2, 4])
    """
    max_keys = positive(max_keys, "max_keys of by()")
    alive = _span(ttl, "ttl of by()")
    text = _text("by", key, operator, max_keys=None if max_keys == MAX_KEYS else max_keys, ttl=ttl)
    if not isinstance(operator, Lifted):
        return ByStream(key, operator, max_keys, alive, scheduler, on_drop or _unheeded, text)

    def make() -> Cell:
        return KeyedCell(operator.make(), key, max_keys, alive)

    timed = operator.timed or alive is not None
    return _lifted(
        make, text, operator.others, timed, operator.need, scheduler=scheduler or operator.scheduler, on_drop=on_drop
    )


def rollup(
    coarse: Calendar,
    of: Calendar,
    *,
    key: Callable[[T], str | None],
    late: Literal["fire", "drop"] = "fire",
    wait: GivenDuration | None = None,
    max_keys: int = MAX_KEYS,
    scheduler: Scheduler = None,
    on_drop: OnDrop | None = None,
) -> Callable[[Observable[T]], Observable[tuple[str, list[T], list[str], bool]]]:
    """Emit, for each partition of `coarse`, once all partitions of `of` that begin in it are there.

    `key(item)` is an item's partition of `of`; None drops it as `no_key`. Emitted is `(partition, items, missing,
    correction)`: with `wait` so long after the partition's end with those that are missing; each later item by itself
    as a correction, unless `late="drop"`. At most `max_keys` partitions are known. Raises InvalidValue where `of` is
    not finer than `coarse`. Cost: O(1) an item.

    >>> import reactivex
    >>> from reactive_dag.model.calendar import month, week
    >>> weeks = ["2026-W45", "2026-W46", "2026-W47", "2026-W48", "2026-W49", "2026-W45"]
    >>> reactivex.from_(weeks).pipe(rollup(month(), week(), key=str)).subscribe(print).dispose()
    ('2026-11', ['2026-W45', '2026-W46', '2026-W47', '2026-W48', '2026-W49'], [], False)
    ('2026-11', ['2026-W45'], [], True)
    """
    length = _span(wait, "wait of rollup()")
    check_rollup(coarse, of, late, length, max_keys)
    text = _text("rollup", coarse, of, key=key, late=None if late == "fire" else late, wait=wait)
    return _lifted(
        lambda: RollupStreamCell.of(coarse, of, key, late, length, max_keys), text, (), wait is not None,
        scheduler=scheduler, on_drop=on_drop,
    )  # fmt: skip


def exactly_once(
    *, key: Callable[[T], object], ledger: LedgerLike | None = None, scheduler: Scheduler = None
) -> Callable[[Observable[T]], Observable[T]]:
    """Emit the items whose key the ledger has not seen, each after its key is in the ledger, durably.

    So nothing is emitted twice, whatever the number of threads and restarts; a crash just between the two steps loses
    that emission. Without `ledger` a subscription keeps the keys in memory. Keys are plain data: text, numbers, tuples.
    A key function or a ledger that raises ends the stream with that error. Cost: one `ledger.add` for an item.

    >>> import reactivex
    >>> reactivex.of("a", "b", "a").pipe(exactly_once(key=str)).subscribe(print).dispose()
    a
    b
    """
    return ExactlyOnce(key, ledger, scheduler, _text("exactly_once", key=key, ledger=ledger))


def _unheeded(policy: str, item: object) -> None:
    pass


# -------------------------------------------------------------------------------------------------- shared


def _lifted(
    make: Callable[[], Cell],
    text: str,
    others: tuple[abc.ObservableBase[Any], ...] = (),
    timed: bool = True,
    need: int | None = None,
    *,
    scheduler: Scheduler = None,
    on_drop: OnDrop | None = None,
) -> Lifted[Any, Any]:
    for other in others:
        if not isinstance(other, abc.ObservableBase):
            raise InvalidValue(f"{text}: {other!r} is no observable")
    return Lifted(lambda: _heeded(make(), on_drop), others, timed, need, scheduler, text=text)


def _told(on_drop: OnDrop) -> Drop:
    def drop(policy: str, part: int, item: object) -> None:
        on_drop(policy, item)

    return drop


def _heeded(cell: Cell, on_drop: OnDrop | None) -> Cell:
    """The cell; given `on_drop`, one that calls it with what it drops."""
    return cell if on_drop is None else cell.telling(_told(on_drop))


def _span(value: GivenDuration | None, what: str) -> int | None:
    return None if value is None else parse_duration(value, what=what)


def _text(name: str, *given: object, **named: object) -> str:
    """The expression that makes an operator, sources as dots."""
    shown = ["…" if isinstance(value, abc.ObservableBase) else repr(value) for value in given]
    shown += [
        f"{key}={'…' if isinstance(value, abc.ObservableBase) else repr(value)}"
        for key, value in named.items()
        if value is not None
    ]
    return f"rops.{name}({', '.join(shown)})"
