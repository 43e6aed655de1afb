"""R11: a run that began goes on with its plan to its end, whatever is declared meanwhile, in this life and in the next.

Every kind of change of a definition, at every moment of a run's life. The right outcome is worked out from the plan
that the run began with and from what is declared at the end, naively.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.model.times import MINUTE
from tests.laws.test_task_order import RULES, end_of
from tests.support.profiles import examples
from tests.support.world import World

ENDED = ("success", "failed", "skipped", "upstream_failed")


@frozen
class Spec:
    """A task; `takes` names tasks whose outputs its body asks for; a wait awaits `gate`, which opens in the end."""

    kind: str = "task"
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    rule: str = "all_success"
    retries: int = 0
    outlets: tuple[str, ...] = ()
    timeout: str | None = None
    past: bool = False


Specs = dict[str, Spec]

BASE: Specs = {
    "a": Spec(retries=2, outlets=("x",)),
    "w": Spec("wait", needs=("a",)),
    "b": Spec(needs=("a",), retries=1, timeout="9h", outlets=("y",)),
    "c": Spec(needs=("w", "b"), rule="all_done", retries=1),
    "d": Spec(needs=("c",)),
}

CHANGES: dict[str, Callable[[Specs], Specs | None]] = {
    "nothing": dict,
    "retries lowered": lambda s: {id: evolve(each, retries=0) for id, each in s.items()},
    "retries raised": lambda s: {id: evolve(each, retries=5) for id, each in s.items() if each.kind == "task"}
    | {"w": s["w"]},
    "a wait added": lambda s: {**s, "v": Spec("wait"), "d": evolve(s["d"], needs=("c", "v"))},
    "a wait removed": lambda s: {id: each for id, each in s.items() if id != "w"} | {"c": Spec(needs=("b",))},
    "a task removed": lambda s: {id: each for id, each in s.items() if id != "b"} | {"c": Spec(needs=("w",))},
    "the first removed": lambda s: {"w": Spec("wait"), "b": Spec(), "c": Spec(needs=("b", "w")), "d": s["d"]},
    "all but one removed": lambda s: {"d": Spec()},
    "a task added": lambda s: {"first": Spec(), **s, "a": evolve(s["a"], needs=("first",))},
    "a task renamed": lambda s: {("e" if id == "d" else id): each for id, each in s.items()},
    "the order turned": lambda s: {"d": Spec(), "c": Spec(needs=("d",)), "b": Spec(needs=("c",)), "w": s["w"],
                                   "a": Spec(needs=("b",))} | {"w": Spec("wait")},
    "rules changed": lambda s: {**s, "c": evolve(s["c"], rule="all_failed"), "d": evolve(s["d"], rule="one_failed")},
    "outlets changed": lambda s: {**s, "a": evolve(s["a"], outlets=("y",)), "b": evolve(s["b"], outlets=())},
    "timeouts changed": lambda s: {**s, "a": evolve(s["a"], timeout="8h"), "b": evolve(s["b"], timeout=None)},
    "a task becomes a wait": lambda s: {**s, "b": Spec("wait", needs=("a",))},
    "a wait becomes a task": lambda s: {**s, "w": Spec(needs=("a",))},
    "a parameter outside the plan": lambda s: {"new": Spec(), **s, "d": evolve(s["d"], takes=("new",))},
    "a parameter of a later task": lambda s: {**s, "b": Spec(needs=("a",), takes=("d",)), "c": Spec(), "d": Spec()},
    "a past": lambda s: {**s, "d": evolve(s["d"], past=True)},
    "the DAG removed": lambda s: None,
}  # fmt: skip


class Life:
    """A world whose bodies say of which definition they are, and whose graph changes."""

    def __init__(self) -> None:
        self.version = 1
        self.graph = self.fresh(BASE)
        self.world = World(self.graph)
        self.ran: list[tuple[str, int, int]] = []

    def fresh(self, specs: Specs | None) -> rd.Graph:
        graph = rd.Graph("plans")
        for uri in "xyz":
            graph.dataset(uri)
        graph.dag("gate").add(self.body("gate"), id="gate")
        if specs is not None:
            self.declare(graph, specs)
        return graph

    def body(self, id: str) -> Callable[..., object]:
        version = self.version

        def body(run: rd.Run) -> object:
            self.ran.append((id, run.attempt, version))
            return self.world.body(run) or version

        return body

    def taking(self, id: str, takes: tuple[str, ...]) -> Callable[..., object]:
        made = self.body(id)
        (other,) = takes
        scope: dict[str, object] = {"made": made}
        exec(f"def taking({other}, run):\n    return made(run)", scope)
        return scope["taking"]  # type: ignore[return-value]

    def declare(self, graph: rd.Graph, specs: Specs) -> None:
        dag = rd.Dag("job")
        for id, spec in specs.items():
            if spec.kind == "wait":
                dag.wait_for("gate", id=id, after=list(spec.needs), timeout="90d", logical_date="same")
                continue
            fn = self.taking(id, spec.takes) if spec.takes else self.body(id)
            dag.add(
                fn, id=id, after=list(spec.needs), trigger_rule=spec.rule, retries=spec.retries, retry_delay="5m",
                outlets=list(spec.outlets), timeout=spec.timeout, depends_on_past=spec.past,
            )  # fmt: skip
        graph.register(dag, replace=True)

    def change(self, specs: Specs | None, next_life: bool) -> None:
        self.version += 1
        if next_life:
            self.world.die()
            self.graph = self.world.graph = self.fresh(specs)
            self.world.open()
        elif specs is None:
            self.graph.remove("job")
        else:
            self.declare(self.graph, specs)


def usable(id: str, specs: Specs | None, plan: Specs) -> bool:
    """Whether what is declared can go on as a task of the plan."""
    if specs is None or id not in specs or specs[id].kind != plan[id].kind:
        return False
    return set(specs[id].takes) <= set(plan[id].needs)


def expected(at_change: dict[str, str], specs: Specs | None, fails: dict[str, int], next_life: bool) -> dict[str, str]:
    """The states of all tasks in the end: of the plan, those that had ended as they were."""
    found: dict[str, str] = {}
    for id, spec in BASE.items():
        if at_change.get(id) in ENDED:
            found[id] = at_change[id]
            continue
        judged = end_of(spec.rule, [found[need] for need in spec.needs])
        if judged != "ready":
            found[id] = judged
        elif next_life and not usable(id, specs, BASE):
            found[id] = "failed"
        else:
            found[id] = "failed" if fails.get(id, 0) > spec.retries else "success"
    return found


def failing(fails: dict[str, int]) -> Callable[[rd.Run], object]:
    """A body fails as often as it is told, whatever was lost."""

    def outcome(run: rd.Run) -> object:
        lost = sum(attempt.state == "lost" for attempt in run.tasks[run.task].attempts)
        if run.attempt - lost <= fails.get(run.task, 0):
            raise ValueError("as asked")
        return None

    return outcome


def step(life: Life, outcome: Callable[[rd.Run], object]) -> bool:
    """One attempt ends, or a retry comes due; whether there was anything."""
    world = life.world
    if world.runner.jobs:
        world.finish(0, outcome)
    elif world.core.timers.due <= world.clock.now() + 10 * MINUTE:
        world.advance(5 * MINUTE)
    else:
        return False
    world.settle()
    world.core._check()
    return True


def lived(name: str, moment: int, next_life: bool, fails: dict[str, int], half: bool, twice: bool) -> None:
    """A run begins, the definition changes at a moment, and all goes on to its end."""
    life = Life()
    world, outcome = life.world, failing(fails)
    key = life.world.engine.start("job", logical_date="2026-11-22").key
    world.settle()
    for _ in range(moment):
        step(life, outcome)
    if half and world.runner.jobs:
        world.finish(0, outcome)  # its result is in the log, or lost with the process, and nobody has looked at it
    row = world.engine.run(key)
    state, at_change = row.state, {id: task.state for id, task in row.tasks.items()}
    handed = {id for id, task in at_change.items() if task == "running"}
    specs = CHANGES[name](BASE)
    life.change(specs, next_life)
    world.settle()
    world.core._check()
    if half and not next_life:
        at_change = {id: task.state for id, task in world.engine.run(key).tasks.items()}
    if twice and next_life:
        life.change(specs, True)
        world.settle()
    for _ in range(60):
        if not step(life, outcome):
            if world.engine.runs("gate"):
                break
            life.world.engine.start("gate", logical_date="2026-11-22")
            world.settle()
    run = world.engine.run(key)
    found = {id: task.state for id, task in run.tasks.items()}
    if specs is None and next_life and state == "running":
        assert run.state == "failed" and "TaskGone" in (run.error or "")
        return
    assert found == expected(at_change, specs, fails, next_life), run.tasks
    assert list(found) == list(BASE), "the tasks of the plan, in its order"
    assert run.state == ("failed" if {"failed", "upstream_failed"} & set(found.values()) else "success")
    for id, task in run.tasks.items():
        gone = next_life and not usable(id, specs, BASE)
        if task.state == "failed" and at_change.get(id) != "failed" and gone:
            assert "TaskGone" in (task.error or ""), task
        if task.state == "success" and BASE[id].kind == "task" and at_change.get(id) != "success":
            old = not next_life and (id in handed or not usable(id, specs, BASE))
            assert task.output == (1 if old and len(task.attempts) == 1 else life.version) or old, (id, task)
    foreign = {id for id, _, _ in life.ran} - set(BASE) - {"gate"}
    assert not foreign, "a task that the plan never had was executed"
    if specs is not None:  # of a run whose DAG is gone a later process knows only the end
        world.check_replay()
    world.close()


@pytest.mark.parametrize("next_life", [False, True], ids=["same life", "next life"])
@pytest.mark.parametrize("name", CHANGES)
def test_R11_a_begun_run_meets_another_definition(name: str, next_life: bool) -> None:
    for moment in range(7):
        lived(name, moment, next_life, {"a": 1, "b": 1}, half=False, twice=False)


@settings(deadline=None, max_examples=examples(120))
@given(
    st.sampled_from(sorted(CHANGES)), st.integers(0, 9), st.booleans(),
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 3)), st.booleans(), st.booleans(),
)  # fmt: skip
def test_R11_a_begun_run_meets_another_definition_at_any_moment(
    name: str, moment: int, next_life: bool, fails: dict[str, int], half: bool, twice: bool
) -> None:
    lived(name, moment, next_life, fails, half, twice)


def test_R11_rules_of_this_file_are_those_there_are() -> None:
    assert {spec.rule for spec in BASE.values()} <= set(RULES)


@pytest.mark.parametrize("next_life", [False, True], ids=["same life", "next life"])
def test_R11_an_attempt_publishes_to_the_outlets_that_it_began_with(next_life: bool) -> None:
    life = Life()
    world = life.world
    world.engine.start("job", logical_date="2026-11-22")
    world.settle()
    life.change(CHANGES["outlets changed"](BASE), next_life)
    world.settle()
    step(life, failing({}))
    counts = {uri: len(world.engine.events(uri)) for uri in "xy"}
    assert counts == ({"x": 0, "y": 1} if next_life else {"x": 1, "y": 0}), "the lost attempt is made anew"
    step(life, failing({}))
    assert {uri: len(world.engine.events(uri)) for uri in "xy"} == counts, "b has no outlets any more"
    world.check()
    world.close()


def test_R11_a_wait_under_way_goes_on_as_it_is_declared_now() -> None:
    found = []
    for next_life in (False, True):
        life = Life()
        world = life.world
        key = world.engine.start("job", logical_date="2026-11-22").key
        world.settle()
        step(life, failing({}))
        assert world.engine.run(key).tasks["w"].state == "waiting"
        life.graph.dag("other").add(life.body("other"), id="other")
        dag = rd.Dag("job")
        for id, spec in BASE.items():
            if id == "w":
                dag.wait_for("other", id="w", after=["a"], timeout="90d")
            else:
                dag.add(life.body(id), id=id, after=list(spec.needs), trigger_rule=spec.rule, retries=spec.retries)
        life.graph.register(dag, replace=True)
        if next_life:
            world.die()
            world.open()
        world.settle()
        world.check()
        world.engine.start("other", logical_date="2026-11-22")
        for _ in range(20):
            world.settle()
            step(life, failing({}))
        found.append({id: task.state for id, task in world.engine.run(key).tasks.items()})
        world.check()
        world.close()
    assert found[0] == found[1] == dict.fromkeys(BASE, "success")
