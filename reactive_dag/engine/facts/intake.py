"""What other processes left in the intake, on its way into the log (I8).

Owns no state. The clock of another machine may be wrong: its stamps say when something happened before now, and never
drive the engine. A fact costs O(1).
"""

from __future__ import annotations

import logging

import msgspec

from reactive_dag.engine.facts.publish import Publishing
from reactive_dag.engine.facts.start import Starting
from reactive_dag.log.protocol import EventLog
from reactive_dag.model.records import StartRequested
from reactive_dag.model.times import SECOND, format_duration
from reactive_dag.streams.clock import Clock, VirtualClock

LOG = logging.getLogger("reactive_dag.store")
TOLERATED = SECOND
"""How far (ns) another machine's clock may be ahead without a word."""


def take_over(log: EventLog, clock: Clock, publishing: Publishing, starting: Starting) -> None:
    """Judge and push all that the intake holds (the log's lock is held). O(facts).

    Each gets its offset, its number, and `at = max(previous at, min(stamp, clock))`; a stamp moves a virtual clock.
    """
    ahead = []
    while offered := log.take_over():
        for _, fact in offered:
            stamp = _admitted(clock, fact.at)
            ahead.append(fact.at - stamp)
            at = max(stamp, log.last_at)
            if isinstance(fact, StartRequested):
                starting.judge(msgspec.structs.replace(fact, at=at))
            else:
                publishing.take_in(at, fact)
        log.done([id for id, _ in offered])
    wrong = [by for by in ahead if by > TOLERATED]
    if wrong:
        LOG.warning(
            "%d of %d facts of other processes were stamped ahead of this machine's clock, by up to %s; they count "
            "from now. Set those clocks right.", len(wrong), len(ahead), format_duration(max(wrong)),
        )  # fmt: skip


def _admitted(clock: Clock, stamp: int) -> int:
    """A stamp as far as the clock has come."""
    now = clock.now()
    if stamp > now and isinstance(clock, VirtualClock):
        clock.advance_to(stamp)
        return stamp
    return min(stamp, now)
