"""Lives of a process that is killed: run as a script, it is asked for cases on standard input and answers with lines.

A case is a store that several lives work on, one after the other. Each life is forked off this process, which has
imported everything and has no other thread, so it costs some 10 ms; all but the last are killed, at the n-th write or
sync of the log (log_kit.CountedLog) or after so many seconds of processor time, wherever it is then. Every life first
looks whether what was acknowledged is there, and notes what is recorded as done; the last one judges all notes.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import threading
import traceback
from collections import Counter
from pathlib import Path

import reactive_dag as rd
from reactive_dag.cli.pipeline import pipeline
from reactive_dag.engine.fold.fold import Fold
from reactive_dag.model.records import OnceDone, Published, RunRequested, TaskFinished, TaskStarted
from reactive_dag.testing.canonical import canonical
from tests.support.engines import parts, records_of
from tests.support.log_kit import CountedLog

ORDERS = 9
BURST = 3
BEGIN = "2026-11-23T00:00Z"
DAYS = [f"2020-01-0{day}" for day in range(1, 6)]
LONGEST = 120
"""Seconds after which a life that hangs is ended, by a signal that no case expects."""


def note(path: Path, line: str) -> None:
    """Append a line: short enough to be written whole or not at all, and there after a SIGKILL."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{line}\n".encode())
    os.close(file)


def lines(path: Path) -> list[str]:
    """What was noted."""
    return path.read_text().splitlines() if path.exists() else []


def graph_of(folder: Path) -> rd.Graph:
    """The demo's pipeline, behind it a bill, an effect that happens once, in a task that fails after it, and a slip.

    What a slip returns is no JSON and is kept in a file. Beside it a task that is late each time, an alarm that hears
    of it, and a DAG of past days, which share a value each.
    """
    graph = pipeline(folder / "effects")

    @graph.dag(on=rd.completed("merge"), retries=2)
    def bill(run: rd.Run) -> str:
        note(folder / "attempts", f"{run.key} {run.attempt}")
        sent = run.once("send", lambda key: note(folder / "sent", key) or key)
        if run.attempt == 1:
            raise ConnectionError("after the effect")
        return sent

    @graph.dag(on=rd.completed(bill), save=rd.files(folder / "slips"))
    def slip(run: rd.Run) -> set[str]:
        note(folder / "effects", f"slip {run.key}")
        return {run.results["bill"]["bill"], "x" * 10_000}

    @graph.dag(on=rd.completed("merge"), deadline="10ms", retries=1, retry_delay="30ms")
    def tardy(run: rd.Run) -> None:
        note(folder / "effects", f"tardy {run.key}")
        if run.attempt == 1:
            raise ConnectionError("not yet")

    @graph.dag(on=rd.missed(tardy))
    def alarm(run: rd.Run) -> str | None:
        note(folder / "effects", f"alarm {run.key}")
        return run.events[0].run

    @graph.dag(schedule="0 2 * * *", catchup="none")
    def daily(run: rd.Run) -> None:
        note(folder / "effects", f"daily {run.key}")
        run.set(f"day {run.local_date}", run.key)

    return graph


# ------------------------------------------------------------------------------------ one life


def live(folder: Path, threads: bool, last: bool) -> None:
    """Open the store, look what is there, publish what is to be published, work until nothing is left."""
    clock = None if threads else rd.VirtualClock(BEGIN)
    runner = rd.ThreadRunner(4) if threads else rd.InlineRunner()
    engine = rd.Engine(graph_of(folder), store=CountedLog(folder / "store.db"), clock=clock, runner=runner)
    look(engine, folder)
    if not engine.backfills():
        engine.backfill("daily", start=DAYS[0], end=DAYS[-1], max_active_runs=2)
    with engine:
        if threads:
            with engine.background():
                publish_from_threads(engine, folder)
                engine.run_until_idle(timeout="60s")
        else:
            for first in range(0, ORDERS, BURST):
                publish(engine, folder, range(first, first + BURST))
                engine.run_until_idle()
            engine.advance("10s")
        if last:
            judge(engine, folder)


def publish(engine: rd.Engine, folder: Path, numbers: range) -> None:
    """One burst; what was acknowledged is noted."""
    engine.publish_many([("demo://orders", {"key": f"order-{n}", "extra": {"order": n}}) for n in numbers])
    for n in numbers:
        note(folder / "acknowledged", f"order-{n}")


def publish_from_threads(engine: rd.Engine, folder: Path) -> None:
    """The same from three threads, whose commits are shared."""
    bursts = [range(first, first + BURST) for first in range(0, ORDERS, BURST)]
    threads = [threading.Thread(target=publish, args=(engine, folder, burst)) for burst in bursts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def look(engine: rd.Engine, folder: Path) -> None:
    """What was acknowledged is there; what is recorded as done must not happen again: note how often it did so far."""
    keys = {record.key for record in records(engine) if isinstance(record, Published)}
    gone = set(lines(folder / "acknowledged")) - keys
    assert not gone, f"acknowledged and gone: {gone}"
    note(folder / "done", json.dumps({name: so_far(folder)[name] for name in done(engine)}))


def records(engine: rd.Engine) -> list:
    return records_of(engine)


def done(engine: rd.Engine) -> set[str]:
    """What is recorded as done, by the names that bodies and effects are noted under."""
    key = {}
    for offset, record in enumerate(records(engine)):
        if isinstance(record, RunRequested):
            key[offset] = f"{record.dag} {parts(engine).fold.runs.key_of(record)}"
    ended = [r for r in records(engine) if isinstance(r, TaskFinished) and r.state == "success"]
    return {key[r.run] for r in ended} | {f"{r.scope}/{r.name}" for r in records(engine) if isinstance(r, OnceDone)}


def so_far(folder: Path) -> Counter[str]:
    """How often each body began, and each effect happened."""
    bills = [f"bill {line.split()[0]}" for line in lines(folder / "attempts")]
    return Counter(lines(folder / "effects") + lines(folder / "sent") + bills)


# ------------------------------------------------------------------------------------ the end


def judge(engine: rd.Engine, folder: Path) -> None:
    """Everything happened, each thing once; nothing that was recorded was repeated; the log says how it is."""
    parts(engine).fold._check()
    runs = engine.runs()
    assert all(run.state == "success" for run in runs), [run for run in runs if run.state != "success"]
    assert len({run.key for run in runs}) == len(runs), "a key was requested twice"
    asked = Counter(run.dag for run in runs)
    assert {asked[dag] for dag in ("extract", "clean", "enrich", "merge", "bill", "slip")} == {ORDERS}, asked
    judge_late_and_past(engine)
    reported = [event.run for run in engine.runs("report") for event in run.events]
    pending = engine.pending("report").parts[0].pending
    assert len(set(reported)) == len(reported) == ORDERS - pending, (len(reported), pending)
    events = [record for record in records(engine) if isinstance(record, Published) and record.run < 0]
    assert sorted(record.n for record in events) == list(range(ORDERS)) and len({r.key for r in events}) == ORDERS
    counts = so_far(folder)
    for line in lines(folder / "done"):
        for name, count in json.loads(line).items():
            assert counts[name] == count, f"{name} was recorded as done, and happened again"
    tries = lines(folder / "attempts")
    assert len(set(tries)) == len(tries), "an attempt was executed twice"
    begun = Counter(record.run for record in records(engine) if isinstance(record, TaskStarted))
    for run in runs:
        name = f"{run.dag} {run.key}"
        assert 1 <= counts[name] <= begun[run._offset], f"{name}: {counts[name]} bodies, {begun[run._offset]} recorded"
    judge_files(engine, folder)
    fold = parts(engine).fold
    again = Fold(engine.graph, fold.log, fold.clock)
    again.replay(0, fold.log.segments_from(0))
    assert fold.cursor < fold.log.next_offset or canonical(again) == canonical(fold)


def judge_late_and_past(engine: rd.Engine) -> None:
    """Each run that was late had one alarm, each past day one run and its value, and one backfill says so.

    An attempt that a kill cut off uses no retry, so its run may be in time.
    """
    late = [run.tasks["alarm"].output for run in engine.runs("alarm")]
    tardy = {run.key: [each.state for each in run.tasks["tardy"].attempts] for run in engine.runs("tardy")}
    assert len(set(late)) == len(late) and len(tardy) == ORDERS
    assert {key for key, states in tardy.items() if "failed" in states} <= set(late) <= tardy.keys()
    (backfill,) = engine.backfills()
    assert backfill.state == "success" and [str(run.local_date) for run in backfill.runs] == DAYS, backfill
    assert [engine.get(f"day {day}") for day in DAYS] == [run.key for run in backfill.runs]


def judge_files(engine: rd.Engine, folder: Path) -> None:
    """Each success names a whole file of its own; whatever else the lives left is listed as unused."""
    for run in engine.runs("slip"):
        cause = run.events[0].run
        assert run.tasks["slip"].output == {engine.run(cause).tasks["bill"].output, "x" * 10_000}
    used = [file.path for file in engine.outputs() if not file.unused]
    assert len(used) == len({file.run for file in engine.outputs() if not file.unused}) == ORDERS
    there = {str(path) for path in (folder / "slips").iterdir()}
    assert {file.path for file in engine.outputs(unused=True)} == there - set(used)


# ------------------------------------------------------------------------------------ cases


def born(folder: Path, threads: bool, kill_at: int, after: float, last: bool) -> int:
    """One life in a process of its own; how it ended: 0, or minus the signal."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            signal.alarm(LONGEST)
            signal.setitimer(signal.ITIMER_PROF, after)  # its signal ends the process wherever it is, as SIGKILL does
            CountedLog.point, CountedLog.kill_at = 0, kill_at
            live(folder, threads, last)
            note(folder / "points", str(CountedLog.point))
            code = 0
        except BaseException:
            note(folder / "errors", traceback.format_exc())
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def case(folder: Path, threads: bool, lives: list[dict]) -> dict:
    """All lives of one store, and one more to the end."""
    codes = [born(folder, threads, each.get("at", -1), each.get("after", 0), last=False) for each in lives]
    codes.append(born(folder, threads, -1, 0, last=True))
    told = {"codes": codes, "points": [int(line) for line in lines(folder / "points")], "error": ""}
    if codes[-1] != 0 or any(code not in (0, -signal.SIGKILL, -signal.SIGPROF) for code in codes):
        told["error"] = "\n".join(lines(folder / "errors"))
    return told


def serve() -> None:
    """Answer cases until the input ends. What is there now is garbage in no life: their collectors leave it alone."""
    gc.freeze()
    for line in sys.stdin:
        asked = json.loads(line)
        told = case(Path(asked["folder"]), asked["threads"], asked["lives"])
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    serve()
