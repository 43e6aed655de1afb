"""What an engine is given: wrong things are refused before anything is opened or recorded. Owns no state; O(1)."""

from __future__ import annotations

from reactive_dag.declare.graph import Graph
from reactive_dag.engine.execute.runners import InlineRunner, Runner, ThreadRunner
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.scalars import own
from reactive_dag.model.text import seen
from reactive_dag.model.times import NEVER, SECOND, GivenDuration, parse_duration
from reactive_dag.streams.clock import VirtualClock


def check_arguments(graph: object, runner: object, clock: object) -> None:
    """Refuse a graph, a runner or a clock that is none. Raises InvalidValue."""
    if not isinstance(graph, Graph):
        raise InvalidValue(f"an engine runs a graph, not {seen(graph)}; give rd.Graph(...)")
    if runner not in (None, "default") and not callable(getattr(runner, "submit", None)):
        raise InvalidValue(
            f"runner={seen(runner)} is no runner; give rd.ThreadRunner(8), rd.ProcessRunner(4), rd.InlineRunner(), "
            "or None"
        )
    if clock is not None and not callable(getattr(clock, "now", None)):
        raise InvalidValue(f"clock={seen(clock)} is no clock; give rd.VirtualClock('2026-11-23T00:00Z'), or none")


def chosen_runner(given: Runner | str | None, clock: object, read_only: bool) -> Runner | None:
    """The runner given, or the default: threads, under a virtual clock the thread that drives."""
    if given is None or read_only:
        return None
    if not isinstance(given, str):
        return given
    return InlineRunner() if isinstance(clock, VirtualClock) else ThreadRunner(8)


def allowed_lateness(value: GivenDuration | float) -> int:
    """How late (ns) a tick may be that is not missed (R9). Raises InvalidValue for what is not more than zero."""
    found = nanoseconds(value)
    if found <= 0:
        raise InvalidValue(f"max_lateness must be more than zero, such as '60s', not {value!r}")
    return found


def nanoseconds(value: GivenDuration | float) -> int:
    """A duration, or a number of seconds, in ns. Raises InvalidValue.

    >>> nanoseconds("1m") == nanoseconds(60)
    True
    """
    value = own(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not 0 <= value * SECOND < NEVER:  # so are nan and inf
            raise InvalidValue(f"{value!r} seconds is no length of time; give zero or more, up to 292 years")
        return int(value * SECOND)
    return parse_duration(value, zero_ok=True)  # type: ignore[arg-type]  # a bool is refused
