"""Interventions and durations as models, each with its known answer (W1, W2, W4 to W8)."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import reactive_dag as rd
from reactive_dag.model.errors import InvalidValue, UnknownId
from reactive_dag.model.times import MINUTE, SECOND
from reactive_dag.whatif.question.distribution_kinds import LONGEST_SPAN
from reactive_dag.whatif.question.draws import future_keys
from reactive_dag.whatif.question.lateness import Lateness
from tests.support.profiles import examples

START = "2026-11-23T00:00Z"


def nothing() -> None:
    """A body."""


def play(graph: rd.Graph, **asked: object) -> rd.Simulation:
    options: dict[str, object] = {"start": START, "until": "1d", "default_duration": "10m"}
    return rd.simulate(graph, **(options | asked))  # type: ignore[arg-type]


def spans(course: rd.Simulation, dag: str = "a") -> list[float]:
    """How long (s) the runs of a DAG took, in the order of their requests."""
    return [(run.ended - run.started).total_seconds() for run in course.runs_of(dag)]


def often(**options: object) -> rd.Graph:
    """A DAG of one task every 5 minutes, and another after each of its runs."""
    graph = rd.Graph("often")
    graph.dag("a", schedule="*/5 * * * *", **options)(nothing)  # type: ignore[arg-type]
    graph.dag("b", on=rd.completed("a"))(nothing)
    return graph


# ---------------------------------------------------------------------------------------------------- durations (W1)


def test_W1_the_most_exact_name_counts_and_a_function_may_give_distributions() -> None:
    graph = rd.Graph("names")
    for dag in ("a", "b", "c"):
        graph.dag(dag, schedule="0 2 * * *").add(nothing, "t")
    given = {"a": "1m", "a.t": rd.uniform("2m", "2m"), "b": lambda name: rd.lognormal("3m", 0)}
    course = play(graph, durations=given, default_duration=rd.empirical(["4m"]))
    assert [spans(course, dag) for dag in ("a", "b", "c")] == [[120], [180], [240]]


def test_W1_durations_may_be_a_list_of_which_the_last_counts() -> None:
    graph = often()
    course = play(graph, durations=[{"a": "1m", "b": "1m"}, {"a": "2m"}, rd.shared("x", 1.5, tasks=["a"])])
    assert set(spans(course)) == {180} and set(spans(course, "b")) == {60}
    dag = graph.dags["a"]
    assert set(spans(play(graph, durations=[{"a": "1m"}, {dag: "2m"}, {"a": "3m"}]))) == {180}
    both = play(graph, durations=[{"a": "1m"}, lambda name: "4m"], default_duration=None)
    assert set(spans(both)) == {60} and set(spans(both, "b")) == {240}


@pytest.mark.parametrize(
    ("durations", "said"),
    [
        ([{"a": "1m"}, "5m"], r"give a dict of names and durations.*or a list of these"),
        ([lambda name: "1m", lambda name: "2m"], "give a dict of names"),
        ({"a": rd.lognormal(1, 0.4)}, "the duration of 'a': rd.lognormal.* has no unit"),
        (lambda name: rd.lognormal(1, 0.4), r"the duration of a\.nothing: .* has no unit"),
        ({"b.w": "5m"}, "'b.w' is a wait, which lasts until what it awaits is there"),
        (rd.shared("x", 2, tasks=["b.w"]), r"durations=: rd.shared\('x'\): tasks=: 'b.w' is a wait"),
    ],
)
def test_W1_what_cannot_be_meant_is_refused(durations: object, said: str) -> None:
    graph = often()
    graph.dags["b"].wait_for("a", id="w", match="latest", timeout="1h")
    with pytest.raises(InvalidValue, match=f"(?s){said}"):
        play(graph, durations=durations, default_duration=None if callable(durations) else "10m")


def test_W1_a_draw_for_each_attempt_of_each_run() -> None:
    course = play(often(), durations={"a": rd.lognormal("2m", 0.4)}, default_duration="1s")
    drawn = spans(course)
    assert len(set(drawn)) == len(drawn) == 288
    assert stats.kstest(drawn, stats.lognorm(0.4, scale=120).cdf).pvalue > 0.001


def test_W1_instances_of_a_mapped_task_draw_by_themselves() -> None:
    graph = rd.Graph("mapped")
    dag = graph.dag("a", schedule="0 2 * * *")
    dag.add(nothing, "list")
    dag.add(lambda value=rd.item(): None, "each", map_over="list")
    course = play(graph, outputs={"a.list": [1, 2, 3]}, durations={"a.each": rd.uniform("1m", "9m")})
    each = [row.end - row.start for row in course.timeline() if row.task.startswith("each[")]
    assert len(set(each)) == len(each) == 3


# --------------------------------------------------------------------------------------------------- draws (W2)


RANDOM = {"a": rd.lognormal("2m", 0.4), "b": rd.uniform("1m", "9m")}


def test_W2_one_seed_is_one_course_and_another_is_another() -> None:
    graph = often()
    one, again, other = (play(graph, durations=RANDOM, seed=seed) for seed in (3, 3, 4))
    assert spans(one) == spans(again) and spans(one, "b") == spans(again, "b")
    assert not set(spans(one)) & set(spans(other))


def test_W2_an_intervention_changes_no_other_draw() -> None:
    base = play(often(), durations=RANDOM)

    def drawn(course: rd.Simulation, dag: str) -> dict[str, float]:
        return dict(zip([run.key for run in course.runs_of(dag)], spans(course, dag)))

    usual = pytest.approx(drawn(base, "b"), abs=2e-6)  # datetimes are cut to microseconds
    for changed in (rd.delay("a", "7m"), rd.duration("a", rd.exponential("1m")), rd.duration("a", times=1.5)):
        assert drawn(base.what_if(changed), "b") == usual
    assert drawn(base.what_if(rd.delay("a", "7m")), "a") == drawn(base, "a")
    assert drawn(base.what_if(rd.fail("b", p=0.5)), "b") == usual, "durations and failures are two draws"


def test_W2_a_run_draws_by_what_it_is_not_by_when_the_simulation_began() -> None:
    graph = often()
    whole = play(graph, durations=RANDOM)
    later = play(graph, durations=RANDOM, start="2026-11-23T12:00Z", until="12h")
    assert spans(later) == spans(whole)[144:]
    assert spans(later, "b") == spans(whole, "b")[144:]


def test_W2_events_from_outside_are_known_by_tick_and_partition_not_by_number() -> None:
    graph = rd.Graph("outside")
    users = graph.dataset("users", partitions=rd.values("eu", "us", name="region"))
    graph.dag("a", on=users)(nothing)

    def drawn(start: str) -> dict[object, object]:
        course = play(
            graph, sources={users: rd.every("6h")}, durations={"a": RANDOM["b"]}, start=start, until="2026-11-24T00:00Z"
        )
        return {(run.logical_date, run.partition): run.ended - run.started for run in course.runs}

    whole, half = drawn(START), drawn("2026-11-23T12:00Z")
    assert len(set(whole.values())) == 8 and len(half) == 4 and half.items() <= whole.items()


# --------------------------------------------------------------------------------------------- shared factors (W4)


def test_W4_a_shared_factor_multiplies_all_its_tasks_alike() -> None:
    graph = often()
    slow = rd.shared("warehouse", rd.lognormal(1, 0.3), tasks=["a", "b"])
    base = play(graph, durations={"a": "2m", "b": rd.uniform("1m", "9m")})
    course = base.what_if(slow)
    (factor,) = {round(taken / 120, 9) for taken in spans(course)}
    assert 0.3 < factor < 3 and factor != 1
    assert spans(course, "b") == pytest.approx([each * factor for each in spans(base, "b")], abs=1e-4)
    assert spans(play(graph, durations=[{"a": "2m", "b": rd.uniform("1m", "9m")}, slow])) == spans(course)
    other = play(graph, durations=[{"a": "2m"}, slow], seed=1)
    assert {round(taken / 120, 9) for taken in spans(other)} != {factor}


def test_W4_factors_multiply_and_one_of_the_same_name_takes_the_place() -> None:
    base = play(often(), durations=[{"a": "2m"}, rd.shared("warehouse", 1.5, tasks=["a"])])
    assert set(spans(base)) == {180}
    assert set(spans(base.what_if(rd.shared("network", 2, tasks=["a", "b"])))) == {360}
    moved = base.what_if(rd.shared("warehouse", 3, tasks=["b"]))
    assert set(spans(moved)) == {120} and set(spans(moved, "b")) == {1800}
    assert set(spans(base.what_if(rd.duration("a", "10m")))) == {900}, "whatever gives the duration"


def test_W4_shared_factors_are_values() -> None:
    slow = rd.shared("warehouse", rd.lognormal(1, 0.3), tasks=["a", "b"])
    assert slow == eval(repr(slow), {"rd": rd}) and hash(slow) == hash(eval(repr(slow), {"rd": rd}))
    assert repr(slow) == "rd.shared('warehouse', rd.lognormal(1, 0.3), tasks=['a', 'b'])"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: rd.shared("\ud800", 2, tasks=["a"]), "cannot be written as UTF-8"),
        (lambda: rd.fail("a", p=np.float32(1.5)), "p is a chance from 0 to 1"),
        (lambda: rd.shared("", 2, tasks=["a"]), "takes the name of what is shared first, not ''"),
        (lambda: rd.shared("x", "2m", tasks=["a"]), r"rd.shared\('x'\): the factor must be a number"),
        (lambda: rd.shared("x", rd.lognormal("1m", 1), tasks=["a"]), "is of durations; a factor is a number"),
        (lambda: rd.shared("x", -1, tasks=["a"]), "zero or more, not -1"),
        (lambda: rd.shared("x", 2, tasks="a"), "tasks='a': give a list"),
        (lambda: rd.shared("x", 2, tasks=[]), r"tasks=\[\]: name the tasks"),
        (lambda: rd.duration("a"), r"rd.duration\('a'\): give a duration, or times="),
        (lambda: rd.duration("a", "1m", times=2), "one of them"),
        (lambda: rd.duration("a", times=-1), "times= must be a number, zero or more, not -1"),
        (lambda: rd.duration("a", times=float("inf")), "not inf"),
        (lambda: rd.duration("a", rd.lognormal(1, 0.1)), "has no unit"),
        (lambda: rd.duration("a", "30000d"), "longer than 73 years"),
        (lambda: rd.delay("a", rd.lognormal(1, 0.1)), r"rd.delay\(\): by: .* has no unit"),
        (lambda: rd.delay("a", "-1h"), "zero or more"),
        (lambda: rd.capacity("p", 0), "pool 'p': slots must be at least 1, not 0"),
        (lambda: rd.capacity("", 1), "the id of a pool"),
        (lambda: rd.capacity("p", 1.5), "whole number"),
        (lambda: rd.workers(0), r"rd.workers\(\): slots must be at least 1, not 0"),
        (lambda: rd.workers("8"), "whole number"),
    ],
)
def test_interventions_nonsense_is_refused_where_it_is_written(make: object, said: str) -> None:
    assert callable(make)
    with pytest.raises(InvalidValue, match=said):
        make()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (rd.capacity("warehose", 4), r"rd.capacity\('warehose', 4\): .* no pool 'warehose'; did you mean 'warehouse'"),
        (rd.duration("aa", "1m"), "no DAG, task or dataset 'aa'"),
        (rd.shared("x", 2, tasks=["a", "bb"]), r"rd.shared\('x'\): tasks=: .* no DAG, task or dataset 'bb'"),
        (rd.delay("userz", "1m"), "no DAG, task or dataset 'userz'"),
    ],
)
def test_interventions_on_what_is_not_there_say_what_was_meant(asked: rd.Simulation, said: str) -> None:
    graph = often()
    graph.pool("warehouse", slots=8)
    with pytest.raises(UnknownId, match=said):
        play(graph).what_if(asked)


@pytest.mark.parametrize("make", ["rd.capacity('p', 1)", "rd.workers(1)", "rd.shared('x', 2, tasks=['a'])"])
def test_interventions_inside_a_body_raise(make: str) -> None:
    graph = rd.Graph("body")
    graph.dag("a").add(lambda: eval(make, {"rd": rd}), "t")
    with rd.Engine(graph, clock=rd.VirtualClock(START)) as engine:
        run = engine.start("a")
        engine.run_until_idle()
        assert "inside the body of a.t changes nothing" in str(run.tasks["t"].error)
    eval(make, {"rd": rd})


@pytest.mark.parametrize("asked", [rd.duration("w", "1m"), rd.fail("w"), rd.shared("x", 2, tasks=["w"])])
def test_interventions_on_a_dag_of_waits_alone_are_refused(asked: rd.Simulation) -> None:
    graph = often()
    graph.dag("w", schedule="0 2 * * *").wait_for("a", match="latest", timeout="1h")
    base = play(graph)
    with pytest.raises(InvalidValue, match="DAG 'w' has no tasks but waits"):
        base.what_if(asked)
    assert set(spans(base.what_if(rd.shared("x", 2, tasks=["w", "a"])))) == {1200}, "one among others is none"


# --------------------------------------------------------------------------------------------------- failures (W5)


def failed(course: rd.Simulation) -> set[object]:
    return {run.logical_date for run in course.runs_of("a") if run.state == "failed"}


def test_W5_failures_are_as_frequent_as_their_chance_and_grow_with_it() -> None:
    base = play(often(), until="5d")
    some = {p: failed(base.what_if(rd.fail("a", p=p))) for p in (0.0, 0.1, 0.3, 1.0)}
    assert not some[0.0] < some[0.0] and some[0.0] < some[0.1] < some[0.3] < some[1.0]
    assert len(some[1.0]) == 1440
    assert abs(len(some[0.3]) - 432) < 4 * (1440 * 0.3 * 0.7) ** 0.5


def test_W5_attempts_fail_by_themselves_and_retries_take_time() -> None:
    base = play(often(retries=2), until="5d", durations={"a": "1m"})
    course = base.what_if(rd.fail("a", p=0.5))
    attempts = [len(run.tasks["nothing"].attempts) for run in course.runs_of("a")]
    assert [attempts.count(n) / 1440 for n in (1, 2, 3)] == pytest.approx([0.5, 0.25, 0.25], abs=0.05)
    assert spans(course) == [60.0 * n for n in attempts]
    assert len(failed(course)) / 1440 == pytest.approx(0.125, abs=0.04)


# --------------------------------------------------------------------------------------------- they combine (W6)


def test_W6_times_multiply_and_an_absolute_duration_replaces_them() -> None:
    base = play(often(), durations={"a": "2m"})
    twice = base.what_if(rd.duration("a", times=2))
    assert set(spans(twice)) == {240} and set(spans(twice.what_if(rd.duration("a", times=1.5)))) == {360}
    assert set(spans(twice.what_if(rd.duration("a", "1m")))) == {60}
    assert set(spans(twice.what_if(rd.duration("a", "1m"), rd.duration("a", times=3)))) == {180}
    assert repr(rd.duration("a", times=1.2)) == "rd.duration('a', times=1.2)"
    drawn = play(often(), durations=RANDOM)
    assert spans(drawn.what_if(rd.duration("a", times=2))) == pytest.approx([2 * each for each in spans(drawn)])


@settings(max_examples=examples(20))
@given(st.lists(st.sampled_from(["1h", "7m", "0s"]), max_size=3), st.lists(st.sampled_from([0.5, 2, 1.25]), max_size=3))
def test_W6_interventions_given_at_once_are_those_given_one_by_one(delays: list[str], times: list[float]) -> None:
    base = play(often(), until="1h")
    all_of_them = [*(rd.delay("a", each) for each in delays), *(rd.duration("a", times=each) for each in times)]
    one_by_one = base
    for each in all_of_them:
        one_by_one = one_by_one.what_if(each)
    at_once = base.what_if(*all_of_them)
    assert [(run.key, run.started, run.ended) for run in at_once.runs] == [
        (run.key, run.started, run.ended) for run in one_by_one.runs
    ]
    assert spans(at_once) == pytest.approx([600 * float(np.prod(times))] * 12)


def test_W6_interventions_are_values() -> None:
    made = [
        "rd.delay('a', '2h')", "rd.delay('a', rd.exponential('2h'))", "rd.duration('a', rd.uniform('1m', '2m'))",
        "rd.duration('a', times=1.5)", "rd.capacity('warehouse', 4)", "rd.workers(8)", "rd.workers(None)",
    ]  # fmt: skip
    for each in made:
        value = eval(each, {"rd": rd})
        assert repr(value) == each and hash(value) == hash(eval(each, {"rd": rd}))
    assert rd.delay("a", timedelta(hours=2)) == rd.delay("a", "120m")


# --------------------------------------------------------------------------------------------------- limits (W7)


def side_by_side(**options: object) -> rd.Graph:
    """Six tasks at once."""
    graph = rd.Graph("wide")
    graph.pool("warehouse", slots=6)
    dag = graph.dag("a", schedule="0 2 * * *")
    for number in range(6):
        dag.add(nothing, f"t{number}", **options)  # type: ignore[arg-type]
    return graph


@pytest.mark.parametrize(("workers", "minutes"), [(1, 60), (2, 30), (3, 20), (4, 20), (6, 10), (None, 10)])
def test_W7_workers_take_so_many_at_once(workers: int | None, minutes: int) -> None:
    base = play(side_by_side())
    assert spans(base.what_if(rd.workers(workers))) == [minutes * 60]
    assert spans(base.what_if(rd.workers(1), rd.workers(workers))) == [minutes * 60], "the last one counts"


@pytest.mark.parametrize(("slots", "minutes"), [(2, 60), (4, 30), (6, 20), (12, 10)])
def test_W7_capacity_is_the_pool_with_so_many_slots(slots: int, minutes: int) -> None:
    base = play(side_by_side(pool="warehouse", slots=2))
    assert spans(base) == [20 * 60]
    assert spans(base.what_if(rd.capacity("warehouse", slots))) == [minutes * 60]
    assert spans(base.what_if(rd.capacity(base.graph.pools["warehouse"], slots))) == [minutes * 60]


def test_W7_a_capacity_below_what_a_task_takes_is_refused() -> None:
    base = play(side_by_side(pool="warehouse", slots=2))
    with pytest.raises(InvalidValue, match=r"rd.capacity\('warehouse', 1\): 'a.t.' takes 2 slots of it"):
        base.what_if(rd.capacity("warehouse", 1))


# ----------------------------------------------------------------------------------------------------- late (W8)


def test_W8_delays_are_drawn_for_each_run_first_attempt_and_event() -> None:
    graph = often(retries=1)
    users = graph.dataset("users")
    graph.dag("c", on=users)(nothing)
    base = play(graph, sources={users: rd.every("5m")}, durations={"a": "1m"})
    late = rd.uniform("0s", "4m")
    of_dag = [
        (run.started - run.requested) / timedelta(minutes=1) for run in base.what_if(rd.delay("a", late)).runs_of("a")
    ]
    of_event = [
        (run.requested - run.logical_date) / timedelta(minutes=1)
        for run in base.what_if(rd.delay(users, late)).runs_of("c")
    ]
    task = base.what_if(rd.delay("a.nothing", late), rd.fail("a.nothing"))
    attempts = [run.tasks["nothing"].attempts for run in task.runs_of("a")]
    of_task = [(two[0].started - run.started) / timedelta(minutes=1) for run, two in zip(task.runs_of("a"), attempts)]
    for drawn in (of_dag, of_event, of_task):
        assert len(set(drawn)) == 288
        assert stats.kstest(drawn, stats.uniform(0, 4).cdf).pvalue > 0.001
    assert all(two[1].started == two[0].ended for two in attempts), "a retry is not delayed"


def test_W8_delays_of_one_thing_add_up_each_drawn_by_itself() -> None:
    base = play(often(), until="2h")
    late = rd.uniform("0s", "4m")

    def lateness(*asked: rd.Simulation) -> np.ndarray:
        runs = base.what_if(*asked).runs_of("a")
        return np.array([(run.started - run.requested) // timedelta(microseconds=1) for run in runs])

    one, two = lateness(rd.delay("a", late)), lateness(rd.delay("a", late), rd.delay("a", late))
    assert (two > one).all() and not np.allclose(two, 2 * one)
    assert (lateness(rd.delay("a", late), rd.delay("a", "1m")) == one + MINUTE // (SECOND // 10**6)).all()


def test_W8_delays_together_are_at_most_73_years() -> None:
    late, longest = Lateness(), rd.uniform("20000d", "20000d")
    for by in (LONGEST_SPAN, longest, LONGEST_SPAN, longest):
        late = late.plus(by)
    assert late.spans(np.arange(2, dtype=np.uint64), future_keys(0, range(1))).tolist() == [[LONGEST_SPAN]] * 2
