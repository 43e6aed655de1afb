"""The package's modules as text and syntax trees: what they import, define and assign.

Nothing is imported: an import inside a function or under TYPE_CHECKING counts like all others.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from attrs import define

from tests.support.places import ROOT

PACKAGE = ROOT / "reactive_dag"
WINGS = ("model", "triggers", "resolve", "declare", "log", "streams", "engine")
"""From the ground up; what is in none of them (whatif, interop, notebook, cli, the public names) is on top."""

Defined = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
Function = ast.FunctionDef | ast.AsyncFunctionDef


@define(slots=False)
class Module:
    """One file: its dotted name below reactive_dag, and its source."""

    name: str
    source: str
    is_package: bool = False

    @property
    def wing(self) -> str:
        """The wing it stands in; "" for the package's own modules, which are on top."""
        return self.name.partition(".")[0]

    @property
    def room(self) -> str:
        """The folder inside its wing, or the module itself where it stands in none; "" for the wing's own module."""
        return self.name.split(".")[1] if "." in self.name else ""

    @property
    def folder(self) -> str:
        """The dotted name of the folder that holds it."""
        return self.name if self.is_package else self.name.rpartition(".")[0]

    @property
    def floor(self) -> int:
        """How high up it stands."""
        return WINGS.index(self.wing) if self.wing in WINGS else len(WINGS)

    @property
    def lines(self) -> int:
        """How many lines it has."""
        return self.source.count("\n")

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.source)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All nodes of its tree, in the order of `ast.walk`."""
        return list(ast.walk(self.tree))


Modules = dict[str, Module]


def by_name(modules: list[Module]) -> Modules:
    """Modules by their dotted names."""
    return {module.name: module for module in modules}


def read(root: Path) -> Modules:
    """All modules below a folder."""
    found = []
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        found.append(Module(".".join(parts[:-1] if is_package else parts), path.read_text("utf-8"), is_package))
    return by_name(found)


MODULES = read(PACKAGE)


def imports(module: Module, tree: ast.AST | None = None) -> Iterator[tuple[str, int]]:
    """Each (dotted name, line) that a module imports anywhere, `from a import b` as `a.b`."""
    for node in module.nodes if tree is None else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [node.module] if node.module else []
            if node.level:
                here = ["reactive_dag", *filter(None, module.name.split("."))]
                base = [*here[: len(here) - node.level + module.is_package], *base]
            yield from ((".".join([*base, alias.name]), node.lineno) for alias in node.names)


def ours(module: Module, modules: Modules) -> Iterator[tuple[Module, int]]:
    """Each module of ours that a module imports, with the line: the longest name that is one."""
    for name, line in imports(module):
        if name.partition(".")[0] == "reactive_dag":
            below = name.split(".")[1:]
            while below and ".".join(below) not in modules:
                below.pop()
            yield modules[".".join(below)], line


def public(tree: ast.Module | ast.ClassDef, inside: str = "") -> Iterator[tuple[str, Defined]]:
    """What is public in a module or class: names without `_`; setters and overloads stand behind another."""
    for node in tree.body:
        if isinstance(node, Defined) and not node.name.startswith("_"):
            decorators = {ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list}
            if not decorators & {"overload", "setter", "deleter"}:
                yield inside + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from public(node, f"{inside}{node.name}.")


def functions(tree: ast.AST, inside: str = "") -> Iterator[tuple[str, Function]]:
    """Every function with its qualified name, those inside classes and functions too."""
    for node in ast.iter_child_nodes(tree):
        name = f"{inside}{node.name}" if isinstance(node, Defined) else inside
        if isinstance(node, Function):
            yield name, node
        yield from functions(node, f"{name}." if isinstance(node, Defined) else inside)


def defines(module: Module) -> Iterator[str]:
    """The public names that a module defines at its top: classes, functions, constants, aliases."""
    for node in module.tree.body:
        if isinstance(node, Defined):
            names = [node.name]
        elif isinstance(node, ast.Assign) and not is_type_variable(node.value):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        else:
            names = []
        yield from (name for name in names if not name.startswith("_"))


def is_type_variable(value: ast.expr) -> bool:
    """Whether it makes a type variable, whose name is of no consequence."""
    return isinstance(value, ast.Call) and ast.unparse(value.func) in ("TypeVar", "ParamSpec")
