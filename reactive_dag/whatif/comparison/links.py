"""Chains of links: from what is different to a run that changed because of it.

Owns `ChainLink` and `Chain`, and their text. Invariant: a chain ends with the run that it explains. O(links).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby

from attrs import frozen

from reactive_dag.whatif.answers.show import signed_text
from reactive_dag.whatif.outcome.points import Relation

MOST_PRINTED = 6
"""So many names of a chain are printed."""

_RELATION_WORDS = {
    "needs": "", "awaits": "awaited by ", "caused by": "causes ", "slot": "holds up ", "past": "then ", "": "",
    "room": "makes room for ",
    "window": "opens the window of ", "silence": "is heard last before ", "deadline": "misses its deadline, causes ",
    "unheard": "is silent too long, causes ",
}  # fmt: skip


@frozen
class ChainLink:
    """One link: its name, its relation to the one before ("needs", "awaits", …, as of a step of the critical path), how
    much later it is, and a note: an intervention, an error, a state. `dag` is "" for what came from outside.
    """

    name: str
    dag: str
    link: Relation
    by: timedelta | None = None
    note: str = ""

    def to_json(self) -> dict[str, object]:
        """Plain data. O(1)."""
        by = None if self.by is None else self.by.total_seconds()
        return {"name": self.name, "dag": self.dag, "link": self.link, "by_s": by, "note": self.note}


@frozen
class Chain:
    """Links from the first thing that differs to the run. As text it names, of each DAG on the way, what hands over."""

    links: tuple[ChainLink, ...]

    def __str__(self) -> str:
        groups = [list(group) for _, group in groupby(self.links, key=lambda link: link.dag or link.name)]
        names = [_group_text(group, at, at == len(groups) - 1) for at, group in enumerate(groups)]
        if len(names) > MOST_PRINTED:
            names = [*names[:2], f"… {len(names) - MOST_PRINTED + 1} more …", *names[3 - MOST_PRINTED :]]
        return " → ".join(names)

    def __len__(self) -> int:
        return len(self.links)

    def __iter__(self) -> Iterator[ChainLink]:
        return iter(self.links)


def _group_text(group: list[ChainLink], at: int, last: bool) -> str:
    """The links of one DAG as text: the first DAG says by how much, the last is that of the run that is explained."""
    tasks = [link for link in group if link.name != link.dag] or group[:1]
    name = group[0].dag if last and at else tasks[-1].name
    notes = "; ".join(dict.fromkeys(link.note for link in group if link.note))
    by = f" {signed_text(tasks[-1].by)}" if at == 0 and tasks[-1].by else ""
    return f"{_RELATION_WORDS[group[0].link]}{name}{by}" + (f" ({notes})" if notes else "")
