"""What a function is made of: the syntax tree of its own source, or its code object.

Owns the way from a function back to the one expression or `def` that made it. Invariant: a tree is given only if the
source found compiles to exactly the function's code, so an edited file never speaks for a function loaded before the
edit; and nothing here depends on file, line, column, comments, hash seed or process (I7). Cost: a source text is parsed
and compiled once, O(text); each function then O(its own size), once (4096 trees are kept).
"""

from __future__ import annotations
import __future__

import ast
import functools
import inspect
import linecache
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import TypeAlias

from .records import Json

_Node: TypeAlias = ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef
_INHERITED = __future__.annotations.compiler_flag
_KINDS = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS  # what a code object does not show otherwise
_KINDS |= inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_NOT_MEANING = frozenset({"ctx", "kind", "type_comment", "decorator_list", "type_ignores"})
_KEPT = 4096

# By id, not by value: equal code objects may come from different texts. Each keeps its code, so no id is used again.
_known: dict[int, tuple[CodeType, tuple[Json, str] | None]] = {}


def source_tree(fn: FunctionType) -> tuple[Json, str] | None:
    """The syntax tree (plain JSON) and the text of the expression or `def` that made `fn`; None if not to be had.

    Comments, blank space and decorators are no part of it: a decorator is not the function. Cost: O(source text) at
    the first function of a text, then O(size of `fn`), asked again O(1).

    >>> source_tree(eval("lambda: 1")) is None
    True
    """
    known = _known.get(id(fn.__code__))
    if known is None:
        if len(_known) >= _KEPT:
            _known.clear()
        known = _known[id(fn.__code__)] = (fn.__code__, _find(fn))
    return known[1]


def _find(fn: FunctionType) -> tuple[Json, str] | None:
    code = fn.__code__
    linecache.checkcache(code.co_filename)
    text = "".join(linecache.getlines(code.co_filename, fn.__globals__))
    node = _node_of(code, text)
    try:
        return None if node is None else (_tree(node), ast.unparse(_bare(node)))
    except RecursionError:  # an expression thousands deep: its code object still tells it apart
        return None


def _node_of(code: CodeType, text: str) -> _Node | None:
    parsed = _parse(text, code.co_flags & _INHERITED) if text else None
    if parsed is None:
        return None
    nodes, codes = parsed
    described = describe_code(code)
    if not any(describe_code(other) == described for other in codes.get(code.co_firstlineno, ())):
        return None
    return _pick(code, [node for node in nodes.get(code.co_firstlineno, ()) if _name(node) == code.co_name])


@functools.lru_cache(maxsize=64)
def _parse(text: str, inherited: int) -> tuple[dict[int, list[_Node]], dict[int, list[CodeType]]] | None:
    """The functions of a source text by their first line: as syntax and as code.

    `inherited` is the compiler flag that a notebook's cell takes over from the cells before it.
    """
    try:
        tree = ast.parse(text)
        module = compile(tree, "<text>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | inherited, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError):
        return None
    nodes: dict[int, list[_Node]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef):
            nodes.setdefault(_first_line(node), []).append(node)
    codes: dict[int, list[CodeType]] = {}
    for code in _codes(module):
        codes.setdefault(code.co_firstlineno, []).append(code)
    return nodes, codes


def _codes(module: CodeType) -> Iterator[CodeType]:
    waiting = [module]
    while waiting:
        code = waiting.pop()
        yield code
        waiting.extend(const for const in code.co_consts if isinstance(const, CodeType))


def _first_line(node: _Node) -> int:
    """The line that `co_firstlineno` names: that of the first decorator, if there is one."""
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    return min(node.lineno, *(d.lineno for d in decorators)) if decorators else node.lineno


def _name(node: _Node) -> str:
    return "<lambda>" if isinstance(node, ast.Lambda) else node.name


def _pick(code: CodeType, nodes: list[_Node]) -> _Node | None:
    """The one of several functions on one line: the innermost that all instructions lie in."""
    if len(nodes) < 2:
        return nodes[0] if nodes else None
    spans = [
        (line, column, last, end)
        for line, last, column, end in code.co_positions()
        if line is not None and last is not None and column is not None and end is not None and column + end > 0
    ]
    inside = [node for node in nodes if spans and all(_within(span, node) for span in spans)]
    return max(inside, key=lambda node: (node.lineno, node.col_offset), default=None)


def _within(span: tuple[int, int, int, int], node: _Node) -> bool:
    body = node.body if isinstance(node, ast.Lambda) else node
    assert body.end_lineno is not None
    assert body.end_col_offset is not None  # ast.parse sets both
    return (body.lineno, body.col_offset) <= span[:2] and span[2:] <= (body.end_lineno, body.end_col_offset)


def _bare(node: _Node) -> _Node:
    if isinstance(node, ast.Lambda) or not node.decorator_list:
        return node
    copy = type(node)(**dict(ast.iter_fields(node)))
    copy.decorator_list = []
    return ast.copy_location(copy, node)


def _tree(node: object) -> Json:
    """A syntax tree without places, and without what is empty, so that newer Pythons write the same one."""
    if isinstance(node, ast.AST):
        fields = {name: _tree(value) for name, value in ast.iter_fields(node) if name not in _NOT_MEANING}
        return [type(node).__name__, {name: value for name, value in fields.items() if value not in (None, [])}]
    if isinstance(node, list):
        return [_tree(part) for part in node]
    return node if node is None else [type(node).__name__, repr(node)]


def describe_code(code: CodeType) -> Json:
    """A code object as plain JSON, with the code nested in it; without its file, lines and name. O(its size).

    >>> describe_code((lambda: 1).__code__) == describe_code((lambda: 1).__code__)
    True
    """
    counts = [code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags & _KINDS]
    names = [list(code.co_names), list(code.co_varnames), list(code.co_freevars), list(code.co_cellvars)]
    return [code.co_code.hex(), code.co_exceptiontable.hex(), counts, names, [_constant(c) for c in code.co_consts]]


def _constant(value: object) -> Json:
    if isinstance(value, CodeType):
        return describe_code(value)
    if isinstance(value, tuple):
        return ["tuple", [_constant(part) for part in value]]
    if isinstance(value, frozenset):  # its order follows the hash seed
        return ["frozenset", sorted((_constant(part) for part in value), key=repr)]
    return [type(value).__name__, repr(value)]
