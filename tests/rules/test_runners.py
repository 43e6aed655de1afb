"""The runner's contract (R25): what an assignment says, which attempts are lost, what is cancelled."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.engine.execute.assignment import Assignment, WorkerLost
from reactive_dag.engine.execute.runners import LocalRunner
from tests.support.engines import kill, live, opened, verify

GRAPH = rd.Graph("importable")


def module_body(run):
    return run.attempt


GRAPH.dag("job", params={"full": False}).add(
    module_body, id="only", pool=GRAPH.pool("db", slots=2), priority=3, timeout="5m"
)


class Elsewhere(LocalRunner):
    """Keeps what it was given, as a runner on other machines would, over restarts too."""

    workers = ahead = 100
    inline = False

    def __init__(self):
        self.given: dict[str, Assignment] = {}
        self.cancelled: list[str] = []
        self.asked: list[str] = []

    def submit(self, assignment):
        self.given[assignment.key] = assignment

    def adopt(self, under_way):
        self.asked = [assignment.key for assignment in under_way]
        known = {assignment.key: assignment for assignment in under_way if assignment.key in self.given}
        self.given = known
        return [key for key in self.asked if key not in known]

    def cancel(self, key):
        self.cancelled.append(key)

    def run_next(self):
        return False

    def close(self, grace):
        pass


def turns(engine: rd.Engine) -> None:
    while engine._parts.turn.run():
        pass


def fixed(value):
    return lambda assignment, arguments, finish: finish(value)


def gone(assignment, arguments, finish):
    raise WorkerLost


def test_R25_an_assignment_says_all_that_a_worker_needs():
    runner = Elsewhere()
    with live(GRAPH, runner=runner) as engine:
        run = engine.start("job", logical_date="2026-11-23", params={"full": True})
        turns(engine)
        (found,) = runner.given.values()
        assert found.key == f"{run.key}/only/1.1"
        assert found.graph == f"{__name__}:GRAPH"
        assert (found.name, found.pool, found.priority, found.timeout) == ("job.only", "db", 3, 300 * 10**9)
        assert len(found.digest) == 32 and found.digest == found.digest
        told = found.briefing
        assert told["key"] == run.key and told["params"] == {"full": True} and told["attempt"] == 1
        assert told["logical_date"] == run.logical_date and [event.kind for event in told["events"]] == ["start"]
        found.execute()
        engine.run_until_idle()
        assert run.state == "success" and run.tasks["only"].output == 1


def test_R25_the_digest_is_that_of_the_declaration():
    def digest(**options):
        graph, runner = rd.Graph("digests"), Elsewhere()
        graph.dag("job").add(module_body, id="only", **options)
        with opened(graph, runner=runner) as engine:
            engine.start("job")
            turns(engine)
            (found,) = runner.given.values()
            assert found.graph is None  # no module holds this graph
            return found.digest

    assert digest() == digest() != digest(retries=1)


def test_R25_the_body_may_execute_elsewhere():
    runner = Elsewhere()
    with live(GRAPH, runner=runner) as engine:
        run = engine.start("job")
        turns(engine)
        (found,) = runner.given.values()
        found.execute(fixed({"rows": 1}))
        found.execute(fixed({"rows": 2}))  # once
        engine.run_until_idle()
        assert run.tasks["only"].output == {"rows": 1} and len(run.tasks["only"].attempts) == 1


def test_R25_an_attempt_whose_worker_is_gone_is_lost_and_made_again():
    runner = Elsewhere()
    with live(GRAPH, runner=runner) as engine:
        run = engine.start("job")
        for _ in range(3):
            turns(engine)
            runner.given.popitem()[1].execute(gone)
        engine.run_until_idle()
        assert [attempt.state for attempt in run.tasks["only"].attempts] == ["lost"] * 3
        assert run.state == "failed" and "lost 3 times" in run.error


@pytest.mark.parametrize("keeps", [True, False])
def test_R25_a_runner_says_after_a_restart_which_attempts_it_still_has(tmp_path, keeps):
    runner, store = Elsewhere(), tmp_path / "s.db"
    engine = opened(GRAPH, store, runner=runner)
    engine.start("job", key="one")
    turns(engine)
    kill(engine)
    (key,) = runner.given
    if not keeps:
        runner.given.clear()
    with live(GRAPH, store, runner=runner) as engine:
        turns(engine)
        assert runner.asked == [key]
        (found,) = runner.given.values()
        assert found.key == key.replace("1.1", "1.1" if keeps else "1.2")
        found.execute()
        engine.run_until_idle()
        run = engine.run("one")
        ended = [attempt.state for attempt in run.tasks["only"].attempts]
        assert ended == (["success"] if keeps else ["lost", "success"])


def test_R25_a_runner_is_told_whose_end_counts_no_more():
    runner = Elsewhere()
    with live(GRAPH, runner=runner) as engine:
        run, other = engine.start("job"), engine.start("job")
        turns(engine)
        engine.cancel(run)
        turns(engine)
        assert runner.cancelled == [f"{run.key}/only/1.1"]
        for assignment in list(runner.given.values()):
            assignment.execute()
        engine.run_until_idle()
        assert (run.state, other.state) == ("cancelled", "success")
        verify(engine)
