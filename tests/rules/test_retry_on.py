"""Which errors are retried (R24), in memory, after a restart, through JSON, simulated."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from tests.support.engines import live, opened

ERRORS = {
    "the class": (ConnectionError, ConnectionError, 3),
    "a subclass": (ConnectionError, ConnectionResetError, 3),
    "another": (ConnectionError, ValueError, 1),
    "one of several": ((KeyError, ConnectionError), ConnectionError, 3),
    "by name": ("builtins:OSError", ConnectionError, 3),
    "RetryTask": (ConnectionError, rd.RetryTask, 3),
    "FailTask": (Exception, rd.FailTask, 1),
    "BaseException": (Exception, SystemExit, 1),
    "none named": (None, SystemExit, 3),
}


class Flaky(Exception):
    """An error of this module's."""


def failing(error):
    def job(run):
        raise error

    return job


@pytest.mark.parametrize("case", ERRORS)
@pytest.mark.parametrize("saved", [False, True], ids=["declared", "through JSON"])
def test_R24_only_the_errors_named_are_retried(case, saved):
    retry_on, error, attempts = ERRORS[case]
    graph = rd.Graph("retry_on")
    graph.dag(retries=2, retry_on=retry_on)(failing(error))
    if saved:
        graph = rd.Graph.from_json(graph.to_json())
        body = graph.dags["job"].tasks["job"]
        body._rebind(failing(error), body._given, None)
    with live(graph) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        assert (run.state, len(run.tasks["job"].attempts)) == ("failed", attempts)


def test_R24_defaults_of_a_dag_say_it_for_all_its_tasks():
    graph = rd.Graph("retry_on")
    dag = graph.dag("job", defaults={"retries": 1, "retry_on": Flaky})
    dag.add(failing(Flaky("once")), id="named")
    dag.add(failing(KeyError("once")), id="other")
    assert dag.tasks["named"].retry_on == (f"{__name__}:Flaky",)
    with live(graph) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        assert [len(run.tasks[id].attempts) for id in ("named", "other")] == [2, 1]


@pytest.mark.parametrize(("retry_on", "attempts"), [(None, 2), (TimeoutError, 2), (OSError, 2), (ValueError, 1)])
def test_R24_a_timeout_counts_as_a_TimeoutError(retry_on, attempts):
    graph, clock = rd.Graph("retry_on"), rd.VirtualClock("2026-11-23T00:00Z")

    @graph.dag(retries=1, retry_on=retry_on, timeout="1m")
    def job(run):
        clock.advance_to(clock.now() + 120 * 10**9)

    with live(graph, clock=clock) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        assert len(run.tasks["job"].attempts) == attempts and "timed out" in run.error


def test_R24_what_was_decided_holds_after_a_restart(tmp_path):
    graph = rd.Graph("retry_on")
    graph.dag(retries=1, retry_delay="1h", retry_on=Flaky)(failing(Flaky("once")))
    other = {"retries": 1, "retry_delay": "1h", "retry_on": Flaky}
    graph.dag("other", defaults=other).add(failing(KeyError("once")), id="job")
    with opened(graph, tmp_path / "s.db") as engine:
        engine.start("job")
        engine.start("other")
        engine.advance("1m")
    with live(graph, tmp_path / "s.db", start="2026-11-23T02:00Z") as engine:
        engine.run_until_idle()
        assert [len(engine.runs(dag)[0].tasks["job"].attempts) for dag in ("job", "other")] == [2, 1]


def test_R24_a_failure_in_a_simulation_is_retried():
    graph = rd.Graph("retry_on")
    dag = graph.dag("job", on=rd.at("2026-11-23T01:00Z"))
    dag.add(lambda run: None, id="only", retries=2, retry_on=Flaky)
    base = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration="5m")
    found = base.what_if(rd.fail("job.only", p=1.0))
    assert len(found.runs[0].tasks["only"].attempts) == 3


@pytest.mark.parametrize("value", [(), 3, "nonsense", ValueError("no class"), [int], "a:b c", ":x", "m:"])
def test_R24_what_is_no_class_of_errors_is_refused(value):
    graph = rd.Graph("retry_on")
    with pytest.raises(rd.InvalidValue, match=r"'job' \(.*test_retry_on.py:\d+\).*retry_on"):
        graph.dag("job").add(failing(KeyError()), id="job", retry_on=value)
