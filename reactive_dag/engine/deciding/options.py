"""What is recorded with a trigger beside itself: its DAG's options, and how its datasets are divided.

Owns the form of `Registered.options`. Invariant: what decides about a trigger while a log is replayed stands there, and
is not read from the graph of today. O(size of the trigger).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactive_dag.declare.internals import dag_settings_of, deadline_of
from reactive_dag.model.calendar import Calendar, partitions_from_json
from reactive_dag.model.records import Json, Registered
from reactive_dag.triggers.keys import KeySpec, is_dimension
from reactive_dag.triggers.leaves.dataset import Updated
from reactive_dag.triggers.walks import walk

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
    from reactive_dag.model.partitions.products import Partitions
    from reactive_dag.triggers.base import Trigger

_DIVIDED = "divided"


def options_of(dag: Dag, trigger: Trigger | None) -> dict[str, Json]:
    """What decides about a trigger beside itself, and so is recorded with it. O(its size)."""
    settings = dag_settings_of(dag)
    options: dict[str, Json] = {"catchup": settings.catchup, "max_catchup": settings.max_catchup}
    if settings.start is not None:
        options["start"] = settings.start
    if settings.end is not None:
        options["end"] = settings.end
    if settings.paused:
        options["paused"] = True
    deadline = deadline_of(dag)
    if deadline is not None:
        options["deadline"] = deadline if isinstance(deadline, int) else deadline.to_json()
    if trigger is not None and (divided := dividing(trigger)):
        options[_DIVIDED] = {uri: of.to_json() for uri, of in divided.items()}
    return options


def dividing(trigger: Trigger) -> dict[str, Partitions]:
    """How the datasets are divided whose partitions say under which key an item comes (T7, T18, T19). O(size).

    >>> from reactive_dag.model.calendar import day
    >>> from reactive_dag.triggers.leaves.dataset import Dataset
    >>> dividing(Dataset("a", day()).as_trigger()), dividing(Dataset("a", day()).by(day("Asia/Tokyo")))
    ({}, {'a': rd.day("UTC")})
    """
    if not trigger.parts or not any(map(_is_told, (key for each in walk(trigger) for key in each.keys_inside))):
        return {}
    heard = [each for each in walk(trigger) if isinstance(each, Updated)]
    return {each.dataset.uri: each.partitions for each in heard if each.partitions is not None}


def _is_told(key: KeySpec) -> bool:
    """Whether a key is read from a partition, by how its dataset is divided. O(1)."""
    return isinstance(key, Calendar) or is_dimension(key)


def divided_by(record: Registered) -> dict[str, Partitions]:
    """How the datasets of a trigger were divided when it was registered, as far as that decides. O(datasets)."""
    return {uri: partitions_from_json(of) for uri, of in (record.options or {}).get(_DIVIDED, {}).items()}


def means_the_same(known: Registered, digest: str, options: Json) -> bool:
    """Whether a trigger has the same keys, windows and parts as one that is registered, so that it goes on (T11)."""
    return known.digest == digest and (known.options or {}).get(_DIVIDED) == (options or {}).get(_DIVIDED)


def dags_by_tags(options: Json) -> dict[frozenset[str], frozenset[str]]:
    """The DAGs that each `completed("*")` of a trigger hears, by the tags it asks for. O(them)."""
    if "dags_by_tags" not in options:
        return {}
    return {frozenset(tags): frozenset(dags) for tags, dags in options["dags_by_tags"]}


def same_options(known: Json, options: dict[str, Json]) -> bool:
    """Whether nothing decides otherwise about a trigger than what is recorded with it. O(options)."""
    ignored = ("since", "paused")
    return {k: v for k, v in (known or {}).items() if k not in ignored} == {
        k: v for k, v in options.items() if k not in ignored
    }
