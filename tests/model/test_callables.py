"""Callables as values (I7): what counts, what does not, in this process and in any other."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import itertools
import json
import linecache
import operator
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from reactive_dag.model.callables import Call, digest_of, fingerprint_of, importable_name, place, short_name
from reactive_dag.model.errors import GraphError, InvalidValue
from tests.support.places import ROOT


def same(a: Callable[..., object], b: Callable[..., object]) -> bool:
    """Whether two callables count as one (I7)."""
    return fingerprint_of(a) == fingerprint_of(b)


Scope = dict[str, Any]


@pytest.fixture
def cell() -> Iterator[Callable[[str], Scope]]:
    """Runs text as a notebook cell does: in `__main__`, under a file name of its own that linecache knows."""
    numbers = itertools.count()
    names: list[str] = []

    def run(text: str) -> Scope:
        names.append(f"<cell {next(numbers)}>")
        linecache.cache[names[-1]] = (len(text), None, text.splitlines(keepends=True), names[-1])
        scope: Scope = {"__name__": "__main__"}
        exec(compile(text, names[-1], "exec"), scope)
        return scope

    yield run
    for used in names:
        linecache.cache.pop(used, None)


def nowhere(text: str) -> Scope:
    """Runs text whose source is not to be had."""
    scope: Scope = {"__name__": "__main__"}
    exec(compile(text, "<nowhere>", "exec"), scope)
    return scope


def double(x: int) -> int:
    return 2 * x


@attrs.frozen
class AtLeast:
    limit: int
    note: str = attrs.field(default="", eq=False)

    def __call__(self, value: int) -> bool:
        return value >= self.limit


@dataclasses.dataclass(frozen=True)
class Below:
    limit: int

    def __call__(self, value: int) -> bool:
        return value < self.limit


@dataclasses.dataclass
class Mutable:
    limit: int

    def __call__(self, value: int) -> bool:
        return value < self.limit


class Plain:
    def __call__(self, value: int) -> bool:
        return bool(value)

    def method(self) -> None: ...


# ---------------------------------------------------------------------------------- functions by name


def test_I7_a_function_with_a_name_counts_as_module_and_qualname() -> None:
    assert fingerprint_of(double) == {"ref": f"{__name__}:double"}
    assert fingerprint_of(len) == {"ref": "builtins:len"}
    assert fingerprint_of(str.upper) == {"ref": "builtins:str.upper"}
    assert fingerprint_of(Plain.method) == {"ref": f"{__name__}:Plain.method"}
    assert not same(double, len)


def test_I7_another_body_under_the_same_name_is_the_same_function(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    found = []
    for body in ("return 1", "return 2"):
        (tmp_path / "a_module.py").write_text(f"def f():\n    {body}\n")
        sys.modules.pop("a_module", None)
        sys.path_importer_cache.clear()
        found.append(digest_of(__import__("a_module").f))
    sys.modules.pop("a_module")
    assert found[0] == found[1]


def test_I7_a_wrapper_that_took_a_name_is_told_from_what_it_wraps() -> None:
    def at_most(limit: int) -> Callable[[Callable[[int], int]], Callable[[int], int]]:
        def wrap(fn: Callable[[int], int]) -> Callable[[int], int]:
            @functools.wraps(fn)
            def inner(x: int) -> int:
                return min(fn(x), limit)

            return inner

        return wrap

    assert not same(at_most(3)(double), at_most(4)(double))
    assert not same(at_most(3)(double), double)
    assert same(at_most(3)(double), at_most(3)(double))


# --------------------------------------------------------------------------- lambdas, local, __main__


def test_I7_a_cell_run_again_changes_nothing(cell: Callable[[str], Scope]) -> None:
    text = "limit = 3\nf = lambda e: e.x > 3\ndef g(e):\n    return e.x\n"
    first, again, moved = (
        cell(text),
        cell(text),
        cell("# a comment\n\n" + text.replace("e.x > 3", "(e.x  >  3)  # why")),
    )
    for key in "fg":
        assert same(first[key], again[key])
        assert same(first[key], moved[key])
        assert digest_of(first[key]) == digest_of(again[key]) == digest_of(moved[key])


def test_I7_another_text_is_another_function(cell: Callable[[str], Scope]) -> None:
    texts = [
        "f = lambda e: e.x > 3",
        "f = lambda e: e.x > 4",
        "f = lambda e: e.x >= 3",
        "f = lambda d: d.x > 3",
        "f = lambda e: e.y > 3",
        "f = lambda e: e.x > 3.0",
        "f = lambda *e: e.x > 3",
        "f = lambda e: not e.x > 3",
        "f = lambda e: e.x > True",
    ]
    assert len({digest_of(cell(text)["f"]) for text in texts}) == len(texts)


def test_I7_two_lambdas_on_one_line_differ() -> None:
    a, b = (lambda e: e + 1), (lambda e: e + 2)
    c, d = (lambda e: e), (lambda e: e)
    assert not same(a, b)
    assert same(c, d)
    assert Call(a).source == "lambda e: e + 1"
    assert Call(b).source == "lambda e: e + 2"


def test_I7_nested_lambdas_on_one_line_are_told_apart() -> None:
    outer = lambda x: lambda y: lambda z: (x, y, z)  # noqa: E731
    assert [Call(f).source for f in (outer, outer(1), outer(1)(2))] == [
        "lambda x: lambda y: lambda z: (x, y, z)", "lambda y: lambda z: (x, y, z)", "lambda z: (x, y, z)",
    ]  # fmt: skip


def test_I7_lambdas_over_many_lines() -> None:
    long, short = (
        lambda e: [
            part
            for part in e
            if part
        ],
        lambda e: e,
    )  # fmt: skip
    assert Call(long).source == "lambda e: [part for part in e if part]"
    assert Call(short).source == "lambda e: e"


def test_I7_closure_values_count() -> None:
    def above(limit: object) -> Callable[[int], bool]:
        return lambda e: e > limit  # type: ignore[operator]

    assert same(above(3), above(3))
    limits: list[object] = [
        3,
        4,
        3.0,
        True,
        "3",
        (3,),
        [3],
        {3},
        {3: 4},
        None,
        b"3",
        dt.date(2026, 1, 1),
        dt.timedelta(3),
        AtLeast(3),
        Below(3),
        double,
    ]
    assert len({digest_of(above(limit)) for limit in limits}) == len(limits)


def test_I7_order_counts_in_lists_and_not_in_sets_and_dicts() -> None:
    def of(held: object) -> Callable[[], object]:
        return lambda: held

    assert same(of({"a": 1, "b": 2}), of({"b": 2, "a": 1}))
    assert same(of({"a", "b", "c"}), of({"c", "b", "a"}))
    assert not same(of(["a", "b"]), of(["b", "a"]))


def test_I7_defaults_count() -> None:
    def make(limit: int, key: str) -> Callable[..., object]:
        return lambda e, limit=limit, *, key=key: (e, limit, key)

    assert same(make(3, "a"), make(3, "a"))
    assert not same(make(3, "a"), make(4, "a"))
    assert not same(make(3, "a"), make(3, "b"))


def test_I7_values_count_as_they_were_when_the_call_was_made() -> None:
    held = [1]
    call = Call(lambda: held)
    before = call.digest
    held.append(2)
    assert call.digest == before
    assert Call(lambda: held) != call


def test_I7_a_local_function_that_calls_itself() -> None:
    def make() -> Callable[[int], int]:
        def countdown(n: int) -> int:
            return countdown(n - 1) if n else 0

        return countdown

    assert same(make(), make())


def test_I7_a_variable_that_is_not_assigned_yet() -> None:
    def make() -> Callable[[], object]:
        found = lambda: later  # noqa: E731
        assert digest_of(found)
        later = 3
        return found

    assert same(make(), make())


def test_I7_local_functions_of_other_places_differ() -> None:
    def one() -> Callable[[], int]:
        return lambda: 1

    def other() -> Callable[[], int]:
        return lambda: 1

    assert not same(one(), other())


def test_I7_a_decorator_is_not_the_function(cell: Callable[[str], Scope]) -> None:
    plain = "def task(**k):\n    return lambda f: f\n{}def f(e):\n    return e\n"
    assert same(cell(plain.format("@task(retries=1)\n"))["f"], cell(plain.format("@task(retries=2)\n"))["f"])


# ---------------------------------------------------------------------------------- without a source


def test_I7_without_source_the_code_counts() -> None:
    text = "f, g = (lambda e: [e.x for _ in {1, 2, 3}]), (lambda e: [e.y for _ in {1, 2, 3}])"
    first, again, below = nowhere(text), nowhere(text), nowhere("\n\n" + text)
    assert "code" in fingerprint_of(first["f"])
    assert same(first["f"], again["f"])
    assert same(first["f"], below["f"])
    assert not same(first["f"], first["g"])
    assert not same(nowhere("f = lambda: 1")["f"], nowhere("f = lambda: 1.0")["f"])


def test_I7_nested_code_counts() -> None:
    texts = [f"def f():\n    def g():\n        return {n}\n    return g\n" for n in (1, 2)]
    assert not same(*(nowhere(text)["f"] for text in texts))


def test_I7_a_source_edited_meanwhile_does_not_speak_for_the_old_function(tmp_path: Path) -> None:
    path = tmp_path / "edited.py"

    def load() -> Any:
        scope: Scope = {"__name__": "__main__"}
        exec(compile(path.read_text(), str(path), "exec"), scope)
        return scope["f"]

    path.write_text("f = lambda e: e.x > 3\n")
    asked, not_asked = load(), load()
    before = fingerprint_of(asked)
    path.write_text("f = lambda e: e.x > 400\n")
    assert "source" in before
    assert fingerprint_of(asked) == before
    assert "code" in fingerprint_of(not_asked)
    assert "400" in json.dumps(fingerprint_of(load()))


def test_I7_no_file_and_no_line_is_in_a_description(cell: Callable[[str], Scope]) -> None:
    for scope in (cell("f = lambda e: [e for e in e]"), nowhere("f = lambda e: [e for e in e]")):
        text = json.dumps(fingerprint_of(scope["f"]))
        assert scope["f"].__code__.co_filename not in text


# ------------------------------------------------------------------------------ parts and objects


def test_I7_a_partial_counts_by_its_parts() -> None:
    assert same(functools.partial(pow, 2, mod=5), functools.partial(pow, 2, mod=5))
    parts = [
        functools.partial(pow, 2),
        functools.partial(pow, 3),
        functools.partial(pow, mod=2),
        functools.partial(max, 2),
        pow,
    ]
    assert len({digest_of(p) for p in parts}) == len(parts)


def test_I7_a_bound_method_counts_by_its_parts() -> None:
    assert same(AtLeast(3).__call__, AtLeast(3).__call__)
    assert not same(AtLeast(3).__call__, AtLeast(4).__call__)
    assert not same(AtLeast(3).__call__, AtLeast(3))
    assert same("abc".startswith, "abc".startswith)
    assert not same("abc".startswith, "abd".startswith)
    with pytest.raises(InvalidValue, match=r"Plain.*its object"):
        digest_of(Plain().method)


def test_I7_frozen_objects_count_by_their_fields() -> None:
    assert same(AtLeast(3), AtLeast(3, note="not part of its equality"))
    assert not same(AtLeast(3), AtLeast(4))
    assert same(Below(3), Below(3))
    assert not same(AtLeast(3), Below(3))


def test_I7_operators_and_classes() -> None:
    assert same(operator.attrgetter("kind"), operator.attrgetter("kind"))
    assert not same(operator.attrgetter("kind"), operator.attrgetter("dag"))
    assert not same(operator.attrgetter("kind"), operator.itemgetter("kind"))
    assert fingerprint_of(dict) == {"ref": "builtins:dict"}


def test_I7_a_class_of_main_counts_by_what_it_does(cell: Callable[[str], Scope]) -> None:
    text = "import attrs\n@attrs.frozen\nclass Big:\n    limit: int\n"
    text += "    def __call__(self, e):\n        return e > self.limit\n"
    assert same(cell(text)["Big"](3), cell(text)["Big"](3))
    assert not same(cell(text)["Big"](3), cell(text)["Big"](4))
    assert not same(cell(text)["Big"](3), cell(text.replace(">", ">="))["Big"](3))


@pytest.mark.parametrize("thing", [Plain(), Mutable(3), functools.partial(Plain())])
def test_I7_other_callable_objects_are_refused(thing: Callable[..., object]) -> None:
    with pytest.raises(InvalidValue, match="frozen"):
        Call(thing)


@pytest.mark.parametrize("thing", [None, 3, "len", AtLeast, attrs.make_class("Data", ["x"], frozen=True)(1)])
def test_R15_what_cannot_be_called_is_refused(thing: Any) -> None:
    if callable(thing):
        assert Call(thing)
        return
    with pytest.raises(InvalidValue, match="cannot be called"):
        Call(thing)


def test_I7_a_value_without_identity_is_refused_with_the_way_to_it() -> None:
    lock = {"a": [threading.Lock()]}
    with pytest.raises(InvalidValue, match=r"closure variable 'lock', \['a'\], \[0\] of .*test_callables.py:\d+"):
        Call(lambda: lock)
    nothing = object()
    with pytest.raises(InvalidValue, match="default key="):
        Call(lambda *, key=nothing: key)


def test_I7_a_value_that_holds_itself() -> None:
    held: list[object] = [1]
    held.append(held)
    assert digest_of(lambda: held)


# --------------------------------------------------------------------------------- across processes

PROGRAM = """
import functools, sys
from reactive_dag.model.callables import digest_of, fingerprint_of
def local(limit, names):
    return lambda e: e.x > limit and e.y in names
f, g = (lambda e: e.x in {"a", "b", "c"}), (lambda e: {k: v for k, v in e})
def h(e, *, key={"a": {1, 2}, "b": frozenset("xyz")}):
    def inner():
        return e in {"p", "q", "r"}
    return inner
scope = {"__name__": "__main__"}
exec("n = lambda e: e in {'a', 'b', 'c'}", scope)
for fn in (f, g, h, local(3, {"u", "v", "w"}), functools.partial(h, key=frozenset("abc")), scope["n"], len):
    print(digest_of(fn))
"""


def test_I7_a_digest_is_the_same_in_every_process(tmp_path: Path) -> None:
    outputs = []
    for folder, seed in (("one", "1"), ("two", "2"), ("three", "random")):
        path = tmp_path / folder / "program.py"
        path.parent.mkdir()
        path.write_text(PROGRAM)
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        outputs.append(
            subprocess.run([sys.executable, str(path)], env=env, capture_output=True, text=True, check=True).stdout
        )
    assert outputs[0] == outputs[1] == outputs[2]
    assert len(set(outputs[0].split())) == 7


# ----------------------------------------------------------------------------------------------- Call


def test_a_call_is_a_value() -> None:
    limit = 3
    one, two = Call(lambda e: e > limit), Call(lambda e: e > limit)
    assert one == two
    assert hash(one) == hash(two)
    assert one != Call(double)
    assert one != "something else"
    assert one.fn(4) is True
    assert repr(one) == "lambda e: e > limit"
    assert repr(Call(double)) == "double"
    assert Call.of(one) is one
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        one.digest = ""  # type: ignore[misc]


def test_a_call_knows_its_place() -> None:
    line = double.__code__.co_firstlineno
    assert Call(double).place == place(double) == place(functools.partial(double, 1)) == f"{__file__}:{line}"
    assert place(AtLeast(3)).startswith(f"{__file__}:")
    assert (place(len), short_name(len), short_name(AtLeast(3))) == ("builtins:len", "len", "AtLeast.__call__")


def test_G5_a_call_with_a_name_goes_through_json_by_name() -> None:
    for fn in (double, len, AtLeast, str.upper):
        call = Call(fn)
        data = json.loads(json.dumps(call.to_json()))
        assert set(data) == {"ref"}
        loaded = Call.from_json(data)
        assert not loaded.bound
        assert loaded == call
        assert loaded.to_json() == call.to_json()
        assert loaded.bind().fn is fn
        assert loaded.bind().bound


@pytest.mark.parametrize("fn", [lambda e: e, functools.partial(double, 1), AtLeast(3), "abc".startswith])
def test_G5_a_call_without_a_name_goes_through_json_by_digest(fn: Callable[..., object]) -> None:
    call = Call(fn)
    loaded = Call.from_json(json.loads(json.dumps(call.to_json())))
    assert set(call.to_json()) == {"digest", "source"}
    assert loaded == call
    assert repr(loaded) == repr(call) or call.source is not None
    with pytest.raises(GraphError, match="no importable name"):
        loaded.bind()


def test_G5_an_unbound_call_says_what_is_missing() -> None:
    with pytest.raises(GraphError, match="some_module:fn is not bound"):
        Call.from_json({"ref": "some_module:fn"}).fn(1)
    with pytest.raises(GraphError, match=r"lambda e: e .digest"):
        Call.from_json(Call(lambda e: e).to_json()).fn(1)


@pytest.mark.parametrize(
    ("ref", "says"),
    [
        ("no_such_module_x:f", "cannot be imported"),
        ("json:no_such", "has no function 'no_such'"),
        ("json:__name__", "has no function"),
    ],
)
def test_G5_a_name_that_leads_nowhere_is_named(ref: str, says: str) -> None:
    with pytest.raises(GraphError, match=says) as caught:
        Call.from_json({"ref": ref}).bind()
    assert ref in str(caught.value)


def test_G5_binding_finds_the_function_that_a_declared_thing_carries(monkeypatch: pytest.MonkeyPatch) -> None:
    carrier = attrs.make_class("Carrier", ["fn"])(double)
    monkeypatch.setattr(sys.modules[__name__], "carried", carrier, raising=False)
    assert Call.from_json({"ref": f"{__name__}:carried"}).bind().fn is double


@pytest.mark.parametrize(
    "data", [None, {}, {"ref": "no_colon"}, {"ref": 3}, {"digest": 3}, {"source": "lambda: 1"}, "json:dumps"]
)
def test_R15_other_json_is_no_callable(data: object) -> None:
    with pytest.raises(InvalidValue, match="is no callable"):
        Call.from_json(data)


def test_importable_names() -> None:
    assert importable_name(double) == f"{__name__}:double"
    assert importable_name(AtLeast(3).__call__) is None
    assert importable_name(functools.wraps(double)(lambda x: x)) is None


def test_a_named_call_can_be_sent_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(Call(double))) == Call(double)
