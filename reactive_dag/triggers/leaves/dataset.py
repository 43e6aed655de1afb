"""Datasets, the leaves that facts from outside reach, and the trigger on their events.

Owns `Dataset` and `Updated`. A dataset is its uri: two objects with the same uri are equal, whatever partitions or
metadata they carry. Making one costs about 1 µs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from attrs import field, frozen

from reactive_dag.model.callables import Call
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.partitions.products import Partitions
from reactive_dag.model.payload import plain
from reactive_dag.model.records import AnyRecord, Json, Mark, Published
from reactive_dag.model.scalars import own
from reactive_dag.model.text import seen
from reactive_dag.triggers.base import Combinable, DrawnAs, Trigger
from reactive_dag.triggers.checks import as_call, choices_of, text_of

KINDS = frozenset({"created", "updated", "deleted", "partition_added"})
"""What can happen to a dataset."""

DEFAULT_KINDS = KINDS - {"deleted"}
"""What `updated` fires on unless told."""


def _metadata(value: Mapping[str, object] | None) -> dict[str, object]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidValue(f"metadata must be a dict, not {seen(value)}")
    found: dict[str, object] = plain(value, "metadata")
    return found


@frozen(cache_hash=True)
class Dataset(Combinable):
    """Something that is written and read, named by its uri; in a trigger it stands for `rd.updated(it)`.

    Raises InvalidValue for an empty uri, and for partitions that are none.

    >>> Dataset("orders") & Dataset("users")
    rd.all_of(rd.updated('orders'), rd.updated('users'))
    """

    uri: str
    partitions: Partitions | None = field(default=None, eq=False)
    metadata: dict[str, object] = field(default=None, eq=False, converter=_metadata)

    def __attrs_post_init__(self) -> None:
        uri = text_of(self.uri, "a dataset's uri")
        if uri is not self.uri:
            object.__setattr__(self, "uri", uri)
        if self.partitions is not None and not isinstance(self.partitions, Partitions):
            raise InvalidValue(
                f"dataset {self.uri!r}: partitions must be a calendar such as rd.day('Europe/Berlin'), "
                f"rd.values('eu', 'us', name='region') or a product of those, not {seen(self.partitions)}"
            )

    @property
    def id(self) -> str:
        """The uri. O(1)."""
        return self.uri

    def to_json(self) -> dict[str, Json]:
        """Plain data, as it stands in `graph.to_json()`. O(its metadata)."""
        calendar = {} if self.partitions is None else {"partitions": self.partitions.to_json()}
        return {
            "uri": self.uri,
            **calendar,
            **({"metadata": plain(self.metadata, f"metadata of {self.uri!r}")} if self.metadata else {}),
        }

    def as_trigger(self) -> Trigger:
        """`rd.updated(self)`. O(1)."""
        return Updated(self)

    def __repr__(self) -> str:
        calendar = "" if self.partitions is None else f", partitions={self.partitions!r}"
        metadata = "" if not self.metadata else f", metadata={self.metadata!r}"
        return f"rd.Dataset({self.uri!r}{calendar}{metadata})"


@frozen(cache_hash=True)
class Updated(Trigger):
    """Fires on each event of `dataset` whose kind is among `kinds`."""

    kind: ClassVar[str] = "updated"
    gathers: ClassVar[bool] = False
    emits: ClassVar[bool] = True
    hears: ClassVar[bool] = True
    drawn_as: ClassVar[DrawnAs] = "dataset"

    dataset: Dataset = field(metadata={"by_id": Dataset})
    kinds: frozenset[str] = DEFAULT_KINDS

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.dataset, Dataset):
            raise InvalidValue(f"updated() takes a dataset or its uri, not {seen(self.dataset)}")
        if self.kinds is not DEFAULT_KINDS:
            object.__setattr__(self, "kinds", choices_of(self.kinds, KINDS, f"kinds of updated({self.dataset.uri!r})"))

    @property
    def source(self) -> str:
        """The uri. O(1)."""
        return self.dataset.uri

    @property
    def partitions(self) -> Partitions | None:
        """How the dataset is partitioned. O(1)."""
        return self.dataset.partitions

    def takes(self, fact: Any) -> bool:
        """Whether it is of one of the kinds. O(1)."""
        return fact.kind in self.kinds

    def came(self, fact: AnyRecord | Mark) -> bool:
        """Whether it is an event of the dataset. O(1)."""
        return isinstance(fact, Published) and fact.dataset == self.dataset.uri

    def __repr__(self) -> str:
        return f"rd.updated({self.dataset.uri!r}{self._kinds_text()})"

    def _kinds_text(self) -> str:
        if self.kinds == DEFAULT_KINDS:
            return ""
        kinds = sorted(self.kinds)
        return f", kinds={kinds[0]!r}" if len(kinds) == 1 else ", kinds={" + ", ".join(map(repr, kinds)) + "}"


def _most(value: object) -> int | None:
    value = own(value)
    if value is None or (type(value) is int and value >= 0):
        return value
    raise InvalidValue(f"max_depth={seen(value)} is no depth: write a whole number, 0 or more")


def _until(value: object) -> Call | None:
    return None if value is None else as_call(value, "until=")


@frozen(cache_hash=True)
class Feedback(Updated):
    """Fires as `Updated`, where what follows from it leads back to it: up to a bound (G2).

    An event that went through it more than `max_depth` times, or for which `until` is true, is dropped as
    `feedback_bound`. Its edge makes no cycle, no height and no origin. Raises InvalidValue without a bound.

    >>> updated("weights", feedback=True, max_depth=3)
    rd.updated('weights', feedback=True, max_depth=3)
    """

    kind: ClassVar[str] = "feedback"
    gathers: ClassVar[bool] = False

    max_depth: int | None = field(default=None, converter=_most)
    until: Call | None = field(default=None, converter=_until)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.max_depth is None and self.until is None:
            raise InvalidValue(
                f"updated({self.dataset.uri!r}, feedback=True) has no bound, so it could go round for ever: give "
                "max_depth=, until=, or both"
            )

    def __repr__(self) -> str:
        most = "" if self.max_depth is None else f", max_depth={self.max_depth}"
        until = "" if self.until is None else f", until={self.until.text}"
        return f"rd.updated({self.dataset.uri!r}{self._kinds_text()}, feedback=True{most}{until})"


def updated(
    dataset: Dataset | str, kinds: Iterable[str] = DEFAULT_KINDS, *, feedback: bool = False,
    max_depth: int | None = None, until: Callable[..., object] | None = None,
) -> Updated:  # fmt: skip
    """Fire on each event of the dataset; `kinds` chooses which (all but "deleted" unless said). O(kinds).

    With `feedback` the DAG may, by what follows from it, lead to such events itself: up to `max_depth` times in a
    cascade, or until a function of the event is true (G2). Raises InvalidValue for what is no dataset, for an unknown
    or empty `kinds`, for feedback without a bound, and for a bound without feedback.

    >>> updated("orders", kinds="deleted")
    rd.updated('orders', kinds='deleted')
    """
    found = Dataset(dataset) if isinstance(dataset, str) else dataset
    if feedback is True:
        return Feedback(found, kinds, max_depth, until)  # type: ignore[arg-type]
    if feedback is not False:
        raise InvalidValue(f"feedback={seen(feedback)}: write True or False")
    if max_depth is not None or until is not None:
        raise InvalidValue("max_depth= and until= bound a feedback loop: write feedback=True too")
    return Updated(found, kinds)  # type: ignore[arg-type]
