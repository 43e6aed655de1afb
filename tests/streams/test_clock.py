"""Clocks: they go forward only, and only they know the time."""

import ast
from datetime import UTC, datetime
from pathlib import Path

import pytest

import reactive_dag
from reactive_dag.model.errors import InvalidValue, UsageError
from reactive_dag.model.times import SECOND, parse_time
from reactive_dag.streams import clock as clock_module
from reactive_dag.streams.clock import Clock, MonotonicWall, VirtualClock, instant

START = "2026-11-23T00:00+01:00"


@pytest.mark.parametrize("clock", [MonotonicWall(), VirtualClock(START)])
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
CLOCKS = {"streams/clock.py", "log/ledger.py"}  # the ledger's default `clock=` is one, and stands below the others
EDGE = {"engine", "cli", "notebook", "interop"}  # where people wait, and may lose patience or hold a stopwatch
PATIENCE = {"monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"}


def owner(node):
    """The last name of what an attribute belongs to."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def names_read(tree):
    """Each (line, name) of the module `time` that is used, `*` for all of it; and what asks `datetime` for the time."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and any(name.name == "time" and name.asname for name in node.names):
            yield node.lineno, "*"
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module == "time":
            yield from ((node.lineno, name.name) for name in node.names)
        if isinstance(node, ast.ImportFrom) and any(name.name == "default_now" for name in node.names):
            yield node.lineno, "default_now"
        if isinstance(node, ast.Attribute):
            if owner(node.value) in {"datetime", "date", "dt"} and node.attr in {"now", "utcnow", "today"}:
                yield node.lineno, node.attr
            if isinstance(node.value, ast.Name) and node.value.id == "time" and imports_time(tree):
                yield node.lineno, node.attr


def imports_time(tree):
    """Whether `time` is the module here, and not a parameter."""
    return any(
        isinstance(node, ast.Import) and any(name.name == "time" for name in node.names) for node in ast.walk(tree)
    )


def reads_a_clock(tree, edge=False):
    """The lines that read what time it is; at the edge reading how long it took is none."""
    return sorted({line for line, name in names_read(tree) if not (edge and name in PATIENCE)})


def test_law_time_only_from_clock():
    guilty = [
        f"{path.relative_to(ROOM)}:{line}"
        for path in sorted(ROOM.rglob("*.py"))
        if path.relative_to(ROOM).as_posix() not in CLOCKS
        for line in reads_a_clock(ast.parse(path.read_text("utf-8")), path.relative_to(ROOM).parts[0] in EDGE)
    ]
    assert not guilty, f"only clocks read a clock: {guilty}"


WRONG = [
    "import time\ntime.time()",
    "import time as t",
    "from time import sleep",
    "datetime.now(UTC)",
    "datetime.date.today()",
    "from reactivex.internal.basic import default_now",
]


@pytest.mark.parametrize("text", WRONG)
def test_law_time_only_from_clock_sees_through(text):
    assert reads_a_clock(ast.parse(text))
    assert reads_a_clock(ast.parse(text), edge=True)


def test_law_time_only_from_clock_lets_the_edge_lose_patience():
    tree = ast.parse("import time\ntime.monotonic()")
    assert (reads_a_clock(tree), reads_a_clock(tree, edge=True)) == ([2], [])
