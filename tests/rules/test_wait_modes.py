"""The table of waits in modes "poke" and "reschedule": each row's test again, and they decide as "push" does (R27).

The tests are those of test_waits.py, test_waits_time.py, test_wait_dates.py and test_wait_ticks.py, with another
default mode. Where they work until the engine is idle time passes here until each wait has looked.
"""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.declare import wait
from reactive_dag.engine import arguments
from reactive_dag.model.times import to_datetime
from tests.rules import test_wait_dates, test_wait_ticks, test_waits, test_waits_time
from tests.support.engines import parts

PUSH_ALONE = {
    "test_wait_latest_is_at_or_before_and_awaited_if_it_has_not_ended": "it stops between two instants",
    "test_wait_the_timeout_counts_from_the_first_over_a_restart": "it has one minute left; test_looks.py has its own",
    "test_wait_holds_no_worker": "in mode 'poke' it does; test_looks.py has both",
    "test_wait_a_tick_that_is_never_requested_never_hangs": "it does not wait for the next look",
    "test_wait_whole_days_on_the_wall_clock_find_the_tick_of_that_day": "random dates, which are worked out alike",
    "test_wait_at_one_instant_the_timeout_comes_first": "it counts the ticks",
}
"""Tests of what only a wait does that reacts, or that count what looks add."""

for module in (test_waits, test_waits_time, test_wait_dates, test_wait_ticks):
    globals().update(
        {name: each for name, each in vars(module).items() if name.startswith("test_wait_") and name not in PUSH_ALONE}
    )


@pytest.fixture(params=["poke", "reschedule"], autouse=True)
def mode(request, monkeypatch):
    """All waits look every five minutes; in mode "poke" there are workers enough for those that only wait."""
    monkeypatch.setitem(wait.DEFAULTS, "mode", request.param)
    monkeypatch.setitem(wait.DEFAULTS, "poll", "5m")
    monkeypatch.setattr(arguments, "InlineRunner", lambda: rd.ThreadRunner(16))
    idle = rd.Engine.run_until_idle

    def patient(engine, timeout=None):
        found = idle(engine, timeout)
        for _ in range(3):
            looks = parts(engine).fold.waits.looks
            if looks.of_place and isinstance(parts(engine).fold.clock, rd.VirtualClock):
                engine.advance(to=to_datetime(max(each.next for each in looks)))
                idle(engine, timeout)
        return found

    monkeypatch.setattr(rd.Engine, "run_until_idle", patient)
    return request.param
