"""The trigger on a deadline that passed (R13).

Owns `Missed`: whose deadline. Its items are marks: the engine notices that a deadline passed, and no fact says so.
Making one costs about 1 µs.
"""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.records import AnyRecord, Mark
from reactive_dag.model.text import seen
from reactive_dag.triggers.base import Combinable, DrawnAs, Trigger
from reactive_dag.triggers.checks import id_of, text_of


@frozen(cache_hash=True)
class Missed(Trigger):
    """Fires when a run of `dag`, or its absence, passes the DAG's deadline."""

    kind: ClassVar[str] = "missed"
    gathers: ClassVar[bool] = False
    emits: ClassVar[bool] = True
    hears: ClassVar[bool] = True
    drawn_as: ClassVar[DrawnAs] = "dag"

    dag: str

    def __attrs_post_init__(self) -> None:
        dag = text_of(self.dag, "the DAG of missed()")
        if dag == "*":
            raise InvalidValue("missed('*'): name a DAG that has a deadline, and join several by `|`")
        if dag is not self.dag:
            object.__setattr__(self, "dag", dag)

    def came(self, fact: AnyRecord | Mark) -> bool:
        """Whether it is a missed deadline of the DAG. O(1)."""
        return isinstance(fact, Mark) and fact.kind == "missed" and fact.dag == self.dag

    def __repr__(self) -> str:
        return f"rd.missed({self.dag!r})"


def missed(dag: object) -> Missed:
    """Fire when a run of the DAG has not succeeded by its `deadline=`, or when there is none by then. O(1).

    `dag` is an id or a DAG. Raises InvalidValue for anything else.

    >>> missed("report")
    rd.missed('report')
    """
    if isinstance(dag, Combinable):
        raise InvalidValue(f"missed() takes a DAG or its id, not {seen(dag)}")
    return Missed(id_of(dag, "the DAG of missed()"))
