"""What the what-if panel lets people drag, of which thing, and what a dragged value means as an intervention.

Owns `Subject` and `Dragged`. Invariant: the text of a setting, run as Python, gives its intervention. O(1)
each, once the names of the graph are known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from attrs import frozen

from reactive_dag.model.errors import InvalidValue, ReactiveDagError
from reactive_dag.model.times import SECOND, format_duration
from reactive_dag.whatif.question.interventions import Intervention, capacity, delay, duration, fail, workers
from reactive_dag.whatif.question.names import GivenName

if TYPE_CHECKING:
    from reactive_dag.declare.graph import Graph
    from reactive_dag.whatif.question.names import GraphNames

SubjectKind: TypeAlias = Literal["dag", "task", "dataset", "pool", "workers"]
ControlKind: TypeAlias = Literal["delay", "times", "fail", "slots", "workers"]
LARGEST_VALUE = 1e12
"""No control has a larger value."""


@frozen
class Subject:
    """A thing of the graph that can be picked; of a task `name` is its DAG. `workers` are those of the engine."""

    kind: SubjectKind
    name: str = ""
    task: str = ""

    def given(self, names: GraphNames) -> object:
        """What an intervention takes for it: its name, or where that means another thing the thing itself. O(1).

        Of workers that is nothing. Raises InvalidValue for what is not there.
        """
        found = self._found(names.graph)
        return found if self.kind in ("pool", "workers") or not self._is_plain(names) else self.label

    def _found(self, graph: Graph) -> object:
        try:
            if self.kind == "dag":
                return graph.dags[self.name]
            if self.kind == "task":
                return graph.dags[self.name].tasks[self.task]
            if self.kind == "dataset":
                return graph.datasets[self.name]
        except KeyError as error:
            raise InvalidValue(f"graph {graph.id!r} has no {self.kind} {self.label!r}") from error
        return self.name or None

    @property
    def label(self) -> str:
        """What it is called: "dag.task" for a task. O(1)."""
        return f"{self.name}.{self.task}" if self.task else self.name or self.kind

    def written(self, names: GraphNames) -> str:
        """It as Python: its name, or where that means another thing the way to it. O(1).

        >>> from reactive_dag.declare.graph import Graph
        >>> from reactive_dag.whatif.question.names import GraphNames
        >>> graph = Graph("sales")
        >>> dag, dataset = graph.dag("orders"), graph.dataset("orders")
        >>> Subject("dag", "orders").written(GraphNames(graph)), Subject("dataset", "orders").written(GraphNames(graph))
        ("'orders'", "simulation.graph.datasets['orders']")
        """
        if self._is_plain(names):
            return repr(self.label)
        if self.kind == "dataset":
            return f"simulation.graph.datasets[{self.name!r}]"
        return f"simulation.graph.dags[{self.name!r}].tasks[{self.task!r}]"

    def _is_plain(self, names: GraphNames) -> bool:
        """Whether its name means it."""
        name = GivenName("any", self.label)
        if self.kind == "dataset":
            return names.dataset(name) == self.name
        if self.kind != "task":
            return True
        try:
            return names.dag(name) is None and names.task(name, "") == (self.name, self.task)
        except ReactiveDagError:
            return False

    def to_json(self) -> list[str]:
        """Plain data. O(1)."""
        return [self.kind, self.name, self.task]


@frozen
class Dragged:
    """One control at a value: of `delay` in seconds, of `times` a factor, of `fail` a chance, else a whole number."""

    kind: ControlKind
    subject: Subject
    value: float

    @property
    def about(self) -> tuple[ControlKind, Subject]:
        """What it sets. O(1)."""
        return self.kind, self.subject

    def intervention(self, names: GraphNames) -> Intervention:
        """What it means. O(1). Raises InvalidValue for a value that cannot be, and for what is not there."""
        return _MAKERS[self.kind](self.subject.given(names), self.value)

    def code(self, names: GraphNames) -> str:
        """It as Python. O(1)."""
        return _TEXTS[self.kind].format(subject=self.subject.written(names), value=self._value)

    @property
    def _value(self) -> str:
        if self.kind == "delay":
            return repr(span_text(self.value))
        return repr(int(self.value) if self.kind in ("slots", "workers") else self.value)

    def to_json(self) -> list[object]:
        """Plain data. O(1)."""
        return [self.kind, self.subject.to_json(), self.value]


_TEXTS: dict[ControlKind, str] = {
    "delay": "rd.delay({subject}, {value})", "times": "rd.duration({subject}, times={value})",
    "fail": "rd.fail({subject}, p={value})", "slots": "rd.capacity({subject}, {value})",
    "workers": "rd.workers({value})",
}  # fmt: skip
_MAKERS: dict[ControlKind, Callable[..., Intervention]] = {
    "delay": lambda subject, value: delay(subject, span_text(value)),
    "times": lambda subject, value: duration(subject, times=value),
    "fail": lambda subject, value: fail(subject, p=value),
    "slots": lambda subject, value: capacity(subject, whole_value(value)),
    "workers": lambda subject, value: workers(whole_value(value)),
}


def span_text(seconds: float) -> str:
    """So many seconds as the text of a duration. O(1).

    >>> span_text(5400)
    '1h30m'
    """
    return format_duration(round(seconds * SECOND))


def whole_value(value: float) -> int:
    """A whole number. O(1). Raises InvalidValue for another."""
    if value != int(value):
        raise InvalidValue(f"{value!r} is no whole number")
    return int(value)


def picked_of(given: object) -> Subject:
    """A subject out of what a page sent. O(1). Raises InvalidValue for what cannot be one."""
    if isinstance(given, list) and len(given) == 3 and all(isinstance(each, str) for each in given):
        kind, name, task = given
        if kind in get_args(SubjectKind):
            return Subject(kind, name, task)
    raise InvalidValue(f"{given!r} is nothing that can be picked")


def dragged_of(kind: object, subject: object, value: object) -> Dragged:
    """A setting out of what a page sent. O(1). Raises InvalidValue for what cannot be one."""
    if kind not in _TEXTS:
        raise InvalidValue(f"no such control: {kind!r} of {subject!r}")
    about = picked_of(subject)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LARGEST_VALUE:
        raise InvalidValue(f"{kind} of {subject!r}: {value!r} is no number that it can have")
    return Dragged(kind, about, float(value))
