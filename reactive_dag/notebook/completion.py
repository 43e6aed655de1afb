"""Tab in IPython and Jupyter: between quotes the names of DAGs, tasks and datasets come along.

Owns no state. The names are those of the graphs in the user's namespace, and of its engines and simulations. Nothing
of it is loaded outside IPython. O(names) a Tab.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

from reactive_dag.declare.graph import Graph

OPEN_TEXT = re.compile(r"""(?<!\\)(["'])(?P<begun>(?:(?!\1).)*)$""")
"""What has been written of a text that is not closed yet."""

MOST_OFFERED = 200
"""So many names are offered at once."""


def begun_text(line: str) -> str | None:
    """What was written of a text in which a line ends; None if it ends outside one. O(its length).

    >>> begun_text("engine.start('in"), begun_text("graph.dags['a'].tasks["), begun_text("f('a', \\"b")
    ('in', None, 'b')
    """
    rest = re.sub(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'""", "", line)
    found = OPEN_TEXT.search(rest)
    return None if found is None else found["begun"]


def names_in(graph: Graph) -> Iterator[tuple[str, str]]:
    """The names that a graph's questions take, with what each one is called. O(DAGs + tasks + datasets).

    >>> graph = Graph("shop")
    >>> task = graph.dag("load", on=graph.dataset("orders")).add(lambda: None, id="read")
    >>> list(names_in(graph))
    [('load', 'DAG'), ('load.read', 'task'), ('read', 'task'), ('orders', 'dataset')]
    """
    for dag in graph.dags.values():
        yield dag.id, "DAG"
        for task in dag.tasks:
            yield f"{dag.id}.{task}", "task"
            yield task, "task"
    yield from ((uri, "dataset") for uri in graph.datasets)


def matching(namespace: dict[str, Any], begun: str) -> dict[str, str]:
    """The names of a namespace's graphs that begin so, and what each is. O(values + names)."""
    graphs: list[Graph] = []
    for value in list(namespace.values()):
        graph = value if isinstance(value, Graph) else _graph_of(value)
        if graph is not None and graph not in graphs:
            graphs.append(graph)
    found: dict[str, str] = {}
    for graph in graphs:
        for name, kind in names_in(graph):
            if name.startswith(begun):
                found.setdefault(name, kind)
    return dict(list(found.items())[:MOST_OFFERED])


def _graph_of(value: object) -> Graph | None:
    """The graph of an engine or of a simulation; nothing else is asked."""
    if not type(value).__module__.startswith("reactive_dag."):
        return None
    graph = getattr(value, "graph", None)
    return graph if isinstance(graph, Graph) else None


def complete_names() -> None:
    """Let Tab complete names in the IPython that runs here, once; without one it does nothing. O(1)."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None:
        return
    known = shell.Completer.custom_matchers
    if any(getattr(each, "matcher_identifier", "") == NAMES for each in known):
        return
    from IPython.core.completer import SimpleCompletion, context_matcher

    @context_matcher(identifier=NAMES)  # type: ignore[untyped-decorator]
    def names_matcher(context: Any) -> dict[str, Any]:
        begun = begun_text(context.line_with_cursor[: context.cursor_position])
        found = {} if begun is None else matching(shell.user_ns, begun)
        completions = [SimpleCompletion(text=name, type=kind) for name, kind in found.items()]
        return {"completions": completions, "matched_fragment": begun or "", "suppress": bool(found)}

    known.append(names_matcher)


NAMES = "reactive_dag.names"
"""What our matcher is called among those of the shell."""
