"""Links and chains: the way from what was done differently to a run that changed.

Owns `Link` and `Chain`, and how they are told. Invariant: a chain ends with the run that it explains. O(links).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby

from attrs import frozen

from reactive_dag.whatif.answers.show import signed
from reactive_dag.whatif.answers.trace import Link as Hung

__all__ = ["Chain", "Hung", "Link"]

SHOWN = 6
"""So many names of a chain are printed."""

_WORDS = {"needs": "", "awaits": "awaited by ", "caused by": "causes ", "slot": "holds up ", "past": "then ", "": ""}


@frozen
class Link:
    """One link: what, how it hangs on the one before ("needs", "awaits", "caused by", "slot", "past"), how much later
    it is, and what is to be said of it: an intervention, an error, a state. `dag` is "" for what came from outside.
    """

    name: str
    dag: str
    link: Hung
    by: timedelta | None = None
    note: str = ""

    def to_json(self) -> dict[str, object]:
        """Plain data. O(1)."""
        by = None if self.by is None else self.by.total_seconds()
        return {"name": self.name, "dag": self.dag, "link": self.link, "by_s": by, "note": self.note}


@frozen
class Chain:
    """Links from the first thing that differs to the run. As text it names, of each DAG on the way, what hands over."""

    links: tuple[Link, ...]

    def __str__(self) -> str:
        groups = [list(group) for _, group in groupby(self.links, key=lambda link: link.dag or link.name)]
        names = [_text(group, at, at == len(groups) - 1) for at, group in enumerate(groups)]
        if len(names) > SHOWN:
            names = [*names[:2], f"… {len(names) - SHOWN + 1} more …", *names[3 - SHOWN :]]
        return " → ".join(names)

    def __len__(self) -> int:
        return len(self.links)

    def __iter__(self) -> Iterator[Link]:
        return iter(self.links)


def _text(group: list[Link], at: int, last: bool) -> str:
    """The links of one DAG as text: the first ones say by how much, the last ones are the run that is explained."""
    tasks = [link.name for link in group if link.name != link.dag]
    name = group[0].dag if last and at else (tasks or [group[0].name])[-1]
    notes = "; ".join(dict.fromkeys(link.note for link in group if link.note))
    by = f" {signed(group[0].by)}" if at == 0 and group[0].by else ""
    return f"{_WORDS[group[0].link]}{name}{by}" + (f" ({notes})" if notes else "")
