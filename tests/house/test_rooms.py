"""The house keeps its wings and rooms, and its files, functions and rooms stay small."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.house import attributes, rooms
from tests.house.source import MODULES, WINGS, Module, Modules, by_name, imports, ours, public
from tests.support.places import ROOT

PURE = frozenset({"model", "triggers", "resolve", "declare"})
REACTIVE = frozenset({"streams", "engine"})
KEEPS_TIME = ("clock", "runner")
STATED = {
    "engine.execute.capture setattr(sys, name, shared)": "to stand in for the process's streams is what a capture is",
    "engine.execute.capture setattr(sys, name, stream)": "the same",
    "declare.graph self._inside.pending": "a bulk's own state, which the graph fills",
    "engine.deciding.definitions old.catchup": "active triggers are state, and this module alone changes them",
    "engine.deciding.definitions old.max_catchup": "the same",
    "engine.deciding.definitions old.dags_by_tags": "the same",
    "engine.deciding.definitions active.held": "the same",
    "engine.fold.snapshots runs.gone": "restoring a snapshot gives back to each part its state",
    "engine.fold.snapshots core.waits.keep(run, index, record).ended": "the same",
    "engine.fold.snapshots core.runs.flow.losses": "the same",
    "engine.table.table run.cancelled": "runs are state (state.py), and the table keeps them",
    "log.sqlite.store self._group.done": "a store that is opened tells what was committed before",
    "model.source copy.decorator_list": "a copy of a syntax tree's node",
    "resolve.topology self._ranks.rank": "an order that was worked out anew replaces the one before",
    "streams.by stream.subscription.disposable": "how reactivex's SerialDisposable is told what it holds",
    "streams.scheduler current.disposable": "the same",
    "triggers.machine.compiled books.last": "the books of one trigger are state that its compiled parts share",
    "triggers.machine.compiled self._books.path": "the same",
    "triggers.machine.compiled self._books.parked": "the same",
    "triggers.machine.evaluate self.books.path": "the same",
}
"""Attributes of other modules' objects that are assigned all the same, and why."""


# ---------------------------------------------------------------------------------------------- the rules


def upward(modules: Modules) -> Iterator[str]:
    """Imports that point up, or sideways out of a wing."""
    for module in modules.values():
        for target, line in ours(module, modules):
            allowed = target.floor < module.floor or target.wing == module.wing or module.floor == len(WINGS)
            if not allowed or (module.wing == "resolve" and target.wing not in ("model", "resolve")):
                yield f"{module.name}:{line} imports {target.name or 'reactive_dag'}, which does not stand below it"


def forbidden(modules: Modules) -> Iterator[str]:
    """reactivex outside its two wings; clocks and chance in the pure ones."""
    for module in modules.values():
        for name, line in imports(module):
            package = name.partition(".")[0]
            if (package == "reactivex" and module.wing not in REACTIVE) or (
                package in ("time", "random") and module.wing in PURE
            ):
                yield f"{module.name}:{line} imports {package}"


def clocks_read(modules: Modules) -> Iterator[str]:
    """`datetime.now()` and its like: nobody but a clock reads a clock."""
    for module in modules.values():
        for node in module.nodes:
            if isinstance(node, ast.Attribute) and node.attr in ("now", "utcnow", "today"):
                of = ast.unparse(node.value).rpartition(".")[2]
                if of in ("datetime", "date"):
                    yield f"{module.name}:{node.lineno} reads {of}.{node.attr}"


def undocumented(modules: Modules) -> Iterator[str]:
    """Modules that are not empty, public classes and public functions without a docstring."""
    for module in modules.values():
        if module.source.strip() and not ast.get_docstring(module.tree):
            yield f"{module.name or 'reactive_dag'} has no docstring"
        for name, node in public(module.tree):
            if not ast.get_docstring(node):
                yield f"{module.name}:{node.lineno} {name} has no docstring"


def asks_if_simulated(modules: Modules) -> Iterator[str]:
    """Branches on being simulated, outside clock and runner."""
    for module in modules.values():
        if not any(word in module.name.rpartition(".")[2] for word in KEEPS_TIME):
            for node in module.nodes:
                if isinstance(node, ast.If | ast.IfExp | ast.While) and "simulat" in names_in(node.test):
                    yield f"{module.name}:{node.lineno} asks whether it is simulated"


def names_in(tree: ast.AST) -> str:
    """All names and attributes of an expression."""
    nodes = list(ast.walk(tree))
    names = [node.id for node in nodes if isinstance(node, ast.Name)]
    return " ".join([*names, *(node.attr for node in nodes if isinstance(node, ast.Attribute))]).lower()


RULES = [upward, forbidden, clocks_read, undocumented, asks_if_simulated]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rooms(rule: Callable[[Modules], Iterator[str]]) -> None:
    assert not list(rule(MODULES))


WING_NAMES = list(rooms.wings(MODULES))


@pytest.mark.parametrize("wing", WING_NAMES)
def test_rooms_have_no_circle_of_imports(wing: str) -> None:
    assert not rooms.circles(MODULES, wing)


@pytest.mark.parametrize("wing", rooms.ORDER)
def test_rooms_are_imported_in_their_order(wing: str) -> None:
    assert not list(rooms.upward(MODULES, wing))


def test_rooms_are_all_in_the_order() -> None:
    assert not rooms.unnamed(MODULES)


def test_rooms_are_on_the_page() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    folders = [module for module in MODULES.values() if module.is_package and module.name]
    assert not [each.name for each in folders if f"{each.name.rpartition('.')[2]}/" not in page]


def test_no_attribute_is_put_on_an_object_from_outside() -> None:
    found = [re.sub(r":[0-9]+", "", line, count=1) for line in attributes.from_outside(MODULES)]
    assert not [line for line in found if line not in STATED]


def test_rooms_have_few_files_and_files_few_lines() -> None:
    assert not [room for room, count in rooms.files(MODULES).items() if count > rooms.MAX_FILES]
    assert not [name for name, module in MODULES.items() if module.lines >= rooms.MAX_LINES]


def test_functions_are_short() -> None:
    found = rooms.lengths(MODULES)
    assert rooms.p90(found) <= rooms.P90_FUNCTION
    assert found[-1][0] <= rooms.MAX_FUNCTION, found[-1]


def test_the_report_has_a_line_for_each_wing() -> None:
    shown = Counter(line.split()[0] for line in rooms.report(MODULES))
    assert all(shown[wing] == 1 for wing in WING_NAMES)


# ------------------------------------------------------------------------------- the rules see what they should

GROUND = [Module("", '"""Top."""', True), *(Module(wing, '"""A wing."""', True) for wing in WINGS)]


@pytest.mark.parametrize(
    ("rule", "name", "source", "said"),
    [
        (upward, "model.a", "def f():\n    from reactive_dag.log import x", "model.a:2 imports log"),
        (upward, "model.a", "import reactive_dag", "model.a:1 imports reactive_dag, which"),
        (upward, "model.a", "from ..triggers import b", "model.a:1 imports triggers"),
        (upward, "resolve.a", "from reactive_dag.triggers import b", "resolve.a:1 imports triggers"),
        (upward, "engine.a", "from reactive_dag import simulate", "engine.a:1 imports reactive_dag, which"),
        (forbidden, "declare.a", "import time", "declare.a:1 imports time"),
        (forbidden, "model.a", "from random import Random", "model.a:1 imports random"),
        (forbidden, "log.a", "import reactivex.operators", "log.a:1 imports reactivex"),
        (forbidden, "cli", "if x:\n    import reactivex", "cli:2 imports reactivex"),
        (clocks_read, "log.a", "import datetime\ndatetime.datetime.now()", "log.a:2 reads datetime.now"),
        (
            undocumented,
            "model.a",
            '"""A."""\nclass A:\n    "A."\n    def f(self): ...',
            "model.a:4 A.f has no docstring",
        ),
        (undocumented, "model.a", "def _f(): ...", "model.a has no docstring"),
        (asks_if_simulated, "engine.a", "if self.is_simulated:\n    pass", "engine.a:1 asks"),
        (asks_if_simulated, "parts(engine).runner", "if simulated:\n    pass", None),
    ],
)
def test_rooms_rules_see_what_they_should(
    rule: Callable[[Modules], Iterator[str]], name: str, source: str, said: str | None
) -> None:
    found = list(rule(by_name([*GROUND, Module(name, source)])))
    assert found == [] if said is None else len(found) == 1 and found[0].startswith(said)


@pytest.mark.parametrize("late", ["{0}", "def f():\n    {0}", "if TYPE_CHECKING:\n    {0}"])
def test_rooms_a_circle_of_imports_is_seen_wherever_it_is_imported(late: str) -> None:
    there, back = (f"from reactive_dag.log.{name} import x" for name in "ba")
    modules = by_name([*GROUND, Module("log.a", there), Module("log.b", late.format(back)), Module("log.c", there)])
    assert rooms.circles(modules, "log") == [["log.a", "log.b"]]


def test_rooms_an_import_up_the_rooms_is_seen() -> None:
    low, high = Module("engine.items.a", "import reactive_dag.engine.fold.b"), Module("engine.fold.b", "")
    assert len(list(rooms.upward(by_name([*GROUND, low, high]), "engine"))) == 1
    low, high = Module("engine.items.a", ""), Module("engine.fold.b", "import reactive_dag.engine.items.a")
    assert not list(rooms.upward(by_name([*GROUND, low, high]), "engine"))


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("self.part.name = 1", 1), ("other.name, x = 1, 2", 1), ("other.name += 1", 1), ("setattr(other, name, 1)", 1),
        ("for other.name in x: pass", 1), ("with x as other.name: pass", 1), ("self.name = 1", 0), ("other[0] = 1", 0),
        ("class A:\n    name: int\n\ndef f(a):\n    a.name = 1", 0), ("class A:\n    __slots__ = ('x',)\na.x = 1", 0),
        ("class A:\n    name = 1\na.name = 2\na.other = 1", 1),
    ],
)  # fmt: skip
def test_rooms_an_attribute_put_on_an_object_from_outside_is_seen(source: str, seen: int) -> None:
    assert len(list(attributes.from_outside(by_name([Module("log.a", source)])))) == seen
