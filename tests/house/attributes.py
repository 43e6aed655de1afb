"""Attributes that are put on an object from outside: `other.name = …`, `self.part.name = …`, `setattr(other, …)`.

An assignment is from inside where a class of the same module declares that attribute: a module keeps its own objects.
`python -m tests.house.attributes` prints all others.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import TypeGuard

from tests.house.source import MODULES, Module, Modules

Assignment = ast.Assign | ast.AugAssign | ast.AnnAssign
SELF = ("self", "cls")


def targets(nodes: Iterable[ast.AST]) -> Iterator[ast.Attribute]:
    """Every attribute that is assigned, those inside tuples too."""
    for node in nodes:
        if isinstance(node, Assignment):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                yield from (each for each in ast.walk(target) if stored(each))
        elif isinstance(node, ast.For | ast.AsyncFor):
            yield from (each for each in ast.walk(node.target) if stored(each))
        elif isinstance(node, ast.With | ast.AsyncWith):
            for item in node.items:
                yield from (each for each in ast.walk(item.optional_vars or ast.Pass()) if stored(each))


def stored(node: ast.AST) -> bool:
    """Whether a node is an attribute that is assigned here."""
    return isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)


def on_self(target: ast.Attribute) -> bool:
    """Whether it is the object's own attribute: `self.name`."""
    return isinstance(target.value, ast.Name) and target.value.id in SELF


def declared(module: Module) -> set[str]:
    """The attributes that the classes of a module declare: annotated, assigned in the class, on `self`, in slots."""
    found = {target.attr for target in targets(module.nodes) if on_self(target)}
    for node in module.nodes:
        if isinstance(node, ast.ClassDef):
            for each in node.body:
                if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
                    found.add(each.target.id)
                elif isinstance(each, ast.Assign):
                    found.update(target.id for target in each.targets if isinstance(target, ast.Name))
                    if "__slots__" in [ast.unparse(target) for target in each.targets]:
                        found.update(leaf.value for leaf in ast.walk(each.value) if isinstance(leaf, ast.Constant))
    return found


def from_outside(modules: Modules) -> Iterator[str]:
    """Each assignment on an object from outside its module, as `module:line target`."""
    for module in modules.values():
        own = declared(module)
        for target in targets(module.nodes):
            if not on_self(target) and target.attr not in own:
                yield f"{module.name}:{target.lineno} {ast.unparse(target)}"
        for node in module.nodes:
            if puts(node):
                yield f"{module.name}:{node.lineno} {ast.unparse(node)}"


def puts(node: ast.AST) -> TypeGuard[ast.Call]:
    """Whether it is a `setattr` on another object."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name | ast.Attribute):
        return False
    name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
    if name not in ("setattr", "__setattr__"):
        return False
    return ast.unparse(node.func) in ("setattr", "object.__setattr__") and ast.unparse(node.args[0]) not in SELF


if __name__ == "__main__":
    for line in from_outside(MODULES):
        print(line)
