"""`Partitions`: how a dataset is divided (T19): by one dimension, or by the product of several.

Owns what calendars, static values and products have in common, and the products. A partition is text: of a product the
texts of its dimensions, in the order in which those are written, joined by `|`, which no dimension has in its own.
Invariant: a product has at least two dimensions, at most one of them a calendar, and no two of one name. Cost: O(its
dimensions) beside what each of them costs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import product

import attrs

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.records import Json
from reactive_dag.model.text import exact, seen

SEPARATOR = "|"
"""Stands between the dimensions of a partition."""


class Partitions(ABC):
    """How a dataset is divided. A dimension is a calendar or static values; `a * b` divides by both."""

    __slots__ = ()

    @property
    @abstractmethod
    def dimensions(self) -> tuple[Dimension, ...]:
        """The dimensions, in the order in which they stand in a partition's text. O(1)."""

    @property
    def calendar(self) -> Periods | None:
        """The dimension that is a calendar, if one is. O(dimensions)."""
        return next((found for each in self.dimensions if (found := each.calendar) is not None), None)

    @property
    def is_dated(self) -> bool:
        """Whether a date alone says which partition: it is a calendar. O(1)."""
        return False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the dimensions. O(dimensions)."""
        return tuple([each.name for each in self.dimensions])

    @abstractmethod
    def check(self, partition: str) -> None:
        """Refuse text that is no partition of it, saying how it is written. Raises `InvalidValue`."""

    @abstractmethod
    def to_json(self) -> Json:
        """Plain JSON. O(size)."""

    def fits(self, partition: str | None) -> bool:
        """Whether a text is a partition of it. O(1), of a product O(dimensions)."""
        try:
            self.check(partition)  # type: ignore[arg-type]
        except InvalidValue:
            return False
        return True

    def split(self, partition: str) -> dict[str, str]:
        """What a partition has in each dimension, by name. O(dimensions). Raises `InvalidValue` as `check`.

        >>> from reactive_dag.model.calendar import day
        >>> from reactive_dag.model.partitions.values import values
        >>> (day() * values("eu", "us", name="region")).split("2026-11-23|eu")
        {'day': '2026-11-23', 'region': 'eu'}
        """
        self.check(partition)
        return {each.name: text for each, text in zip(self.dimensions, exact(partition).split(SEPARATOR))}

    def time(self, partition: str) -> int | None:
        """When the period of a partition begins (ns); None without a calendar. Raises `InvalidValue` as `check`."""
        calendar = self.calendar
        return None if calendar is None else calendar.span(self._period(partition))[0]

    def interval(self, partition: str) -> tuple[int, int] | None:
        """Begin (included) and end (excluded) of a partition's period (ns), as `time`."""
        calendar = self.calendar
        return None if calendar is None else calendar.span(self._period(partition))

    def _period(self, partition: str) -> str:
        texts = self.split(partition)
        return next(texts[each.name] for each in self.dimensions if each.calendar is not None)

    def made_of(self, known: Mapping[str, str], date: int | None) -> str | None:
        """The partition of a date (ns) that has these texts in its other dimensions; None where it lacks one.

        O(dimensions). Without a date the calendar's own text counts too.
        """
        found = [each.text_of(known, date) for each in self.dimensions]
        texts = [text for text in found if text is not None]
        return SEPARATOR.join(texts) if len(texts) == len(found) else None

    def of_instant(self, ns: int) -> list[str]:
        """All partitions of the period in which an instant lies, in the order of the values. O(result)."""
        return self._all(lambda each: each.texts(ns))

    def within(self, first: int, last: int) -> Iterator[str]:
        """All partitions whose period begins from `first` to `last` (ns), both included: by time, then by value.

        Without a calendar all there are. O(result).
        """
        calendar = self.calendar
        for start in (0,) if calendar is None else calendar.begins(first, last):
            yield from self.of_instant(start)

    def _all(self, texts: Callable[[Dimension], list[str]]) -> list[str]:
        return [SEPARATOR.join(each) for each in product(*map(texts, self.dimensions))]

    def __mul__(self, other: object) -> Product:
        """Divided by the dimensions of both. O(dimensions). Raises `InvalidValue`."""
        if not isinstance(other, Partitions):
            raise InvalidValue(f"{self!r} * {seen(other)}: only calendars, rd.values(...) and their products multiply")
        return Product((*self.dimensions, *other.dimensions))


class Dimension(Partitions):
    """Partitions of one dimension, with a name."""

    __slots__ = ()

    @property
    @abstractmethod
    def name(self) -> str:
        """The name under which `.by(name)` reads it. O(1)."""

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """Itself. O(1)."""
        return (self,)

    @property
    def calendar(self) -> Periods | None:
        """Itself, if it is one. O(1)."""
        return None

    def text_of(self, known: Mapping[str, str], date: int | None) -> str | None:
        """Its text of a date, or the one known under its name; None if there is none. O(1)."""
        text = known.get(self.name)
        return text if self.fits(text) else None

    @abstractmethod
    def texts(self, ns: int) -> list[str]:
        """Its texts at an instant. O(result)."""


def _dimensions(given: Iterable[Dimension]) -> tuple[Dimension, ...]:
    return tuple(given)


class Periods(Dimension):
    """A dimension of time: a calendar."""

    __slots__ = ()

    tz: str

    @property
    def calendar(self) -> Periods:
        """Itself. O(1)."""
        return self

    @property
    def is_dated(self) -> bool:
        """Yes. O(1)."""
        return True

    @abstractmethod
    def of(self, ns: int) -> str:
        """The period that an instant lies in. O(1)."""

    @abstractmethod
    def span(self, partition: str) -> tuple[int, int]:
        """Begin (included) and end (excluded) of a period, in nanoseconds UTC. O(1). Raises `InvalidValue`."""

    def time(self, partition: str) -> int:
        """When a period begins (ns). O(1). Raises `InvalidValue`."""
        return self.span(partition)[0]

    def interval(self, partition: str) -> tuple[int, int]:
        """Begin (included) and end (excluded) of a period, as `span`. O(1). Raises `InvalidValue`."""
        return self.span(partition)

    def begins(self, first: int, last: int) -> Iterator[int]:
        """When periods begin, from `first` to `last` (ns), both included. O(their number)."""
        start, end = self.span(self.of(first))
        while start <= last:
            if start >= first:
                yield start
            start, end = end, self.span(self.of(end))[1]

    def text_of(self, known: Mapping[str, str], date: int | None) -> str | None:
        """The period of a date, without one the one known under its name. O(1)."""
        return super().text_of(known, None) if date is None else self.of(date)

    def texts(self, ns: int) -> list[str]:
        """The period that an instant lies in. O(1)."""
        return [self.of(ns)]


@attrs.frozen(repr=False, cache_hash=True)
class Product(Partitions):
    """The product of several dimensions. Raises `InvalidValue` for two calendars, or two dimensions of one name.

    >>> from reactive_dag.model.calendar import day
    >>> from reactive_dag.model.partitions.values import values
    >>> (day() * values("eu", "us")).of_instant(0)
    ['1970-01-01|eu', '1970-01-01|us']
    """

    dimensions: tuple[Dimension, ...] = attrs.field(converter=_dimensions)

    def __attrs_post_init__(self) -> None:
        if len(self.dimensions) < 2 or not all(isinstance(each, Dimension) for each in self.dimensions):
            raise InvalidValue(f"a product needs two or more calendars or rd.values(...), not {seen(self.dimensions)}")
        calendars = [each for each in self.dimensions if each.calendar is not None]
        if len(calendars) > 1:
            raise InvalidValue(f"{self!r}: {calendars[0]!r} and {calendars[1]!r} are two calendars; a product has one")
        names = self.names
        for at, name in enumerate(names):
            if name in names[:at]:
                raise InvalidValue(f"{self!r}: two dimensions are named {name!r}; give one another name=")

    def check(self, partition: str) -> None:
        """Refuse text that is no partition of it, saying which dimension. O(dimensions). Raises `InvalidValue`."""
        _texts(self, exact(partition) if isinstance(partition, str) else None)

    def split(self, partition: str) -> dict[str, str]:
        """What a partition has in each dimension, by name. O(dimensions). Raises `InvalidValue` as `check`."""
        return dict(zip(self.names, _texts(self, exact(partition) if isinstance(partition, str) else None)))

    def to_json(self) -> Json:
        """Plain JSON that `partitions_from_json` reads. O(size)."""
        return {"product": [each.to_json() for each in self.dimensions]}

    def __repr__(self) -> str:
        return " * ".join(map(repr, self.dimensions))


@lru_cache(maxsize=4096)
def _texts(of: Product, partition: str | None) -> tuple[str, ...]:
    """The texts of a partition's dimensions. O(dimensions), a known one O(1). Raises `InvalidValue`."""
    texts = [] if partition is None else partition.split(SEPARATOR)
    if len(texts) != len(of.dimensions):
        example = SEPARATOR.join([each.texts(0)[0] for each in of.dimensions])
        form = SEPARATOR.join(of.names)
        raise InvalidValue(f"{seen(partition)} is no partition of {seen(of)}: write {form}, like {example!r}")
    for each, text in zip(of.dimensions, texts):
        try:
            each.check(text)
        except InvalidValue as error:
            raise InvalidValue(f"{seen(partition)} is no partition of {seen(of)}: {error}") from None
    return tuple(texts)
