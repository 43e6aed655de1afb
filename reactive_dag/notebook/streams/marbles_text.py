"""A marble diagram as text, in the notation of Rx: `-a--b-`, `(ab)` in one frame, `|` for an end, `#` for a failure.

`=` is a run that goes on, `.` one that waits to begin, `x` one that was cancelled or skipped, `o` and `O` an event and
a run without a letter. O(lines * frames).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from reactive_dag.model.text import counted, one_line
from reactive_dag.model.times import MICROSECOND, format_duration, zone
from reactive_dag.notebook.kit.states import state_text
from reactive_dag.notebook.kit.times import Axis
from reactive_dag.notebook.runs.run_lists import aligned
from reactive_dag.notebook.streams.frames import NO_EVENT, framed
from reactive_dag.notebook.streams.lines import DiagramData, RunMarble, StreamLine

MOST_FRAMES, LONGEST_NAME, MOST_ROWS = 72, 32, 26
"""So many frames a line has, so many characters its name, so many rows the table below."""

ENDS = {"success": "|", "failed": "#", "cancelled": "x", "skipped": "x"}
GAP = re.compile(r"(?<=[A-Z=)])-+(?==)|(?<==)-+(?=[|#x(])")
"""Nothing between two marks of a run that goes on: what is wider on another line."""

FRAME_STEPS = tuple(
    timedelta(seconds=each)
    for each in (
        *(1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 300, 600, 900, 1200, 1800),
        *(3600 * hours for hours in (1, 2, 3, 4, 6, 12, 24, 7 * 24)),
    )
)
"""How much time a frame may be."""


class _Frames:
    """The frames of a diagram: the first begins at a round instant, at or before its start."""

    def __init__(self, of: DiagramData) -> None:
        self.step = _step(of)
        local = of.start.astimezone(zone(of.zone))
        day = local.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        self.begin = of.start - (local.replace(tzinfo=None) - day) % self.step
        self.count = self.of(of.end) + 1

    def of(self, time: datetime) -> int:
        """The number of the frame in which an instant lies."""
        return int((time - self.begin) / self.step)


def _step(of: DiagramData) -> timedelta:
    """The longest step on which everything falls; where there is none, the shortest by which a line has its room."""
    span = of.end - of.start
    fit = [step for step in FRAME_STEPS if span < step * MOST_FRAMES] or [-(-span // MOST_FRAMES)]
    times = [marble.at for marble in of.marbles]
    for firing in of.firings:
        times.append(firing.at)
        times += [time for each in firing.stretches for time in (each.begin, each.end) if time is not None]
    apart = {time - of.start for time in times}
    return next((step for step in reversed(fit) if not any(each % step for each in apart)), fit[0])


def marbles_text(of: DiagramData) -> str:
    """The lines, and below them what each run took. O(lines * frames)."""
    if not any(line.marbles or line.firings for line in of.lines):
        return f"{of.title}: nothing happened"
    frames = _Frames(of)
    cells = framed([_cells(line, frames, of) for line in of.lines], NO_EVENT)
    names = [_clipped(line.shown) for line in of.lines]
    width = max(map(len, names))
    step = format_duration(frames.step // timedelta(microseconds=1) * MICROSECOND)
    begin, end = of.tz.text(of.start), of.tz.text(of.end)
    until = end[11:] if end[:10] == begin[:10] else end
    return "\n".join([
        f"{of.title}, {begin} to {until}, a character is {step}, {of.tz.note}",
        f"  {' ' * width}  {_ticks(frames, of, cells[0])}".rstrip(),
        *(f"  {name.ljust(width)}  {_going_on(''.join(row))}" for name, row in zip(names, cells)),
        *_table(of),
        *of.left_out,
    ])  # fmt: skip


def _going_on(line: str) -> str:
    """A line on which a run that goes on does so over what stands wider on other lines, too."""
    return GAP.sub(lambda found: "=" * len(found[0]), line)


def _clipped(name: str) -> str:
    half = (LONGEST_NAME - 1) // 2
    return name if len(name) <= LONGEST_NAME else f"{name[:half]}…{name[-(LONGEST_NAME - half - 1) :]}"


def _cells(line: StreamLine, frames: _Frames, of: DiagramData) -> list[str]:
    cells = [""] * frames.count
    for marble in line.marbles:
        cells[frames.of(marble.at)] += marble.letter or "o"
    for firing in line.firings:
        cells[frames.of(firing.at)] += firing.letter or "O"
    going = [" "] * frames.count
    for firing in line.firings:
        _fill(cells, going, firing, frames, of)
    return [cell or (mark if mark != " " else "") for cell, mark in zip(cells, going)]


def _fill(cells: list[str], going: list[str], firing: RunMarble, frames: _Frames, of: DiagramData) -> None:
    """What of a run lies between its request and its ends."""
    begin = firing.stretches[0].begin if firing.stretches else of.end
    for at in range(frames.of(firing.at), min(frames.of(begin) + 1, frames.count)):
        going[at] = going[at].replace(" ", ".")
    for stretch in firing.stretches:
        last = min(frames.of(stretch.end or of.end), frames.count - 1)
        for at in range(frames.of(stretch.begin), last + 1):
            going[at] = "="
        if stretch.end is not None and stretch.end <= of.end:
            cells[last] += ENDS.get(stretch.state, "|")


def _ticks(frames: _Frames, of: DiagramData, row: Sequence[str]) -> str:
    """The times above the frames, each where its frame begins."""
    axis = Axis(of.start, of.end, of.tz)
    text = ""
    for share, said in axis.ticks(6):
        at = frames.of(of.start + share * (of.end - of.start) + frames.step / 2)
        column = sum(map(len, row[:at]))
        if column >= len(text) + bool(text):
            text = text.ljust(column) + said
    return text


def _table(of: DiagramData) -> list[str]:
    names = ("", "at", "what", "for", "took", "state")
    rows = [
        [*map(one_line, (
            firing.letter or "O", of.tz.text(firing.at), f"{firing.line} {firing.label}".strip(), firing.about,
            firing.took_text, state_text(firing.state),
        ))]
        for firing in of.firings
    ]  # fmt: skip
    more = [f"  … and {counted(len(rows) - MOST_ROWS, 'run')} more: .firings has them all"] * (len(rows) > MOST_ROWS)
    return [*aligned(names, rows[:MOST_ROWS]), *more]
