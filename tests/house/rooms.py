"""Wings and rooms: the order in which they may import each other, circles of imports, and sizes.

`python -m tests.house.rooms` prints what the tests hold: per wing files in circles of imports, imports up the order of
its rooms, attributes put on objects from outside, lines per function; and over all, files per room and lines per file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby

from tests.house.attributes import from_outside
from tests.house.source import MODULES, Modules, functions, ours

ORDER = {
    "model": ("recorded", "records", "clock", "partitions"),
    "triggers": (
        "checks", "faults", "firing", "keys", "jsonform", "cell", "pending_rows", "base", "leaves", "joins", "windows",
        "functions", "implicit_joins", "machine",
    ),
    "declare": (
        "place", "parameters", "settings", "plan", "named_triggers", "wait", "owner", "task", "task_table",
        "dag", "bind", "jsonform", "analysis", "graph", "internals",
    ),
    "engine": (
        "host", "items", "outputs", "facts", "runs", "tasks", "limits", "table", "deciding", "fold", "inspect",
        "execute", "drive", "arguments", "parts", "questions", "engine",
    ),
    "log": ("tail", "history", "group", "protocol", "codec", "memory", "sqlite", "ledger", "opening"),
    "notebook": ("kit", "layers", "graphs", "runs", "streams", "answers", "exploring", "widgets", "completion"),
    "whatif": (
        "question", "course", "window", "loops", "outcome", "parts", "records", "answers", "comparison", "futures",
        "simulation",
    ),
}  # fmt: skip
"""The rooms of a wing, lowest first: its folders, and files beside them; other files only keep out of circles."""

MAX_FILES, MAX_LINES, MAX_FUNCTION, P90_FUNCTION = 16, 400, 50, 20

Graph = dict[str, set[str]]


def inside(modules: Modules, wing: str) -> Graph:
    """What each module of a wing imports within the wing."""
    return {
        name: {target.name for target, _ in ours(module, modules) if target.wing == wing and target is not module}
        for name, module in modules.items()
        if module.wing == wing
    }


def reachable(graph: Graph, start: str) -> set[str]:
    """Everything that can be reached from `start`; itself only if it is in a circle."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        fresh = graph[waiting.pop()] - found
        found |= fresh
        waiting += fresh
    return found


def circles(modules: Modules, wing: str) -> list[list[str]]:
    """The groups of modules of a wing that import each other, directly or not."""
    reach = {name: reachable(graph, name) for graph in [inside(modules, wing)] for name in graph}
    groups = {
        frozenset(other for other in reach[name] if name in reach[other]) for name in reach if name in reach[name]
    }
    return sorted(sorted(group) for group in groups)


def upward(modules: Modules, wing: str) -> Iterator[str]:
    """Imports inside a wing that point up the order of its rooms."""
    order = ORDER.get(wing, ())
    for module in modules.values():
        if module.wing == wing and module.room in order:
            for target, line in ours(module, modules):
                if target.wing == wing and target.room in order and order.index(target.room) > order.index(module.room):
                    yield f"{module.name}:{line} imports {target.name}, which does not stand below it"


def unnamed(modules: Modules) -> list[str]:
    """The folders inside wings that the order does not name."""
    folders = [module for module in modules.values() if module.is_package and module.name.count(".") == 1]
    return [module.name for module in folders if module.room not in ORDER.get(module.wing, ())]


def files(modules: Modules) -> Counter[str]:
    """How many files each folder has, the package's own file not counted."""
    return Counter(module.folder for module in modules.values() if not module.is_package)


def lengths(modules: Modules) -> list[tuple[int, str]]:
    """The lines of every function, docstring included, shortest first."""
    return sorted(
        (1 + (node.end_lineno or 0) - node.lineno, f"{module.name}.{name}")
        for module in modules.values()
        for name, node in functions(module.tree)
    )


def p90(sorted_lengths: list[tuple[int, str]]) -> int:
    """The length below which nine in ten functions are."""
    return sorted_lengths[len(sorted_lengths) * 9 // 10][0]


def wings(modules: Modules) -> Iterable[str]:
    """The wings there are."""
    return (wing for wing, _ in groupby(sorted(module.wing for module in modules.values() if module.wing)))


def report(modules: Modules) -> Iterator[str]:
    """The figures per wing, and over all."""
    yield f"{'wing':<10}{'files':>7}{'lines':>7}{'circles':>9}{'upward':>8}{'outside':>9}{'p90':>5}{'longest':>9}"
    outside = Counter(line.partition(".")[0] for line in from_outside(modules))
    for wing in wings(modules):
        held = {name: module for name, module in modules.items() if module.wing == wing}
        long = lengths(held) or [(0, "")]
        figures = (
            len(held), sum(module.lines for module in held.values()), sum(map(len, circles(modules, wing))),
            len(list(upward(modules, wing))), outside[wing], p90(long), long[-1][0],
        )  # fmt: skip
        yield "{:<10}{:>7}{:>7}{:>9}{:>8}{:>9}{:>5}{:>9}".format(wing, *figures)
    long = lengths(modules)
    room, most = files(modules).most_common(1)[0]
    longest = max(modules.values(), key=lambda module: module.lines)
    yield f"{len(modules)} files, {sum(module.lines for module in modules.values())} lines"
    yield f"the fullest room is {room}: {most} files; the longest file {longest.name}: {longest.lines} lines"
    yield f"{len(long)} functions, nine in ten within {p90(long)} lines; the longest is {long[-1][1]}: {long[-1][0]}"


if __name__ == "__main__":
    print("\n".join(report(MODULES)))
