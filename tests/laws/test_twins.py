"""What the stateful model test found at the naive model itself, each as the smallest story that showed it."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.model.times import SECOND
from tests.support.twins import Twins


@pytest.fixture
def twins():
    twins = Twins()
    yield twins
    twins.settle()
    twins.compare()
    twins.close()


def number_of(twins, dag):
    """The number of the first run of a DAG."""
    return [run.dag for run in twins.model.runs.values()].index(dag)


def test_R5_a_retry_without_a_delay_comes_before_the_runs_of_its_instant(twins):
    twins.retask("n", 1)
    twins.advance(7 * SECOND)
    twins.tick(5 * SECOND)
    twins.publish("a", {})


def test_R10_a_rerun_reaches_only_who_had_consumed_when_its_round_ended(twins):
    """`n` has a round of the first rerun that goes on; `x1`, declared meanwhile, consumes what a second one made."""
    twins.advance(7 * SECOND)
    twins.work()
    twins.rerun(number_of(twins, "r"), downstream=True)
    twins.work()
    twins.redefine("x1", rd.updated(twins.graph.datasets["c"]))
    twins.rerun(number_of(twins, "r"))
    twins.work()
    assert number_of(twins, "x1")
    for _ in range(2):
        twins.advance(10 * SECOND)
        twins.work()


def test_R10_an_item_is_not_replaced_by_an_older_one(twins):
    """`x1` consumed what the second rerun made, has by now what the third one made, and `n` is asked about later."""
    twins.advance(7 * SECOND)
    for trigger in (None, rd.updated(twins.graph.datasets["c"]), None):
        twins.work()
        if trigger is not None:
            twins.redefine("x1", trigger)
        twins.rerun(number_of(twins, "r"), downstream=True)
    for _ in range(3):
        twins.work()
        twins.advance(10 * SECOND)
    twins.work()


def test_R5_a_wait_whose_run_was_cancelled_does_not_begin_anew(twins):
    twins.publish("a", {})
    twins.advance(9 * SECOND)
    assert any(task.retry for run in twins.model.runs.values() for task in run.tasks.values())
    twins.cancel(number_of(twins, "w"))
    twins.tick(7 * SECOND)


def test_R11_waits_that_need_no_worker_after_a_restart_begin_once(twins):
    """Those that look back are in a pool of two, and see nothing as long as no run of `r` succeeds."""
    twins.advance(26 * SECOND)
    assert [name for _, name in twins.model.startable] == ["back"]
    twins.die_and_change("n", 1)
    assert "wait needs no worker any more" not in twins.model.noted
    twins.settle()
    assert "wait needs no worker any more" in twins.model.noted


def test_R9_a_definition_of_a_dag_that_is_gone_misses_ticks_as_it_was_recorded(twins):
    """`x2` lets no missed tick through; it is declared, and gone before anything of that is decided."""
    twins.redefine("x2", rd.every("3s"))
    twins.publish("a", {})
    twins.tick(10 * SECOND)
    twins.die_and_change("x2", 0)


@pytest.mark.parametrize("dies", [False, True], ids=["returns", "dies with its process"])
def test_R18_a_teardown_waits_for_a_body_that_was_cut_off_and_goes_on(twins, dies):
    """`clean` follows `t`, not directly."""
    twins.start("a")
    twins.settle()
    twins.cancel(number_of(twins, "s"))
    twins.settle()
    assert "teardown waits for a body that goes on" in twins.model.noted
    assert [job.task for job in twins.model.jobs] == ["t"]
    twins.compare()
    if dies:
        twins.die()
    else:
        twins.finish(0, "succeed")
    twins.settle()
    assert [job.task for job in twins.model.jobs] == ["clean"]
    twins.work()


def test_R18_a_teardown_waits_for_a_body_of_an_earlier_round(twins):
    """The second cancellation ends the run while `t` executes; the round that keeps `t` tears down behind it."""
    twins.start("a")
    twins.settle()
    run = number_of(twins, "s")
    twins.cancel(run)
    twins.settle()
    twins.cancel(run)
    twins.settle()
    twins.rerun(run, place=list(twins.specs["s"]).index("join"))
    twins.settle()
    twins.compare()
    assert [job.task for job in twins.model.jobs] == ["t"]
    twins.finish(0, "succeed")
    twins.settle()
    assert [job.task for job in twins.model.jobs] == ["clean"]
    twins.work()


@pytest.mark.parametrize("dies", [False, True], ids=["goes on", "dies"])
def test_R25_an_attempt_that_ends_as_its_timeout_passes_ends_once(twins, dies):
    """`t` of `p` may take 3 s, and its body returns just then; its end is in the log, and nobody has decided by it."""
    twins.retask("p", 2)
    twins.publish("a", {})
    twins.settle()
    twins.tick(3 * SECOND)
    number = [(job.run.dag, job.task) for job in twins.model.jobs].index(("p", "t"))
    twins.finish(number, "fail")
    twins.start("a")
    if dies:
        twins.die()
        twins.tick(2 * SECOND)


@pytest.mark.parametrize("given", ["", "t"], ids=["cancelled", "marked"])
def test_R25_an_attempt_that_is_ended_by_hand_may_time_out_beside(twins, given):
    """Its run was cancelled, or it was marked, and its timeout passes before anybody decides by that."""
    twins.retask("p", 2)
    twins.publish("a", {})
    twins.settle()
    twins.tick(SECOND)
    if given:
        twins.mark(number_of(twins, "p"), 0, "skipped")
    else:
        twins.cancel(number_of(twins, "p"))
    twins.tick(20 * SECOND)


def test_R29_a_function_of_a_cancelled_run_has_no_retry_left(twins):
    twins.publish("a", {})
    twins.settle()
    twins.cancel(number_of(twins, "w"))
    twins.tick(21 * SECOND)


@pytest.mark.parametrize("dies", [False, True], ids=["goes on", "dies"])
def test_R11_a_wait_that_needs_no_worker_any_more_begins_with_the_next_record(twins, dies):
    """`parts` of the second run of `l` waited for the one slot of its pool; what follows from that is decided later."""
    twins.retask("l", 1)
    for _ in range(2):
        twins.advance(7 * SECOND)
    assert [name for _, name in twins.model.startable if name == "parts"]
    twins.tick(2 * SECOND)
    twins.retask("l", 0)
    twins.publish("a", {})
    if dies:
        twins.die()


def test_R5_a_task_that_a_cancellation_ended_has_no_other_end_by_what_it_follows(twins):
    """`t` of `p` stands before `first` in the plan, which it follows: it is cancelled before."""
    twins.retask("p", 3)
    twins.publish("a", {})
    twins.settle()
    twins.cancel(number_of(twins, "p"))


def test_R7_a_mapped_task_gets_no_instances_as_its_run_is_cancelled(twins):
    """`late` has its list, and would go whatever happens to `left`, which the cancellation ends."""
    twins.retask("s", 1)
    twins.start(None)
    for outcome in ("give_both", "give_left"):
        twins.settle()
        twins.finish(0, outcome)
    twins.settle()
    assert "left" in [job.task for job in twins.model.jobs]
    twins.cancel(number_of(twins, "s"))


def test_R11_a_run_whose_dag_is_removed_waits_on_in_its_zone(twins):
    """`day` of `x1` awaits a run of the same day."""
    twins.redefine("x1", rd.updated(twins.graph.datasets["c"]))
    twins.retask("x1", 2)
    twins.publish("c", {"logical_date": "2026-11-23"})
    twins.settle()
    twins.remove("x1")
    twins.advance(20 * SECOND)
