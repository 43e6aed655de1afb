"""Restarts: an engine that dies at any commit goes on as if it had not (X1, I6), with snapshots and without."""

from __future__ import annotations

from collections import Counter

import pytest

import reactive_dag as rd
from reactive_dag.engine.drive import turn as turn_module
from reactive_dag.model.records import Decided, Published, RunRequested, TaskFinished
from tests.support.engines import kill, live, ns, of_kind, opened, parts, verify


class Killed(BaseException):
    """The process dies here."""


def heavy(event):
    return event.extra["n"] % 3 != 0


def pipeline() -> rd.Graph:
    """Fan out, retry, join, wait, batch, map, branch, clock, silence, limits: what is under way when a process dies."""
    graph = rd.Graph("restarts")
    orders, mart = graph.dataset("orders", partitions=rd.day()), graph.dataset("mart")

    @graph.dag(on=rd.updated(orders).where(heavy))
    def extract(run):
        return run.events[0].extra["n"]

    @graph.dag(on=rd.completed(extract), retries=1, retry_delay="10m")
    def flaky(run):
        if run.attempt == 1 and run.results["extract"]["extract"] % 2:
            raise ConnectionError("not now")
        return run.once("effect", lambda: run.results["extract"]["extract"])

    side = graph.dag("side", on=rd.completed(extract), max_active_runs=2)
    up = side.wait_for("flaky", timeout="3h", soft_fail=True)
    side.add(lambda run: run.partition, id="seen", after=[up], trigger_rule="all_done")

    @graph.dag(on=rd.completed(flaky) & rd.completed(side), outlets=[mart])
    def merge(run):
        run.publish(mart, key=f"merged {run.partition}")

    @graph.dag(on=rd.updated(mart).batch(count=3, max_wait="1h"))
    def report(run):
        return len(run.events)

    graph.pool("one", slots=1)
    narrow = graph.dag("narrow", on=orders, max_active_runs=1, overlap="skip", defaults={"pool": "one"})
    for id in ("a", "b", "c"):
        narrow.add(lambda run: None, id=id)
    newest = graph.dag("newest", on=orders, max_active_runs=1, overlap="replace", timeout="1h")

    @newest.task(retries=1, retry_delay="2h")
    def slow(run):
        if run.events[0].extra["n"] > 1:
            raise ConnectionError("not now")

    newest.add(lambda slow: None, id="after", pool="one")

    spread = graph.dag("spread", on=rd.completed(extract))
    spread.add(lambda run: list(range(run.results["extract"]["extract"] % 4)), id="rows")

    def each(run, rows):
        if run.attempt == 1 and rows == 1:
            raise ConnectionError("not now")
        return run.once("effect", lambda: rows)

    spread.add(each, map_over="rows", retries=1, retry_delay="15m")
    spread.add(lambda each: each, id="inner", map_over="each")
    spread.add(lambda rows: "left" if len(rows) % 2 else [], id="pick", branch=True)
    spread.add(lambda pick: None, id="left")
    spread.add(lambda run: run.tasks["inner"].output, id="clean", after=["inner", "left"], teardown=True)

    @graph.dag(schedule="0 * * * *", catchup="all")
    def hourly(run):
        return None

    @graph.dag(on=rd.absent(mart, for_="100m"))
    def quiet(run):
        return None

    return graph


FACTS = [("00:05", (1, 2)), ("00:40", (3, 4, 5)), ("01:10", (7,)), ("05:00", ())]


def story(engine: rd.Engine) -> None:
    """What happens outside, in order; done again after a restart it changes nothing that is there."""
    for at, numbers in FACTS:
        to = ns(f"2026-11-23T{at}Z")
        if parts(engine).fold.clock.now() < to:
            engine.advance(to=f"2026-11-23T{at}Z")
        if numbers:
            engine.publish_many(
                [("orders", {"key": str(n), "partition": f"2026-11-0{n}", "extra": {"n": n}}) for n in numbers]
            )
        parts(engine).loop.settle()
    engine.run_until_idle()


def outcome(engine: rd.Engine) -> Counter:
    return Counter((run.dag, run.key, run.state) for run in engine.runs())


def hold_to_the_laws(engine: rd.Engine) -> None:
    """One request a key, one recorded success a task, every acknowledged event."""
    runs = parts(engine).fold.runs
    asked = Counter(runs.key_of(record) for record in of_kind(engine, RunRequested))
    ended = Counter((record.run, record.task) for record in of_kind(engine, TaskFinished) if record.state == "success")
    assert set(asked.values()) == set(ended.values()) == {1}
    told = [record.extra["n"] for record in of_kind(engine, Published) if record.dataset == "orders"]
    assert sorted(told) == sorted(n for _, numbers in FACTS for n in numbers)


@pytest.fixture(scope="module")
def expected() -> Counter:
    with live(pipeline()) as engine:
        story(engine)
        hold_to_the_laws(engine)
        assert {run.dag for run in engine.runs()} == set(engine.graph.dags)
        narrow, newest = (Counter(run.state for run in engine.runs(dag)) for dag in ("narrow", "newest"))
        assert narrow == {"success": 3, "skipped": 3} and newest == {"cancelled": 5, "failed": 1}
        return outcome(engine)


def dying(engine: rd.Engine, commits: int, after: bool) -> bool:
    """Tell the story until the engine dies at one of its commits, before or after it is durable."""
    left = [commits]
    commit = parts(engine).log.commit

    def dies() -> int:
        left[0] -= 1
        if left[0] < 0 or (left[0] == 0 and not after):  # a body that died at a commit may catch it: the dead stay dead
            raise Killed
        done = commit()
        if left[0] == 0:
            raise Killed
        return done

    parts(engine).log.commit = dies
    try:
        story(engine)
        return False
    except Killed:
        return True
    finally:
        del parts(engine).log.commit
        kill(engine)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("commits", [1, 2, 3, 5, 7, 8, 11, 13, 16, 19, 23, 27, 31, 36])
def test_X1_an_engine_that_dies_at_a_commit_goes_on_as_if_it_had_not(commits, after, expected, tmp_path):
    engine = opened(pipeline(), tmp_path / "s.db")
    assert dying(engine, commits, after)
    start = parts(engine).fold.clock
    with live(pipeline(), tmp_path / "s.db", clock=start) as engine:
        story(engine)
        hold_to_the_laws(engine)
        assert outcome(engine) == expected


@pytest.mark.parametrize("every", [1, 3])
def test_X1_dying_again_and_again_with_snapshots(every, expected, tmp_path, monkeypatch):
    monkeypatch.setattr(turn_module, "SNAPSHOT_EVERY", 10)
    clock, times = rd.VirtualClock("2026-11-23T00:00Z"), 0
    while dying(opened(pipeline(), tmp_path / "s.db", clock=clock), 2 + every, after=True):
        times += 1
        assert times < 100
    assert times > 5
    with live(pipeline(), tmp_path / "s.db", clock=clock) as engine:
        story(engine)
        assert parts(engine).log.load_snapshot() is not None
        asked = Counter(parts(engine).fold.runs.key_of(record) for record in of_kind(engine, RunRequested))
        assert set(asked.values()) == {1}
        ours = {(dag, key) for dag, key, _ in expected if dag != "quiet"}
        assert {(run.dag, run.key) for run in engine.runs() if run.dag != "quiet"} == ours


def test_X1_a_snapshot_and_the_whole_log_give_the_same_state(tmp_path, monkeypatch):
    monkeypatch.setattr(turn_module, "SNAPSHOT_EVERY", 7)
    engine = opened(pipeline(), tmp_path / "s.db")
    with pytest.raises(Killed):
        parts(engine).log.when_committed(70, lambda: (_ for _ in ()).throw(Killed()))
        story(engine)
    kill(engine)
    engine = opened(pipeline(), tmp_path / "s.db", clock=parts(engine).fold.clock)
    parts(engine).loop.settle()
    verify(engine)  # recovered from the snapshot; `verify` folds the log from nothing
    assert parts(engine).log.load_snapshot()[0] > 20
    kill(engine)


def test_X1_turns_that_are_cut_short_by_their_bound(tmp_path, monkeypatch, expected):
    """A turn of few records leaves decisions beyond its end: a crash, a snapshot and a replay must get them right."""
    monkeypatch.setattr(turn_module, "MAX_RECORDS", 5)
    monkeypatch.setattr(turn_module, "SNAPSHOT_EVERY", 3)
    for commits in (4, 9, 14, 22, 35, 50):
        clock, store = rd.VirtualClock("2026-11-23T00:00Z"), tmp_path / f"{commits}.db"
        dying(opened(pipeline(), store, clock=clock), commits, after=commits % 2 == 0)
        with live(pipeline(), store, clock=clock) as engine:
            story(engine)
            hold_to_the_laws(engine)
            assert outcome(engine) == expected


def test_I6_a_commit_holds_facts_decisions_and_how_far_they_go(tmp_path):
    engine = opened(pipeline(), tmp_path / "s.db")
    commits = []
    write = parts(engine).log._write_pending
    parts(engine).log._write_pending = lambda batch: (commits.append((batch.first, list(batch.records))), write(batch))
    story(engine)
    for first, records in commits:
        decided = [(n, record) for n, record in enumerate(records, first) if isinstance(record, Decided)]
        requested = [record for record in records if isinstance(record, RunRequested)]
        if requested:
            assert len(decided) == 1 and isinstance(records[-1], Decided), "a turn's decisions are in one commit"
            assert decided[0][1].upto <= decided[0][0]
            assert all(cause < decided[0][1].upto for r in requested for cause in r.causes if isinstance(cause, int))
    del parts(engine).log._write_pending
    engine.close()


def test_I6_a_turn_that_fails_stops_the_engine_which_starts_again_from_the_log(tmp_path):
    store = tmp_path / "s.db"
    engine = opened(pipeline(), store)
    broken = parts(engine).fold.waits.look
    parts(engine).fold.waits.look = lambda *_: 1 / 0
    engine.publish("orders", key="1", partition="2026-11-01", extra={"n": 1})
    with pytest.raises(ZeroDivisionError):
        engine.run_until_idle()
    parts(engine).fold.waits.look = broken
    for call in (engine.run_until_idle, lambda: engine.publish("mart")):
        with pytest.raises(rd.StoreError):
            call()
    engine.close()
    with live(pipeline(), store) as engine:
        engine.run_until_idle()
        assert {run.state for run in engine.runs()} == {"success"}


def test_T11_an_undecided_change_and_a_snapshot(tmp_path, monkeypatch):
    """What waits for a new definition is in the snapshot that is taken before that comes into force."""
    monkeypatch.setattr(turn_module, "MAX_RECORDS", 4)
    monkeypatch.setattr(turn_module, "SNAPSHOT_EVERY", 1)

    def declared(count):
        graph = rd.Graph("restarts")
        a = graph.dataset("a")
        graph.dag("job", on=rd.updated(a).batch(count=count))(lambda_count)
        return graph

    store = tmp_path / "s.db"
    engine = opened(declared(100), store)
    parts(engine).loop.settle()
    engine.publish_many([("a", {"extra": n}) for n in range(20)])
    kill(engine)
    engine = opened(declared(20), store)  # the change stands behind twenty undecided facts
    for _ in range(3):
        parts(engine).turn.run()
    kill(engine)
    with live(declared(20), store) as engine:
        engine.run_until_idle()
        assert [run.tasks["lambda_count"].output for run in engine.runs("job")] == [20]


def lambda_count(run):
    return len(run.events)
