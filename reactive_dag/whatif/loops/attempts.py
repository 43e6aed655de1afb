"""What is drawn of the attempts of tasks, before a play: how long each takes, and which fail.

Owns `AttemptRules` (what tasks say of their attempts) and `Attempts` (what was drawn). What becomes of an attempt
depends on its draws and on its task's timeout alone, not on when it begins, so how many attempts a task needs, and
whether the last one succeeds, is known before. Tasks stand in rows, futures in columns; of the later attempts, which
are few, only those that are needed are drawn. O(size), and O(failures).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from reactive_dag.declare.settings.error_names import TIMED_OUT, is_among
from reactive_dag.engine.tasks.retries import LONGEST, declared_delay
from reactive_dag.whatif.window.arrays import BEYOND, Ints

if TYPE_CHECKING:
    from reactive_dag.declare.settings.task_settings import TaskSettings

Flags: TypeAlias = NDArray[np.bool_]

DrawSpans: TypeAlias = Callable[[Ints, int], Ints]
"""How long the attempts of a number take (ns), at these places: row * futures + column."""

DrawFailures: TypeAlias = Callable[[Ints, int], Flags]
"""Which of the attempts of a number, at these places, fail at their end."""


@frozen(eq=False)
class AttemptRules:
    """What tasks say of their attempts: how many retries, the delay before each, the timeout, what a timeout means."""

    retries: Ints
    delays: Ints
    timeout: Ints
    retried: Flags
    """Whether an attempt that timed out is tried again."""

    @classmethod
    def of(cls, settings: Sequence[TaskSettings]) -> AttemptRules:
        """Those of these tasks. O(tasks)."""
        rows: dict[int, int] = {}
        distinct: list[TaskSettings] = []
        for each in settings:
            if rows.setdefault(id(each), len(distinct)) == len(distinct):
                distinct.append(each)
        of = np.array([rows[id(each)] for each in settings], np.intp)
        delays = [delays_of(each) for each in distinct]
        most = max(map(len, delays), default=0)
        table = np.array([(*each, *(0,) * (most - len(each))) for each in delays], np.int64).reshape(len(delays), most)
        timeout = [BEYOND if each.timeout is None else each.timeout for each in distinct]
        retried = [is_among(TIMED_OUT, each.retry_on) for each in distinct]
        return cls(
            np.array([each.retries for each in distinct], np.int64)[of], table[of],
            np.array(timeout, np.int64)[of], np.array(retried, np.bool_)[of],
        )  # fmt: skip


def delays_of(settings: TaskSettings) -> tuple[int, ...]:
    """The delays before the second attempt of a task, the third, and so on. O(retries)."""
    first, backoff, most = settings.retry_delay, settings.backoff, settings.max_delay
    assert isinstance(first, int)  # no function: such a window is not static
    return tuple([min(declared_delay(first, backoff, most, n), LONGEST) for n in range(1, settings.retries + 1)])


@frozen(eq=False)
class Attempts:
    """The attempts that tasks need, a row a task and a column a future.

    `first` is how long the first ones take (ns), cut off by timeouts. `again` are the places of the further ones, in
    order, `delay` the time before each, `span` how long it takes; `failing` are the places of the tasks that fail.
    """

    first: Ints
    again: Ints
    delay: Ints
    span: Ints
    failing: Ints

    @property
    def all_succeed(self) -> bool:
        """Whether all tasks succeed at their first attempt. O(1)."""
        return not len(self.again) and not len(self.failing)

    @classmethod
    def drawn(
        cls, rules: AttemptRules, tasks: Ints, first: Ints, failed: Ints, spans: DrawSpans, fails: DrawFailures
    ) -> Attempts:
        """Draw what is needed of the attempts of these tasks. O(size + failures).

        `first` is how long the first attempts take if nothing cuts them off, `failed` the places of those that fail.
        """
        futures = first.shape[1]
        timeout = rules.timeout[tasks][:, None]
        late = np.flatnonzero(first >= timeout)
        places = np.union1d(late, failed)
        timed_out = np.isin(places, late, assume_unique=True)
        again, delay, span, failing = [NO_PLACES], [NO_PLACES], [NO_PLACES], [NO_PLACES]
        number = 1
        while len(places):
            of = tasks[places // futures]
            more = (rules.retries[of] >= number) & (rules.retried[of] | ~timed_out)
            failing.append(places[~more])
            places, of = places[more], of[more]
            again.append(places)
            delay.append(rules.delays[of, number - 1] if len(of) else NO_PLACES)
            number += 1
            found = spans(places, number)
            timed_out = found >= rules.timeout[of]
            span.append(np.minimum(found, rules.timeout[of]))
            still = timed_out | fails(places, number)
            places, timed_out = places[still], timed_out[still]
        order = np.argsort(np.concatenate(again), kind="stable")
        return cls(
            np.minimum(first, timeout), np.concatenate(again)[order], np.concatenate(delay)[order],
            np.concatenate(span)[order], np.sort(np.concatenate(failing)),
        )  # fmt: skip


NO_PLACES = np.zeros(0, np.int64)


class AttemptLists(NamedTuple):
    """The attempts of one future for a loop in plain Python, by node.

    `first` is how long the first attempt takes (ns), `later` has of those with further ones the delay before each and
    how long it takes; `failing` are the tasks whose last attempt fails.
    """

    first: Sequence[int]
    later: Mapping[int, Sequence[tuple[int, int]]]
    failing: Collection[int]

    @classmethod
    def of(cls, drawn: Attempts, nodes: Ints, size: int, column: int = 0) -> AttemptLists:
        """Those of one column; the rows are these nodes of a window of that size. O(size + failures)."""
        futures = drawn.first.shape[1]
        first = np.zeros(size, np.int64)
        first[nodes] = drawn.first[:, column]
        later: dict[int, list[tuple[int, int]]] = {}
        for at in np.flatnonzero(drawn.again % futures == column).tolist():
            node = int(nodes[drawn.again[at] // futures])
            later.setdefault(node, []).append((int(drawn.delay[at]), int(drawn.span[at])))
        failing = drawn.failing[drawn.failing % futures == column] // futures
        return cls(first.tolist(), later, {*nodes[failing].tolist()})
