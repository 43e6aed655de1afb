"""A graph in which much can happen at once, for the laws: every kind of trigger and task that a replay has to redo.

`zoo` declares it, `extra` puts DAGs with random triggers beside; `operations` draws what may happen, `play` does it.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.model.errors import GraphError
from reactive_dag.model.times import SECOND, to_datetime
from reactive_dag.triggers.base import Trigger
from tests.support.engines import parts
from tests.support.strategies import DAGS, DATASETS, is_even, triggers
from tests.support.world import World


def raises_sometimes(event: object) -> bool:
    """A filter with a fault in it."""
    return 12 // getattr(event, "extra", 1) > 2


def succeed(run: rd.Run) -> object:
    return {"attempt": run.attempt}


def fail(run: rd.Run) -> object:
    raise ValueError("it was to")


def give_up(run: rd.Run) -> object:
    raise rd.FailTask("for good")


def skip(run: rd.Run) -> object:
    raise rd.SkipTask("nothing to do")


def later(run: rd.Run) -> object:
    raise rd.RetryTask(after="3s")


def publish_twice(run: rd.Run) -> object:
    if run.task == "u":
        run.publish("d", extra=1)
        run.publish("d", extra=2, key=f"{run.key[:2]}")
    run.set("last", run.get("last", 0) + 1, ttl="9s" if run.task == "u" else None)
    return run.once("effect", lambda: 7)


def give_none(run: rd.Run) -> object:
    return []


def give_left(run: rd.Run) -> object:
    return ["left"]


def give_both(run: rd.Run) -> object:
    return ["left", "right"]


OUTCOMES: dict[str, Callable[[rd.Run], object]] = {
    "succeed": succeed, "fail": fail, "give_up": give_up, "skip": skip, "later": later, "publish_twice": publish_twice,
    "give_none": give_none, "give_left": give_left, "give_both": give_both,
}  # fmt: skip


def zoo(graph: rd.Graph, body: Callable[..., object]) -> None:
    """p, q, r with a task t each; joins, waits, rules, limits, windows, callables and clocks around them."""
    for dataset in DATASETS:
        graph.dataset(dataset.uri)
    a, b, c, d = (graph.dataset(dataset.uri) for dataset in DATASETS)

    def dag(id: str, on: Trigger | None, **options: object) -> rd.Dag:
        return graph.dag(id, on=on, **options) if on is not None else graph.dag(id, **options)

    p = dag("p", rd.updated(a), deadline="4s")
    t = p.task(id="t", retries=1, retry_delay="2s")(lambda run: body(run))
    p.task(id="u", after=[t], outlets=[d])(lambda run: body(run))
    q = dag("q", rd.completed(p, states="any"))
    q.task(id="t", timeout="5s", retries=1)(lambda run: body(run))
    q.wait_for(p, timeout="4s", soft_fail=True)
    r = dag("r", rd.every("7s"), catchup="all", deadline=rd.every("11s"))
    r.task(id="t", depends_on_past=True)(lambda run: body(run))
    dag("alarm", (rd.missed(p) | rd.missed(r)).batch(count=2, max_wait="6s")).task(id="t")(lambda run: body(run))
    late = dag("late", rd.every("7s"))
    late.wait_for(r, logical_date="7s", timeout="20s", since="start", id="before")
    late.task(id="v", after=["before"], trigger_rule="all_done")(lambda run: body(run))
    looks = dag("looks", rd.updated(a))
    how = {"timeout": "9s", "retries": 1, "soft_fail": True}
    looks.wait_for(b, id="push", partition=None, since="start", **how)
    looks.wait_for(b, id="poke", partition="2026-11-22", mode="poke", poll="2s", **how)
    looks.wait_for(p, id="again", mode="reschedule", poll="3s", since="start", **how)
    looks.wait_until(lambda run: body(run), id="held", mode="poke", poll="2s", timeout="20s", retries=1)
    looks.wait_until(lambda run: body(run), id="free", poll="3s", **how)
    looks.task(id="v", after=["push", "poke", "again", "held", "free"], trigger_rule="all_done")(lambda run: body(run))
    m = dag("m", rd.completed(p, states="any") & rd.completed(q, states="any"), max_active_runs=1, outlets=[c])
    x = m.task(id="x")(lambda run: body(run))
    y = m.task(id="y", after=[x], trigger_rule="one_failed")(lambda run: body(run))
    m.task(id="z", after=[x, y], trigger_rule="none_failed_min_one_success", priority=3)(lambda run: body(run))
    dag("repeats", rd.updated(a) | rd.updated(a).debounce("1s")).task(id="t")(lambda run: body(run))
    dag("faulty", rd.updated(b).where(raises_sometimes) & rd.updated(a)).task(id="t")(lambda run: body(run))
    dag("keyed", (rd.updated(a) & rd.updated(b)).by("partition").batch(count=2, max_wait="9s"), paused=True).task(
        id="t", retries=2, retry_delay=lambda attempt: f"{attempt}s"
    )(lambda run: body(run))
    by_hand = dag("by_hand", None, params={"n": 1}, max_active_runs=2)
    by_hand.task(id="t")(lambda run, n: body(run))
    by_hand.task(id="each", map_over="t", retries=1, retry_delay="2s", timeout="9s")(lambda run, t: body(run))
    by_hand.task(id="inner", map_over="each", trigger_rule="all_done")(lambda run, item=rd.item(): body(run))
    by_hand.task(id="pick", branch=True, after="t")(lambda run: body(run))
    by_hand.task(id="left", after="pick")(lambda run: body(run))
    by_hand.task(id="right", after=["pick", "each"], trigger_rule="none_failed")(lambda run: body(run))
    by_hand.task(id="clean", after=["left", "right", "inner"], teardown=True)(lambda run: body(run))
    dag("follows", rd.updated(c) | rd.updated(d), catchup="none").task(id="t")(lambda run: body(run))
    assert set(DAGS) <= set(graph.dags)


def extra(graph: rd.Graph, body: Callable[..., object], id: str, trigger: Trigger) -> bool:
    """A DAG with this trigger; False where T8 refuses it, or a cycle."""
    before = graph.dags.get(id)
    if before is not None and before.triggers == {"": trigger}:
        return False
    try:
        made = rd.Dag(id, on=trigger)
        made.task(id="t")(lambda run: body(run))
        graph.register(made, replace=True)
        graph.effective(id)
    except (GraphError, rd.InvalidValue):
        if before is not None:
            graph.register(before, replace=True)
        elif id in graph.dags:
            graph.remove(id)
        return False
    return True


# ---------------------------------------------------------------------------------------------- what may happen

SPANS = [0, SECOND, SECOND, 2 * SECOND, 3 * SECOND, 7 * SECOND, 10 * SECOND]
LEAVES = ["late", "looks", "m", "follows", "keyed", "by_hand", "x0"]
"""Nobody needs them, so they may be removed."""
CALLED = ["p", "q", "r", "looks", "m", "late", "keyed", "by_hand", "follows", "x0"]


WEEKS = ["2026-W41", "2026-W42", "2026-W43", "2026-W44"]
"""Those that begin in one month, which has ended."""


def fields() -> st.SearchStrategy[dict[str, object]]:
    """What an event may say."""
    return st.fixed_dictionaries(
        {},
        optional={
            "extra": st.integers(0, 4),
            "partition": st.sampled_from(["2026-11-22", "2026-11-23"]) | st.sampled_from(WEEKS),
            "logical_date": st.sampled_from(["2026-11-22", "2026-11-23"]),
            "key": st.sampled_from(["k1", "k2"]),
            "kind": st.sampled_from(["updated", "updated", "created", "deleted"]),
        },
    )


def dimensioned_events() -> st.SearchStrategy[tuple[str, dict[str, object]]]:
    """Events of the datasets with dimensions: each names its partition (T19)."""
    texts = {"e": ["eu|2026-11-22", "us|2026-11-22", "eu|2026-11-23"], "f": ["eu", "us"]}

    def said(uri: str) -> st.SearchStrategy[tuple[str, dict[str, object]]]:
        partition = st.sampled_from(texts[uri])
        return st.tuples(fields(), partition).map(lambda of: (uri, {**of[0], "partition": of[1]}))

    return st.sampled_from("eef").flatmap(said)


def operations(max_size: int = 30) -> st.SearchStrategy[list[tuple[object, ...]]]:
    """Histories: facts, ends of attempts and time above all; changes, pauses, deaths now and then."""
    uris = st.sampled_from([dataset.uri for dataset in DATASETS])
    event = st.tuples(uris, fields())
    publish = event.map(lambda e: ("publish", *e))
    finish = st.tuples(st.just("finish"), st.integers(0, 5), st.sampled_from(["succeed", *OUTCOMES]))
    advance = st.sampled_from(SPANS).map(lambda span: ("advance", span))
    settle = st.just(("settle",))
    rare = [
        st.tuples(st.just("publish_many"), st.lists(event, min_size=1, max_size=4)),
        st.tuples(st.just("start"), st.just("by_hand"), st.sampled_from([None, "s1", "s2"])),
        st.tuples(st.just("tick"), st.sampled_from(SPANS)),
        st.tuples(st.sampled_from(["pause", "resume", "cancel"]), st.sampled_from(CALLED)),
        st.tuples(st.just("redefine"), st.sampled_from(["x0", "x1"]), triggers(2)),
        st.tuples(st.just("remove"), st.sampled_from(LEAVES)),
        st.tuples(st.just("backfill"), st.sampled_from(["r", "late"]), st.sampled_from([None, 1, 2]), st.booleans()),
        st.tuples(st.just("set"), st.sampled_from(["last", "other"]), st.sampled_from([None, "3s"])),
        st.just(("declare",)),
        st.just(("retry_faults",)),
        st.just(("snapshot",)),
        st.just(("die",)),
        st.tuples(st.just("die_at"), st.integers(1, 3)),
    ]
    return st.lists(st.one_of([publish] * 4 + [finish] * 6 + [advance] * 2 + [settle] * 2 + rare), max_size=max_size)


def play(world: World, operation: tuple[object, ...]) -> None:
    """Do one of them."""
    name, *given = operation
    PLAYS[str(name)](world, *given)


def _cancel(world: World, dag: str) -> None:
    if dag in world.graph.dags:
        for run in world.engine.runs(dag)[:1]:
            world.engine.cancel(run)


def _known(call: str) -> Callable[[World, str], None]:
    def do(world: World, dag: str) -> None:
        if dag in world.graph.dags:
            getattr(world.engine, call)(dag)

    return do


def _remove(world: World, dag: str) -> None:
    if dag in world.graph.dags:
        world.removed_with_runs |= bool(world.engine.runs(dag))
        world.graph.remove(dag)


def _start(world: World, dag: str, key: str | None) -> None:
    if dag in world.graph.dags:
        world.engine.start(dag, key=key)


def _backfill(world: World, dag: str, most: int | None, stop: bool) -> None:
    now = world.clock.now()
    if dag in world.graph.dags:
        world.engine.backfill(
            dag,
            to_datetime(now - 40 * SECOND),
            to_datetime(now),
            max_active_runs=most,
            stop_on_failure=stop,
            again=stop,
        )


def _snapshot(world: World) -> None:
    parts(world.engine).turn.snapshot_at = -(10**9)


def _die(world: World) -> None:
    world.die()
    world.open()


def _die_at(world: World, commits: int) -> None:
    if world.killed_while(lambda: world.advance(SECOND), commits):
        world.open()


PLAYS: dict[str, Callable[..., object]] = {
    "publish": lambda world, uri, fields: world.engine.publish(uri, **fields),
    "publish_many": lambda world, events: world.engine.publish_many(events),
    "start": _start,
    "finish": lambda world, number, outcome: world.finish(number, OUTCOMES[outcome]),
    "advance": lambda world, span: world.advance(span),
    "tick": lambda world, span: world.clock.advance_to(world.clock.now() + span),
    "settle": lambda world: world.settle(),
    "pause": _known("pause"),
    "resume": _known("resume"),
    "cancel": _cancel,
    "redefine": lambda world, id, trigger: extra(world.graph, world.body, id, trigger),
    "remove": _remove,
    "backfill": _backfill,
    "set": lambda world, name, ttl: world.engine.set(name, world.clock.now(), ttl=ttl),
    "declare": lambda world: zoo(world.graph, world.body),
    "retry_faults": lambda world: world.engine.retry_faults("faulty"),
    "snapshot": _snapshot,
    "die": _die,
    "die_at": _die_at,
}

__all__ = ["OUTCOMES", "extra", "is_even", "operations", "play", "zoo"]
