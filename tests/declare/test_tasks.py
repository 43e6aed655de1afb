"""Tasks: where parameters come from, and the plan of a DAG (tour 1)."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.declare.dag import Dag
from reactive_dag.declare.internals import bindings_of, plan_of
from reactive_dag.declare.parameters import Binding, Parameter, links_of, parameters_of
from reactive_dag.model.errors import CycleError, GraphError, InvalidValue, UsageError


def bindings(task):
    return [(each.name, each.kind, each.ref) for each in bindings_of(task)]


def test_a_parameter_is_run_then_a_task_then_a_param_then_its_default():
    build = Dag("build", params={"full": False, "extract": 3})
    build.add(lambda run: 1, id="extract")

    @build.task
    def load(run, extract, full, limit=10, *args, **kwargs): ...

    assert bindings(load) == [
        ("run", "run", ""),
        ("extract", "task", "extract"),
        ("full", "param", "full"),
        ("limit", "default", ""),
    ]
    assert load.needs == ("extract",)


def test_the_names_of_later_tasks_count_too():
    build = Dag("build", params={"extract": 3})

    @build.task
    def load(extract, users=None): ...

    assert bindings(load) == [("extract", "param", "extract"), ("users", "default", "")] and load.needs == ()
    build.add(lambda run: 1, id="extract")
    build.add(lambda run: 1, id="users")
    assert bindings(load) == [("extract", "task", "extract"), ("users", "task", "users")]
    assert load.needs == ("extract", "users") and plan_of(build).needs == ((1, 2), (), ())


def test_rd_output_is_the_explicit_spelling():
    build = Dag("build")

    @build.task(id="a very long name")
    def extract(run) -> list[int]: ...

    @build.task
    def load(run, rows: list[int] = rd.output(extract), more: object = rd.output("extra")): ...

    assert bindings(load)[1:] == [("rows", "task", "a very long name"), ("more", "task", "extra")]
    assert load.needs == ("a very long name",) and build._table.links("load").strangers == ("extra",)
    with pytest.raises(InvalidValue):
        rd.output(3)


def test_rd_output_of_another_dag_says_to_wait():
    one, other = Dag("one"), Dag("other")
    task = one.add(lambda run: 1, id="t")
    with pytest.raises(GraphError, match=r"wait_for\('one', task='t'\)"):
        other.add(lambda x=rd.output(task): 1, id="u")
    assert not other.tasks


def test_needs_are_in_order_and_once():
    build = Dag("build")
    a = build.add(lambda run: 1, id="a")
    build.add(lambda run: 1, id="b")
    c = build.add(lambda b, again=rd.output("b"): 1, id="c", after=[a, "b", a])
    assert c.needs == ("b", "a") and c.after == ("a", "b")
    plan = plan_of(build)
    plan._check()
    assert plan.needs[2] == (1, 0) and plan.followers == ((2,), (2,), ()) and plan.counts == (0, 0, 2)
    assert plan.roots == (0, 1) and plan.last == (2,) and not plan.simple and plan is plan_of(build)


def test_the_plan_follows_changes():
    build = Dag("build")
    build.add(lambda run: 1, id="a")
    before = plan_of(build)
    build.add(lambda a: 1, id="b")
    assert before.ids == ("a",) and plan_of(build).ids == ("a", "b")
    build.add(lambda run: 1, id="b")
    assert plan_of(build).needs == ((), ())


def test_parameters_of_anything_that_can_be_called():
    class Load:
        def __call__(self, rows, *, run=None): ...

        def method(self, rows, run): ...

    def wrapped(fn):
        @functools.wraps(fn)
        def inner(*args, **kwargs): ...

        return inner

    @wrapped
    def load(rows, run): ...

    def names(fn):
        return [each.name for each in parameters_of(fn)]

    assert names(Load()) == ["rows", "run"] == names(Load().method) == names(load)
    assert names(functools.partial(Load().method, 3)) == ["run"]

    async def body(run, *, rows=1): ...

    assert names(body) == ["run", "rows"] and parameters_of(body)[1].has_default
    with pytest.raises(InvalidValue, match="positional-only"):
        parameters_of(lambda run, /: 1)
    with pytest.raises(InvalidValue, match="cannot be read"):
        parameters_of(dict)


class Loader:
    def __call__(self, run): ...


@pytest.mark.parametrize(
    ("fn", "named"),
    [
        (lambda run: 1, "<lambda> (FILE:"),
        (functools.partial(lambda rows, run: 1, 3), "functools.partial of <lambda> (FILE:"),
        (Loader(), "an object of tests.declare.test_tasks.Loader"),
    ],
)
def test_a_function_without_a_name_is_told_by_its_place(fn, named):
    for give in (Dag("a").add, Dag("a").task, rd.Graph("g").dag, lambda fn: Dag("a").add(Loader.__call__, after=[fn])):
        with pytest.raises(InvalidValue) as refused:
            give(fn)
        text = str(refused.value)
        assert " at 0x" not in text
        assert named.replace("FILE", __file__) in text


def test_what_is_no_task():
    with pytest.raises(InvalidValue, match="made of a function"):
        Dag("a").add("load")
    with pytest.raises(InvalidValue, match="no name"):
        Dag("a").add(lambda run: 1)
    with pytest.raises(InvalidValue, match="after"):
        Dag("a").add(lambda run: 1, id="t", after=[3])
    with pytest.raises(UsageError, match="options already"):
        Dag("a").add(rd.Task(lambda run: 1, id="t"), retries=2)
    wait = Dag("a").wait_for("b")
    with pytest.raises(UsageError, match="no function"):
        wait()


def test_tasks_are_typed_by_their_function():
    task = rd.Task(lambda rows, run: len(rows), id="t")
    assert task([1, 2], run=None) == 2 and task.dag is None and task.needs == () == bindings_of(task)
    assert "test_tasks.py:" in task.place


NAMES = st.sampled_from(["run", "a", "b", "c", "d"])


@given(st.lists(NAMES, unique=True), st.sets(NAMES), st.sets(NAMES), st.sets(NAMES))
def test_every_parameter_is_bound_or_unknown(names, tasks, params, defaults):
    bound = links_of(tuple(Parameter(n, n in defaults) for n in names), (), tasks, params)
    found = {each.name: each for each in bound.bindings}
    assert [*found, *bound.unknown] == sorted([*found, *bound.unknown], key=[*found, *bound.unknown].index)
    assert found.keys() | set(bound.unknown) == set(names)
    for name in names:
        if name == "run":
            assert found[name] == Binding(name, "run")
        elif name in tasks:
            assert found[name] == Binding(name, "task", name)
        elif name in params:
            assert found[name] == Binding(name, "param", name)
        else:
            assert (name in found) == (name in defaults)


@st.composite
def declarations(draw):
    """Tasks in the order of declaration, each with what it asks for; names may come later, circles too."""
    names = [f"t{i}" for i in range(draw(st.integers(1, 7)))]
    order = draw(st.permutations(names))
    return [(name, draw(st.lists(st.sampled_from(names), max_size=3))) for name in order]


@given(declarations())
def test_links_kept_step_by_step_are_those_worked_out_at_once(steps):
    dag, kept = Dag("d"), []
    for name, after in steps:
        try:
            dag.add(lambda run: 1, id=name, after=after)
            kept.append((name, after))
        except CycleError:
            continue
    fresh = Dag("e")
    for name, after in kept:
        fresh.add(lambda run: 1, id=name, after=after)
    fresh._table.forget()
    assert {n: t.needs for n, t in dag.tasks.items()} == {n: t.needs for n, t in fresh.tasks.items()}
    plan_of(dag)._check()
