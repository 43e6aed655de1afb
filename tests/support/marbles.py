"""Marbles: streams written as text, played on the virtual scheduler.

One character is one second: `-` nothing, a letter or digit an item of that name, `|` the completion, `#` an error,
`(abc|)` several at one instant, which counts as one second. What comes out is written as `second:value`, so

    flow("ab-c-|", rops.batch(count=2)) == "1:ab 5:c 5:|"

A list of items is written together, the parts of a tuple are parted by `/`, key and value by `=`, None is `_`.
"""

from __future__ import annotations

import reactivex as rx
from reactivex.subject import Subject

from reactive_dag.model.times import SECOND, parse_time
from reactive_dag.streams.scheduler import VirtualScheduler

START = parse_time("2026-11-23T00:00Z")


class Broken(Exception):
    """What `#` raises."""


def marks(text):
    """The marks of a marble line as pairs of second and character."""
    second, inside, found = 0, False, []
    for char in text.replace(" ", ""):
        if char in "()":
            inside = char == "("
        elif char != "-":
            found.append((second, char))
        second += not inside
    return found


def hot(text, scheduler):
    """A subject that is fed as the line says, whether anybody listens or not."""
    subject = Subject()
    for second, char in marks(text):
        scheduler.call_at(START + second * SECOND, lambda char=char: tell(subject, char))
    return subject


def cold(text, scheduler):
    """An observable that plays the line, from its first character, for each subscription."""

    def subscribe(observer, _=None):
        begin = scheduler.now_ns()
        timers = [
            scheduler.call_at(begin + second * SECOND, lambda char=char: tell(observer, char))
            for second, char in marks(text)
        ]
        return rx.disposable.CompositeDisposable(timers)

    return rx.create(subscribe)


def tell(observer, char):
    if char == "|":
        observer.on_completed()
    elif char == "#":
        observer.on_error(Broken())
    else:
        observer.on_next(char)


def text_of(value):
    """A value as the notation writes it."""
    if value is None:
        return "_"
    if isinstance(value, list):
        return "".join(map(text_of, value))
    if isinstance(value, tuple) and len(value) == 2 and not isinstance(value[0], list):
        return f"{text_of(value[0])}={text_of(value[1])}"
    if isinstance(value, tuple):
        return "/".join(map(text_of, value))
    return str(value)


class Film:
    """What an observer saw, with the second at which it did."""

    def __init__(self, observable, scheduler):
        self.seen, self._scheduler = [], scheduler
        self.subscription = observable.subscribe(
            lambda value: self._note(text_of(value)),
            lambda error: self._note("#" if isinstance(error, Broken) else f"#{error!r}"),
            lambda: self._note("|"),
            scheduler=scheduler,
        )

    def _note(self, what):
        second, rest = divmod(self._scheduler.now_ns() - START, SECOND)
        self.seen.append(f"{second + rest / SECOND:g}:{what}")

    def __str__(self):
        return " ".join(self.seen)


def flow(source, operator, *others, until=100, make=hot):
    """Play lines through an operator (with others: what `operator(*others)` makes) for `until` seconds."""
    scheduler = VirtualScheduler(START)
    first, *rest = (make(line, scheduler) for line in (source, *others))
    film = Film(first.pipe(operator(*rest) if rest else operator), scheduler)
    scheduler.advance(to=START + until * SECOND)
    if film.seen and film.seen[-1][-1] in "|#":
        assert scheduler.pending == 0, "timers are left behind after the end"
    return str(film)
