"""The house keeps its rooms: what every module under reactive_dag imports, read from its source.

Nothing is imported here but the source is parsed, so an import inside a function or under TYPE_CHECKING counts as well.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attrs import frozen

from reactive_dag.resolve.bulk import find_cycle
from tests.support.places import ROOT

PACKAGE = ROOT / "reactive_dag"
ROOMS = ("model", "triggers", "resolve", "declare", "log", "streams", "engine")
"""From the ground up; what is in none of them (simulate, notebook, interop, cli, the public names) is on top."""
PURE = frozenset({"model", "triggers", "resolve", "declare"})
REACTIVE = frozenset({"streams", "engine"})
KEEPS_TIME = ("clock", "runner")
MAX_LINES = 400


@frozen
class Module:
    """One file: its dotted name below reactive_dag, and its source."""

    name: str
    source: str
    is_package: bool = False

    @property
    def room(self) -> str:
        """The wing it stands in; "" for the package's own modules, which are on top."""
        return self.name.partition(".")[0]

    @property
    def floor(self) -> int:
        """How high up it stands."""
        return ROOMS.index(self.room) if self.room in ROOMS else len(ROOMS)

    @property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.source)


def read(root: Path) -> list[Module]:
    """All modules below a folder."""
    found = []
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        found.append(Module(".".join(parts[:-1] if is_package else parts), path.read_text("utf-8"), is_package))
    return found


MODULES = read(PACKAGE)


# ------------------------------------------------------------------------------------------------- reading


def imports(module: Module, tree: ast.AST | None = None) -> Iterator[tuple[str, int]]:
    """Each (dotted name, line) that a module imports anywhere, `from a import b` as `a.b`."""
    for node in ast.walk(tree or module.tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [node.module] if node.module else []
            if node.level:
                here = ["reactive_dag", *filter(None, module.name.split("."))]
                base = [*here[: len(here) - node.level + module.is_package], *base]
            yield from ((".".join([*base, alias.name]), node.lineno) for alias in node.names)


def ours(module: Module, modules: dict[str, Module], tree: ast.AST | None = None) -> Iterator[tuple[Module, int]]:
    """Each module of ours that a module imports: the longest name that is one."""
    for name, line in imports(module, tree):
        if name.partition(".")[0] == "reactive_dag":
            below = name.split(".")[1:]
            while below and ".".join(below) not in modules:
                below.pop()
            yield modules[".".join(below)], line


def at_import(module: Module) -> ast.Module:
    """The statements that run when a module is imported: no function bodies, nothing under TYPE_CHECKING."""
    body: list[ast.stmt] = []
    waiting: list[ast.AST] = list(module.tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            body.append(node)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting.extend(node.orelse)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))
    return ast.Module(body, [])


# ---------------------------------------------------------------------------------------------- the rules


def upward(modules: dict[str, Module]) -> Iterator[str]:
    """Imports that point up, or sideways out of a room."""
    for module in modules.values():
        for target, line in ours(module, modules):
            allowed = target.floor < module.floor or target.room == module.room or module.floor == len(ROOMS)
            if not allowed or (module.room == "resolve" and target.room not in ("model", "resolve")):
                yield f"{module.name}:{line} imports {target.name or 'reactive_dag'}, which does not stand below it"


def forbidden(modules: dict[str, Module]) -> Iterator[str]:
    """reactivex outside its two rooms; clocks and chance in the pure ones."""
    for module in modules.values():
        for name, line in imports(module):
            package = name.partition(".")[0]
            if (package == "reactivex" and module.room not in REACTIVE) or (
                package in ("time", "random") and module.room in PURE
            ):
                yield f"{module.name}:{line} imports {package}"


def clocks_read(modules: dict[str, Module]) -> Iterator[str]:
    """`datetime.now()` and its like: nobody but a clock reads a clock."""
    for module in modules.values():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute) and node.attr in ("now", "utcnow", "today"):
                of = ast.unparse(node.value).rpartition(".")[2]
                if of in ("datetime", "date"):
                    yield f"{module.name}:{node.lineno} reads {of}.{node.attr}"


def circular(modules: dict[str, Module]) -> Iterator[str]:
    """Modules that import each other when they are imported."""
    down = {
        name: [target.name for target, _ in ours(module, modules, at_import(module)) if target is not module]
        for name, module in modules.items()
    }
    cycle = find_cycle(down, down)
    if cycle is not None:
        yield " imports ".join(cycle)


def too_long(modules: dict[str, Module]) -> Iterator[str]:
    """Files of 400 lines or more."""
    for module in modules.values():
        lines = module.source.count("\n")
        if lines >= MAX_LINES:
            yield f"{module.name} has {lines} lines"


def undocumented(modules: dict[str, Module]) -> Iterator[str]:
    """Modules that are not empty, public classes and public functions without a docstring."""
    for module in modules.values():
        if module.source.strip() and not ast.get_docstring(module.tree):
            yield f"{module.name or 'reactive_dag'} has no docstring"
        for name, node in public(module.tree, ""):
            if not ast.get_docstring(node):
                yield f"{module.name}:{node.lineno} {name} has no docstring"


Defined = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def public(tree: ast.Module | ast.ClassDef, inside: str) -> Iterator[tuple[str, Defined]]:
    """What is public in a module or class: names without `_`; setters and overloads stand behind another."""
    for node in tree.body:
        if isinstance(node, Defined) and not node.name.startswith("_"):
            decorators = {ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list}
            if not decorators & {"overload", "setter", "deleter"}:
                yield inside + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from public(node, f"{inside}{node.name}.")


def asks_if_simulated(modules: dict[str, Module]) -> Iterator[str]:
    """Branches on being simulated, outside clock and runner."""
    for module in modules.values():
        if not any(word in module.name.rpartition(".")[2] for word in KEEPS_TIME):
            for node in ast.walk(module.tree):
                if isinstance(node, ast.If | ast.IfExp | ast.While) and "simulat" in names_in(node.test):
                    yield f"{module.name}:{node.lineno} asks whether it is simulated"


def names_in(tree: ast.AST) -> str:
    """All names and attributes of an expression."""
    nodes = list(ast.walk(tree))
    names = [node.id for node in nodes if isinstance(node, ast.Name)]
    return " ".join([*names, *(node.attr for node in nodes if isinstance(node, ast.Attribute))]).lower()


RULES = [upward, forbidden, clocks_read, circular, too_long, undocumented, asks_if_simulated]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rooms(rule: Callable[[dict[str, Module]], Iterator[str]]) -> None:
    assert MODULES, "there is something to read"
    assert not list(rule({module.name: module for module in MODULES}))


# ------------------------------------------------------------------------------- the rules see what they should

GROUND = [Module("", '"""Top."""', True), *(Module(room, '"""A room."""', True) for room in ROOMS)]


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
        (circular, "model.a", "from reactive_dag.model import a\nfrom reactive_dag.model import b", None),
        (too_long, "model.a", "\n" * 400, "model.a has 400 lines"),
        (
            undocumented,
            "model.a",
            '"""A."""\nclass A:\n    "A."\n    def f(self): ...',
            "model.a:4 A.f has no docstring",
        ),
        (undocumented, "model.a", "def _f(): ...", "model.a has no docstring"),
        (asks_if_simulated, "engine.a", "if self.is_simulated:\n    pass", "engine.a:1 asks"),
        (asks_if_simulated, "engine.runner", "if simulated:\n    pass", None),
    ],
)
def test_rooms_rules_see_what_they_should(
    rule: Callable[[dict[str, Module]], Iterator[str]], name: str, source: str, said: str | None
) -> None:
    modules = {module.name: module for module in [*GROUND, Module(name, source)]}
    found = list(rule(modules))
    assert found == [] if said is None else len(found) == 1 and found[0].startswith(said)


def test_rooms_a_circle_of_imports_is_seen_and_a_late_import_is_none() -> None:
    back = "from reactive_dag.model import a"
    for source, circles in ((back, 1), (f"def f():\n    {back}", 0), (f"if TYPE_CHECKING:\n    {back}", 0)):
        modules = [*GROUND, Module("model.a", "from reactive_dag.model.b import f"), Module("model.b", source)]
        assert len(list(circular({module.name: module for module in modules}))) == circles
