"""Which group a DAG is in: by the beginning of its name, by its first tag, or as the caller says.

Owns `groups_of`. By the beginning: names are cut at `_ - . / :` and spaces; a group has at least FEWEST members, and
one that has more than half of all DAGs is cut further where that makes several. O(DAGs * length).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import takewhile
from typing import Literal, TypeAlias

from reactive_dag.declare.dag import Dag
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.text import seen

FEWEST = 3
_CUT = re.compile(r"[_\-./: ]+")

GroupBy: TypeAlias = "Literal['prefix', 'tag'] | Mapping[str, str] | Callable[[Dag], str | None]"
"""How DAGs are grouped: by the beginning of their names, their first tag, a group a DAG, or a function of a DAG."""


def groups_of(dags: Mapping[str, Dag], by: GroupBy) -> dict[str, str]:
    """The group of each DAG that has one, by id. Raises InvalidValue for a way there is none of."""
    if isinstance(by, str):
        ways = {"prefix": _by_prefix, "tag": _by_tag}
        if by not in ways:
            raise InvalidValue(f"groups={by!r} is no way to group DAGs{did_you_mean(by, list(ways))}; {HOW}")
        return ways[by](dags)
    if isinstance(by, Mapping):
        return {id: str(by[id]) for id in dags if by.get(id) is not None}
    if not callable(by):
        raise InvalidValue(f"groups={seen(by)} is no way to group DAGs; {HOW}")
    found = {id: by(dag) for id, dag in dags.items()}
    return {id: str(group) for id, group in found.items() if group is not None}


HOW = "write 'prefix', 'tag', a dict from DAG to group, a function of a DAG, or False"


def _by_tag(dags: Mapping[str, Dag]) -> dict[str, str]:
    return {id: sorted(dag.tags)[0] for id, dag in dags.items() if dag.tags}


def _by_prefix(dags: Mapping[str, Dag]) -> dict[str, str]:
    """The beginning that a DAG's name has in common with others.

    >>> found = _by_prefix(dict.fromkeys(["ads_a", "ads_b", "ads_c", "web-a", "web-b", "web-c", "x"]))
    >>> sorted(set(found.values())), "x" in found
    (['ads', 'web'], False)
    """
    found: dict[str, str] = {}
    todo: list[tuple[list[str], int]] = [(list(dags), 0)]
    while todo:
        names, depth = todo.pop()
        buckets: dict[str, list[str]] = {}
        for name in names:
            words = _CUT.split(name)
            buckets.setdefault(words[depth] if depth < len(words) - 1 else name, []).append(name)
        several = [each for each in buckets.values() if len(each) >= FEWEST]
        if depth and not several:
            found.update(dict.fromkeys(names, _beginning(names)))
            continue
        for each in several:
            if len(each) * 2 > len(dags) or len(each) == len(names):
                todo.append((each, depth + 1))
            else:
                found.update(dict.fromkeys(each, _beginning(each)))
    return found


def _beginning(names: list[str]) -> str:
    """What the names begin with, cut where a word ends."""
    first = names[0]
    common = first[: sum(1 for _ in takewhile(lambda letters: len(set(letters)) == 1, zip(*names)))]
    words = [match.start() for match in _CUT.finditer(common)]
    ended = all(len(name) == len(common) or _CUT.match(name, len(common)) for name in names)
    return common if ended or not words else common[: words[-1]]
