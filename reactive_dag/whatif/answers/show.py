"""How results are shown: aligned text, a rich table, a picture, all from one definition of columns; and as data frames.

Owns `Table`, the base class of results, and `Answer`, a table that is a sequence of its rows. They know nothing about
what the cells mean. O(cells) each time.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

import attrs

from reactive_dag.model import pictures
from reactive_dag.model.text import Short, counted, one_line
from reactive_dag.model.times import MICROSECOND, format_duration, format_time, from_datetime, to_datetime, zone
from reactive_dag.whatif.answers.assumptions import assumed_text

if TYPE_CHECKING:
    import pandas
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.table import Table as RichTable

    from reactive_dag.whatif.question.effects import Effects

MOST_ROWS = 200
"""So many rows are printed; `.rows` has them all."""


class Table(ABC):
    """Columns and rows that print themselves, in a terminal and in a notebook."""

    columns: tuple[str, ...]
    right: frozenset[str] = frozenset()
    """The columns that are aligned to the right."""
    _ruled = True
    """Whether a rule stands below the names of the columns in a terminal, where there is room."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What it is, in one line."""

    @abstractmethod
    def cells(self) -> list[tuple[str, ...]]:
        """The rows as text, a cell a column."""

    def _style(self, column: str, cell: str) -> str:
        """How a cell is coloured in a terminal; "" for not at all."""
        return ""

    @property
    def notes(self) -> Sequence[str]:
        """Lines below the rows."""
        return ()

    def shown(self) -> tuple[list[tuple[str, ...]], list[str]]:
        """What is printed: rows whose cells are text on one line, and the lines below them."""
        rows, count = self._first(MOST_ROWS)
        notes = list(map(one_line, self.notes))
        if count > len(rows):
            notes.insert(0, f"… and {count - len(rows)} more: .rows and --json have them all")
        return [tuple(map(one_line, row)) for row in rows], notes

    def _first(self, most: int) -> tuple[list[tuple[str, ...]], int]:
        """The first rows as text, and how many there are."""
        rows = self.cells()
        return rows[:most], len(rows)

    def __repr__(self) -> str:
        """Its class, and the title without the words that the class says."""
        name = type(self).__name__
        return f"<{name}{_without_name(one_line(self.title), name) if self.title else ''}>"

    def __str__(self) -> str:
        rows, notes = self.shown()
        widths = [max(map(len, column)) for column in zip(self.columns, *rows)]
        lines = [one_line(self.title)]
        for row in [self.columns, *rows] if rows else []:
            cells = [_aligned(cell, width, name in self.right) for name, cell, width in zip(self.columns, row, widths)]
            lines.append(("  " + "  ".join(cells)).rstrip())
        return "\n".join([*lines, *notes])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """A table where there is room; on a narrow terminal what does not fit stands below its row, under its name."""
        rows, notes = self.shown()
        wide = sum(max(map(len, column)) + 3 for column in zip(self.columns, *rows)) <= options.max_width
        if self._ruled and wide:
            yield self._wide(rows)
        else:
            yield from self._narrow(rows, options.max_width)
        yield from notes

    def _wide(self, rows: list[tuple[str, ...]]) -> RichTable:
        from rich.box import SIMPLE_HEAD
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable(
            title=Text(one_line(self.title)) if self.title else None, title_justify="left", box=SIMPLE_HEAD
        )
        for name in self.columns:
            table.add_column(name, justify="right" if name in self.right else "left", no_wrap=True)
        for row in rows:
            table.add_row(*[Text(cell, self._style(name, cell)) for name, cell in zip(self.columns, row)])
        return table

    def _narrow(self, rows: list[tuple[str, ...]], room: int) -> Iterator[RenderableType]:
        from rich.padding import Padding
        from rich.text import Text

        if self.title:
            yield Text(one_line(self.title), "italic")
        widths = [max(map(len, column)) for column in zip(self.columns, *rows)]
        beside = _that_fit(widths, room)

        def line(row: tuple[str, ...], style: Callable[[str, str], str]) -> Text:
            cells = [_aligned(row[n], widths[n], self.columns[n] in self.right) for n in beside]
            found = Text("  ").join(Text(cell, style(self.columns[n], row[n])) for n, cell in zip(beside, cells))
            found.rstrip()
            return found

        yield line(self.columns, lambda _name, _cell: "bold")
        for row in rows:
            yield line(row, self._style)
            below = [f"{self.columns[n]} {cell}".strip() for n, cell in enumerate(row) if n not in beside and cell]
            if below:
                yield Padding(Text(" · ".join(below), "dim"), (0, 0, 0, 4))

    @property
    def zone(self) -> str:
        """The zone in which a notebook shows its times; a terminal shows UTC."""
        return "UTC"

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return pictures.bundle("Table", self)


Row = TypeVar("Row")


class Answer(Table, Generic[Row]):
    """A table that is a sequence of its rows."""

    rows: Sequence[Row]
    _effects: Effects | None = None
    """What the question means, where the rows rest on durations."""
    _row_type: type[Any]
    """The class of the rows, whose fields are the columns of a frame."""
    _zone = "UTC"
    _unit = ""
    """What a row is, where the title does not say how many there are."""

    def __getstate__(self) -> dict[str, object]:
        """With the rows themselves instead of the course that they are read from."""
        return {**vars(self), "rows": list(self.rows)}

    def __repr__(self) -> str:
        count = f", {counted(len(self), self._unit)}" if self._unit and len(self) else ""
        return f"{super().__repr__()[:-1]}{count}>"

    @property
    def zone(self) -> str:
        """The zone of the graph that was asked about, if it has one."""
        return self._zone

    @property
    def assumed(self) -> str:
        """How many durations are assumed, in words; "" if none is. O(tasks)."""
        return "" if self._effects is None else assumed_text(self._effects)

    @property
    def notes(self) -> list[str]:
        """What it rests on."""
        return [text] if (text := self.assumed) else []

    @abstractmethod
    def _cells_of(self, rows: Sequence[Row]) -> list[tuple[str, ...]]:
        """These rows as text, a cell a column."""

    def cells(self) -> list[tuple[str, ...]]:
        """The rows as text, a cell a column."""
        return self._cells_of(self.rows)

    def _first(self, most: int) -> tuple[list[tuple[str, ...]], int]:
        return self._cells_of(self.rows[:most]), len(self.rows)

    def to_json(self) -> Any:
        """Plain data, an object a row. O(rows)."""
        return [row.to_json() for row in self.rows]  # type: ignore[attr-defined]

    def to_pandas(self) -> pandas.DataFrame:
        """A frame with a line for each row, times as aware datetimes. O(rows). Raises ImportError without pandas."""
        try:
            import pandas
        except ImportError as error:
            raise ImportError("to_pandas() needs pandas: pip install 'reactive-dag[pandas]'") from error

        names = [each.name for each in attrs.fields(self._row_type) if not each.name.startswith("_")]
        return pandas.DataFrame([[getattr(row, name) for name in names] for row in self.rows], columns=names)

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, at: int) -> Row: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Row]: ...

    def __getitem__(self, at: int | slice) -> Row | Sequence[Row]:
        return self.rows[at]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)


def _without_name(title: str, name: str) -> str:
    """A title as it follows the name of its class: what both begin with is said once. O(length).

    >>> _without_name("critical path to load", "CriticalPath"), _without_name("2 unfinished", "UnfinishedWork")
    (' to load', ': 2 unfinished')
    """
    left = title
    for word in re.findall("[A-Z][a-z]*", name):
        if not left.lower().startswith(word.lower()):
            break
        left = left[len(word) :].removeprefix(" ")
    return f": {title}" if left == title else left if left.startswith((":", ",")) else f" {left}"


def _aligned(cell: str, width: int, right: bool) -> str:
    return cell.rjust(width) if right else cell.ljust(width)


def _that_fit(widths: list[int], room: int) -> list[int]:
    """The columns that stand beside each other in `room` characters; a wide one gives way to those after it.

    The first says what a row is about: where there is no room for it, it stands alone.
    """
    found: list[int] = []
    for n, width in enumerate(widths):
        if width + 2 <= room:
            found.append(n)
            room -= width + 2
    return found if 0 in found else [0]


def to_moment(ns: int | None) -> datetime | None:
    """An instant as an aware datetime. O(1)."""
    return None if ns is None else to_datetime(ns)


def iso(time: datetime | None) -> str | None:
    """An aware datetime as ISO text with Z, for JSON. O(1).

    >>> iso(to_datetime(0)), iso(None)
    ('1970-01-01T00:00:00Z', None)
    """
    return None if time is None else format_time(from_datetime(time))


def to_timedelta(ns: int | None) -> timedelta | None:
    """A length of time as a timedelta, cut down to microseconds. O(1)."""
    return None if ns is None else timedelta(microseconds=ns // MICROSECOND)


_zone_shown: ContextVar[str] = ContextVar("zone_shown", default="UTC")


@contextmanager
def shown_in(tz: str) -> Iterator[None]:
    """Within it, instants are written in this zone. O(1). Raises InvalidValue for an unknown one."""
    zone(tz)
    before = _zone_shown.set(tz)
    try:
        yield
    finally:
        _zone_shown.reset(before)


def zone_text() -> str:
    """The zone in which instants are written now. O(1)."""
    return _zone_shown.get()


class Instant(str):
    """A written instant; its `whole` has the year, the offset and the zone."""

    time: datetime
    zone: str

    def __new__(cls, text: str, time: datetime, zone: str) -> Instant:
        self = super().__new__(cls, text)
        self.time, self.zone = time, zone
        return self

    @property
    def whole(self) -> str:
        """All of it. O(1)."""
        return f"{self.time.isoformat()} {self.zone}"


class Bar(str):
    """A bar in text, and what a picture draws: its begin and end as shares of the line, and the state it is in."""

    begin: float
    end: float
    state: str

    def __new__(cls, text: str, begin: float, end: float, state: str) -> Bar:
        self = super().__new__(cls, text)
        self.begin, self.end, self.state = begin, end, state
        return self


class Curve(str):
    """A line over time in text, and its steps for a picture: shares of the width and of the height."""

    steps: Sequence[tuple[float, float]]

    def __new__(cls, text: str, steps: Sequence[tuple[float, float]]) -> Curve:
        self = super().__new__(cls, text)
        self.steps = steps
        return self


def clock_text(time: datetime | None) -> str:
    """An instant as short text: day and time of day, in UTC or the zone of `shown_in`. O(1).

    >>> clock_text(to_datetime(0)), clock_text(None)
    ('01-01 00:00', '')
    >>> with shown_in("Europe/Berlin"):
    ...     clock_text(to_datetime(0)), getattr(clock_text(to_datetime(0)), "whole")
    ('01-01 01:00', '1970-01-01T01:00:00+01:00 Europe/Berlin')
    """
    if time is None:
        return ""
    name = _zone_shown.get()
    local = time if name == "UTC" else time.astimezone(zone(name))
    minute = f"{local.month:02}-{local.day:02} {local.hour:02}:{local.minute:02}"  # some ten times as fast as strftime
    return Instant(f"{minute}:{local.second:02}" if local.second or local.microsecond else minute, local, name)


def clipped(name: str, most: int = 56) -> str:
    """A long name with its middle left out. O(most).

    >>> clipped("a" * 9 + "b" * 9, most=7)
    'aaa…bbb'
    """
    half = (most - 1) // 2
    return name if len(name) <= most else Short(f"{name[:half]}…{name[-(most - half - 1) :]}", name)


def duration_text(time: timedelta | None) -> str:
    """A length of time as short text, nothing for nothing. O(1).

    >>> duration_text(timedelta(minutes=90)), duration_text(timedelta(0)), duration_text(timedelta(minutes=-5))
    ('1h30m', '', '-5m')
    """
    if not time:
        return ""
    ns = time // timedelta(microseconds=1) * MICROSECOND
    return format_duration(ns)


def signed_text(time: timedelta | None) -> str:
    """A difference as short text, with its sign. O(1).

    >>> signed_text(timedelta(hours=2)), signed_text(timedelta(hours=-2))
    ('+2h', '-2h')
    """
    text = duration_text(time)
    return text if not text or text.startswith("-") else f"+{text}"
