"""Clocks: they go forward only, and only they know the time."""

import ast
from datetime import UTC, datetime
from pathlib import Path

import pytest

import reactive_dag
from reactive_dag.model.errors import InvalidValue, UsageError
from reactive_dag.model.times import SECOND, parse_time
from reactive_dag.streams import clock as clock_module
from reactive_dag.streams.clock import Clock, MonotonicWall, SystemClock, VirtualClock, instant

START = "2026-11-23T00:00+01:00"


@pytest.mark.parametrize("clock", [SystemClock(), MonotonicWall(), VirtualClock(START)])
def test_every_clock_is_a_clock(clock):
    assert isinstance(clock, Clock)
    assert isinstance(clock.now(), int)


def test_a_virtual_clock_moves_only_when_told():
    clock = VirtualClock(START)
    assert clock.now() == clock.now() == parse_time(START)
    clock.advance_to(clock.now())
    clock.advance_to(clock.now() + SECOND)
    assert clock.now() == parse_time(START) + SECOND
    assert repr(clock) == "rd.VirtualClock('2026-11-22T23:00:01Z')"


def test_a_virtual_clock_never_goes_back():
    clock = VirtualClock(START)
    with pytest.raises(UsageError, match="never goes back"):
        clock.advance_to(clock.now() - 1)
    assert clock.now() == parse_time(START)


@pytest.mark.parametrize("start", ["2026-11-23T00:00", datetime(2026, 11, 23), True, "soon", 1.5])
def test_R15_a_clock_is_aware(start):
    with pytest.raises(InvalidValue):
        VirtualClock(start)


def test_a_start_is_text_a_datetime_or_nanoseconds():
    same = {
        instant("2026-11-23T00:00Z"),
        instant(datetime(2026, 11, 23, tzinfo=UTC)),
        instant(parse_time("2026-11-23")),
    }
    assert len(same) == 1


class Readings:
    """What the system's two clocks say, by script."""

    def __init__(self, monkeypatch, *pairs):
        self.wall = iter([wall for wall, _ in pairs])
        self.mono = iter([mono for _, mono in pairs])
        monkeypatch.setattr(clock_module.time, "time_ns", lambda: next(self.wall))
        monkeypatch.setattr(clock_module.time, "monotonic_ns", lambda: next(self.mono))


def test_monotonic_wall_follows_the_wall_forward(monkeypatch):
    Readings(monkeypatch, (1000, 0), (1010, 10), (9000, 20))
    clock = MonotonicWall()
    assert [clock.now(), clock.now()] == [1010, 9000]


def test_monotonic_wall_goes_on_at_half_speed_when_the_wall_was_set_back(monkeypatch):
    Readings(monkeypatch, (1000, 0), (500, 100), (600, 200), (1200, 800))
    clock = MonotonicWall()
    assert [clock.now(), clock.now(), clock.now()] == [1050, 1100, 1400]
    Readings(monkeypatch, (2200, 1800))
    assert clock.now() == 2200  # the wall has caught up


# -------------------------------------------------------------------------------------------------- the law

ROOM = Path(reactive_dag.__file__).parent


def owner(node):
    """The last name of what an attribute belongs to."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def reads_a_clock(tree):
    """Lines that import the module `time`, or ask `datetime` and `date` what time it is; `clock.now()` is the way."""
    for node in ast.walk(tree):
        names = [name.name for name in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module, *(name.name for name in node.names if name.name == "default_now")]
        if {"time", "default_now"}.intersection(names):
            yield node.lineno
        asks = isinstance(node, ast.Attribute) and node.attr in {"now", "utcnow", "today"}
        if asks and owner(node.value) in {"datetime", "date", "dt"}:
            yield node.lineno


def test_law_time_only_from_clock():
    guilty = [
        f"{path.relative_to(ROOM)}:{line}"
        for path in sorted(ROOM.rglob("*.py"))
        if path != ROOM / "streams" / "clock.py"
        for line in reads_a_clock(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not guilty, f"only streams/clock.py reads a clock: {guilty}"


@pytest.mark.parametrize(
    "text", ["import time", "from time import monotonic", "datetime.now(UTC)", "date.today()", "datetime.date.today()"]
)
def test_law_time_only_from_clock_sees_through(text):
    assert list(reads_a_clock(ast.parse(text)))
