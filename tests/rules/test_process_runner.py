"""Worker processes (R25): what a body asks and does there, what it cannot be, and how a process ends."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import attrs
import pytest

import reactive_dag as rd
from tests.support.engines import live, verify
from tests.support.places import ROOT

IDLE = "60s"


@attrs.frozen
class Params:
    full: bool = False


class Odd(ValueError):
    """An error of this module's."""


def one(body, **options):
    graph = rd.Graph("processes")
    graph.dag("job", outlets=[], params=options.pop("params", None)).add(body, id="only", **options)
    return graph


@pytest.fixture(scope="module")
def shared():
    """An engine whose one process serves the tests that need none of their own."""
    with live(rd.Graph("processes"), runner=rd.ProcessRunner(1)) as engine:
        yield engine


def ran(engine, body, **options):
    dag = engine.graph.dag(f"job{len(engine.graph.dags)}")
    dag.add(body, id="only", **options)
    run = engine.start(dag)
    engine.run_until_idle(IDLE)
    return run.state, run.tasks["only"]


def output(engine, body, **options):
    state, task = ran(engine, body, **options)
    assert state == "success", task.error
    return task.output


# ------------------------------------------------------------------------------------- where and what


def by_name(run):
    return os.getpid()


def test_R25_bodies_execute_in_processes_that_live_on():
    graph, here = one(by_name), []
    graph.dag("other").add(lambda run: [os.getpid(), here], id="only")
    with live(graph, runner=rd.ProcessRunner(1)) as engine:
        runs = [engine.start(dag) for dag in ("job", "other", "job")]
        engine.run_until_idle(IDLE)
        first, (second, copied), third = [run.tasks["only"].output for run in runs]
        assert first == second == third != os.getpid() and copied == []


def test_R25_decorated_functions_and_closures_are_bodies_too():
    graph, factor = rd.Graph("processes"), 3

    @graph.dag
    def job(run):
        return factor * 2

    dag = graph.dag("many")

    @dag.task
    def extract():
        return [1, 2, 3]

    @dag.task
    def load(extract, run):
        return [sum(extract), run.task]

    dag.add(functools.partial(pow, 2, 3), id="power", after=["load"])
    with live(graph, runner=rd.ProcessRunner(2)) as engine:
        engine.start("job")
        run = engine.start("many")
        engine.run_until_idle(IDLE)
        assert engine.runs("job")[0].tasks["job"].output == 6
        assert (run.tasks["load"].output, run.tasks["power"].output) == ([6, "load"], 8)


def everything(run):
    return {
        "key": run.key, "dag": run.dag, "task": run.task, "attempt": run.attempt, "round": run.round,
        "date": run.logical_date, "local": run.local_date, "interval": list(run.data_interval), "group": run.group,
        "partition": run.partition, "partitions": run.partitions, "events": [event.kind for event in run.events],
        "payload": run.payload["rows"], "params": run.params.full, "results": run.results, "label": run.label,
        "previous": run.previous.key, "tasks": {id: task.state for id, task in run.tasks.items()},
        "before": run.previous.tasks["only"].log, "same": run.previous == run.previous, "state": run.state,
        "cancelled": run.cancelled, "done": run.done, "repr": repr(run)[:9], "is": isinstance(run, rd.Run),
        "requested": run.requested is not None, "error": run.error, "ended": run.ended,
    }  # fmt: skip


def test_R25_a_body_sees_of_its_run_what_it_sees_in_a_thread():
    graph = one(everything, params=Params)
    graph.dag("first").add(lambda: print("said"), id="only")
    given = {"payload": {"rows": 3}, "params": {"full": True}}

    def story(runner):
        mine = rd.Graph("processes")
        mine.dag("job", params=Params).add(lambda run: print("said"), id="only")
        with rd.Engine(mine, clock=rd.VirtualClock("2026-11-23T00:00Z"), runner=runner) as engine:
            engine.start("job", logical_date="2026-11-22")
            engine.run_until_idle(IDLE)
            mine.dag("job", params=Params).add(everything, id="only")
            run = engine.start("job", logical_date="2026-11-23", **given)
            engine.run_until_idle(IDLE)
            assert run.state == "success", run.error
            return run.tasks["only"].output

    there = story(rd.ProcessRunner(1))
    assert there == story(rd.InlineRunner())
    assert there["before"] == "said\n" and there["params"] is True and there["is"] is True


def effects(run):
    run.publish("out", extra={"rows": 1})
    run.publish("out", extra={"rows": 2})
    run.set("seen", run.get("seen", 0) + 1)
    return [run.once("effect", lambda key: [key, os.getpid()]), run.once("other", lambda: run.get("seen"))]


def test_R25_what_a_body_does_is_recorded_by_the_engine():
    graph = rd.Graph("processes")
    graph.dag("job").add(effects, id="only", outlets=["out"])
    with live(graph, runner=rd.ProcessRunner(1)) as engine:
        run = engine.start("job")
        engine.run_until_idle(IDLE)
        assert run.state == "success", run.error
        assert [event.extra for event in engine.events("out")] == [{"rows": 2}, {"rows": 1}]
        (key, pid), seen = run.tasks["only"].output
        assert key.endswith("/only/effect") and pid != os.getpid() and seen == 1 and engine.get("seen") == 1


def test_R25_once_is_not_repeated_by_a_retry_and_an_effect_that_raises_is_not_recorded(shared):
    def body(run):
        try:
            run.once("fails", lambda: 1 // 0)
        except ZeroDivisionError:
            found = run.once("works", lambda: run.attempt)
        if run.attempt == 1:
            raise ValueError("again")
        return found

    assert output(shared, body, retries=1) == 1


def test_R25_coroutines_are_bodies_and_effects(shared):
    async def body(run):
        async def effect():
            await asyncio.sleep(0)
            return run.attempt

        await asyncio.sleep(0)
        return [run.once("effect", effect), run.task]

    assert output(shared, body) == [1, "only"]


def test_R25_what_is_printed_and_logged_there_is_kept():
    def body(run):
        print("printed")
        run.log.info("logged")

    with live(one(body), runner=rd.ProcessRunner(1)) as engine:
        run = engine.start("job")
        engine.run_until_idle(IDLE)
        assert run.tasks["only"].log == "printed\n2026-11-23T00:00:00Z INFO logged\n"


def test_R25_a_wait_s_run_is_given_to_what_follows():
    graph = rd.Graph("processes")
    graph.dag("up").add(lambda: 5, id="only")
    dag = graph.dag("job")
    wait = dag.wait_for("up")

    def after(wait_up):
        return [wait_up.dag, wait_up.state, wait_up.tasks["only"].output]

    dag.add(after, id="only", after=[wait])
    with live(graph, runner=rd.ProcessRunner(1)) as engine:
        engine.start("up", logical_date="2026-11-23")
        run = engine.start("job", logical_date="2026-11-23")
        engine.run_until_idle(IDLE)
        assert run.tasks["only"].output == ["up", "success", 5]


def test_R25_saved_outputs_are_written_and_read(tmp_path):
    pandas = pytest.importorskip("pandas")
    graph = rd.Graph("processes")
    dag = graph.dag("job")
    dag.add(lambda: pandas.DataFrame({"x": [1, 2]}), id="make", save=rd.parquet(tmp_path))
    dag.add(lambda make: int(make["x"].sum()), id="only", after=["make"])
    with live(graph, runner=rd.ProcessRunner(1)) as engine:
        run = engine.start("job")
        engine.run_until_idle(IDLE)
        assert (run.state, run.tasks["only"].output) == ("success", 3)


# ------------------------------------------------------------------------------------- what is raised


def raises(error):
    def body(run):
        raise error

    return body


@pytest.mark.parametrize(
    ("error", "state", "attempts", "says"),
    [
        (ValueError("no"), "failed", 2, "ValueError: no"),
        (SystemExit(3), "failed", 2, "SystemExit: 3"),
        (rd.SkipTask("no rows"), "skipped", 1, "no rows"),
        (rd.FailTask("bad"), "failed", 1, "FailTask: bad"),
        (rd.RetryTask(after="5m"), "failed", 2, "RetryTask"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_R25_what_a_body_raises_there_counts_as_here(shared, error, state, attempts, says):
    found, task = ran(shared, raises(error), retries=1)
    assert (found, len(task.attempts)) == (state, attempts) and task.error.startswith(says)


@pytest.mark.parametrize(("retry_on", "attempts"), [(Odd, 2), (ValueError, 2), (KeyError, 1)])
def test_R25_retry_on_knows_the_errors_of_a_worker(shared, retry_on, attempts):
    _, task = ran(shared, raises(Odd("no")), retries=1, retry_on=retry_on)
    assert len(task.attempts) == attempts and "test_process_runner.py" in task.error


def test_R25_a_body_that_cannot_be_sent_fails_its_task_with_the_reason(shared):
    lock = threading.Lock()
    state, task = ran(shared, lambda run: lock.locked(), retries=3)
    assert (state, len(task.attempts)) == ("failed", 1)
    assert ".only cannot be sent to a worker process" in task.error and "lock" in task.error


def test_R25_dags_and_tasks_stand_in_a_body_for_their_ids(shared):
    child = shared.graph.dag("child")

    @child.task
    def doubled(run, number=2):
        return number * 2

    @child.task
    def counted(run):
        return 0 if run is None else [counted.id, counted(None), doubled(None, number=3)]

    def starts(run):
        found = run.start(child).wait(IDLE)
        return [child.id, doubled.id, found.state, found.tasks["counted"].output]

    assert output(shared, starts) == ["child", "doubled", "success", ["counted", 0, 6]]
    state, task = ran(shared, lambda run: child())
    assert state == "failed" and "DAG 'child' stands in a worker process by its id alone" in task.error
    graph = shared.graph
    state, task = ran(shared, lambda run: len(graph.dags))
    assert state == "failed" and "cannot be sent" in task.error and "graph 'processes' stays where it is" in task.error


def leaves_threads(run):
    """Threads that ask when the body has ended, in the process that the next body gets."""

    def ask():
        with contextlib.suppress(rd.UsageError):
            while True:
                run.get("x")

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    run.log.info("they ask")
    LEFT.extend(threads)
    return os.getpid()


LEFT: list[threading.Thread] = []


def waits_for_those(run):
    while LEFT:
        LEFT.pop().join()
    return [run.get("x", 7), os.getpid()]


def test_R25_threads_that_a_body_left_behind_ask_nothing_between_bodies():
    with live(rd.Graph("processes"), runner=rd.ProcessRunner(1)) as engine:
        for _ in range(3):
            process = output(engine, leaves_threads)
            assert output(engine, waits_for_those) == [7, process]


def test_R25_a_result_that_is_no_json_fails_its_task_with_the_reason(shared):
    state, task = ran(shared, lambda run: {"lock": threading.Lock()})
    assert state == "failed" and "the output of job" in task.error and "lock" in task.error


def test_R25_what_the_engine_refuses_is_raised_in_the_body(shared):
    def body(run):
        try:
            run.publish("nowhere")
        except rd.UndeclaredOutlet as error:
            return str(error)

    assert output(shared, body).partition(".")[2].startswith("only published to 'nowhere")


def test_R25_an_error_that_is_made_of_more_than_its_text_is_told(shared):
    def body(run):
        try:
            run.once("effect", Unsendable())
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    assert output(shared, body).startswith("Strange: why")


class Strange(Exception):
    def __init__(self, why, *, more):
        super().__init__(why)
        self.more = more


class Unsendable:
    """An effect that raises what cannot be rebuilt from its text."""

    def __call__(self):
        raise Strange("why", more=threading.Lock())


def test_R25_stubs_execute_in_the_engine_s_process():
    with live(one(by_name), runner=rd.ProcessRunner(1), stubs={"only": lambda run: [os.getpid(), run.task]}) as engine:
        run = engine.start("job")
        engine.run_until_idle(IDLE)
        assert run.tasks["only"].output == [os.getpid(), "only"]


# ------------------------------------------------------------------------------------- how processes end


def test_R25_a_process_that_crashes_loses_its_attempt_and_no_other(tmp_path):
    def body(run):
        if run.attempt == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return run.attempt

    graph = one(body)
    graph.dag("other").add(by_name, id="only")
    with live(graph, runner=rd.ProcessRunner(2)) as engine:
        run, other = engine.start("job"), engine.start("other")
        engine.run_until_idle(IDLE)
        assert [attempt.state for attempt in run.tasks["only"].attempts] == ["lost", "success"]
        assert "SIGKILL" in run.tasks["only"].attempts[0].error and other.state == "success"


def test_R25_three_crashes_in_a_row_fail_the_task(shared):
    state, task = ran(shared, lambda: os._exit(3))
    assert state == "failed" and [attempt.state for attempt in task.attempts] == ["lost"] * 3
    assert "code 3" in task.attempts[0].error


def hang(path):
    """Say who hangs, in the body and in a process that it began, and hang."""
    child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    Path(path).write_text(f"{os.getpid()} {child.pid}")
    signal.pause()  # until it is killed


def hanging(path, go_on):
    """Wait until a body hangs, and call `go_on`."""
    while not path.exists() or not path.read_text().strip():
        threading.Event().wait(0.01)
    go_on()


def gone(path):
    """Wait until the processes that hung are gone."""
    for pid in map(int, path.read_text().split()):
        while running(pid):
            threading.Event().wait(0.01)
    return True


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("how", ["cancel", "timeout"])
def test_R25_a_cancellation_and_a_timeout_kill(tmp_path, how):
    path = tmp_path / "pids"
    graph = one(lambda run: hang(path), timeout="2s" if how == "timeout" else None)
    with rd.Engine(graph, runner=rd.ProcessRunner(1)) as engine:
        run = engine.start("job")
        if how == "cancel":
            threading.Thread(target=hanging, args=(path, lambda: engine.cancel(run))).start()
        engine.run_until_idle(IDLE)
        assert run.state == ("cancelled" if how == "cancel" else "failed")
        assert how == "cancel" or ("timed out" in run.error and len(run.tasks["only"].attempts) == 1)
        if path.exists():  # a loaded machine may not have come so far within the timeout
            assert gone(path)
        verify(engine)


@pytest.mark.parametrize("clock", [None, "2026-11-23T00:00Z"], ids=["wall", "virtual"])
@pytest.mark.parametrize("how", ["crash", "cancel", "replaced", "second attempt"])
def test_R18_a_teardown_runs_behind_a_body_that_was_lost_once_its_process_is_gone(tmp_path, how, clock):
    """The body ends with its process, while the engine lives: in its three attempts, or as its run is cut off."""
    path, cleaned = tmp_path / "pids", tmp_path / "cleaned"

    def body(run):
        if how == "crash" or (how == "second attempt" and run.attempt == 1):
            path.write_text(str(os.getpid()))
            os._exit(3)
        if how in ("cancel", "replaced") and not path.exists():
            hang(path)

    def clean(run):
        with cleaned.open("a") as file:
            file.write(f"{[pid for pid in path.read_text().split()[:1] if running(pid)]} ")

    graph = rd.Graph("processes")
    dag = graph.dag("job", max_active_runs=1, overlap="replace")
    dag.add(clean, id="clean", after=[dag.add(body, id="only")], teardown=True)
    with live(graph, clock=clock and rd.VirtualClock(clock), runner=rd.ProcessRunner(2)) as engine:
        run, cut = engine.start("job"), {"cancel": engine.cancel, "replaced": lambda run: engine.start("job")}
        if how in cut:
            threading.Thread(target=hanging, args=(path, lambda: cut[how](run))).start()
        engine.run_until_idle(IDLE)
        assert run.state == {"crash": "failed", "second attempt": "success"}.get(how, "cancelled")
        assert run.tasks["clean"].state == "success"
        assert cleaned.read_text() == "[] " * len(engine.runs("job")), "that process goes on"


def test_R25_a_body_that_outlasts_the_grace_is_killed(tmp_path):
    path = tmp_path / "pids"
    engine = rd.Engine(one(lambda run: hang(path)), tmp_path / "s.db", runner=rd.ProcessRunner(1))
    engine.start("job")
    with engine.background():
        hanging(path, lambda: None)
    engine.close(grace=0.1)
    assert gone(path)


def test_R25_no_process_outlives_its_engine(tmp_path):
    path, script = tmp_path / "pids", tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(f"""
        import reactive_dag as rd
        from tests.rules.test_process_runner import hang
        graph = rd.Graph("processes")
        graph.dag("job").add(lambda run: hang({str(path)!r}), id="only")
        engine = rd.Engine(graph, runner=rd.ProcessRunner(2))
        engine.start("job")
        engine.run_until_idle()
        """)
    )
    engine = subprocess.Popen([sys.executable, script], env={**os.environ, "PYTHONPATH": str(ROOT)})
    hanging(path, engine.kill)
    engine.wait()
    assert gone(path)


def test_R25_ctrl_c_is_the_engine_s_alone(tmp_path):
    path, script = tmp_path / "pids", tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(f"""
        import sys
        import reactive_dag as rd
        from tests.rules.test_process_runner import hang
        graph = rd.Graph("processes")
        graph.dag("job").add(lambda run: hang({str(path)!r}), id="only")
        engine = rd.Engine(graph, runner=rd.ProcessRunner(1))
        run = engine.start("job")
        try:
            engine.run_until_idle()
        except KeyboardInterrupt:
            print(run.tasks["only"].state, flush=True)  # Ctrl-C ended the wait, and no body
            engine.close(grace=0.1)
            sys.exit(7)
        """)
    )
    engine = subprocess.Popen(
        [sys.executable, script], env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    hanging(path, lambda: os.killpg(engine.pid, signal.SIGINT))
    assert (engine.wait(), engine.stdout.read()) == (7, "running\n")
    assert gone(path)


def forking(run):
    """A body that forks, and whose child returns too."""
    if (child := os.fork()) == 0:
        return "child"
    os.waitpid(child, 0)
    return "parent"


def test_R25_what_the_fork_of_a_body_returns_is_no_answer():
    graph = rd.Graph("processes")
    graph.dag("job").add(forking, id="only")
    with rd.Engine(graph, runner=rd.ProcessRunner(1)) as engine:
        runs = [engine.start("job").wait("60s") for _ in range(2)]
        assert [run.tasks["only"].output for run in runs] == ["parent", "parent"]


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "4"])
def test_R25_a_number_of_workers_that_cannot_be_is_refused(workers):
    with pytest.raises(rd.InvalidValue, match="ProcessRunner"):
        rd.ProcessRunner(workers)
