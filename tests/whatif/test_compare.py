"""Two courses beside each other: pairs, what changed, by how much, in which order, and through which chain."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.whatif.comparison.chain import Reasons
from reactive_dag.whatif.comparison.compare import Comparison
from reactive_dag.whatif.comparison.pairs import RunPairs
from tests.laws.test_same_graph import GraphSpec, graphs, played
from tests.support.profiles import examples

START = "2026-11-23T00:00Z"


def nothing() -> None:
    """A body."""


def play(graph: rd.Graph, **asked: object) -> rd.Simulation:
    options: dict[str, object] = {"start": START, "until": "1d", "default_duration": "10m"}
    return rd.simulate(graph, **(options | asked))  # type: ignore[arg-type]


def shop() -> rd.Graph:
    """ingest -> orders & users -> build (extract, load) -> report, alert on failure; waiter awaits ingest."""
    graph = rd.Graph("shop")
    orders, users, mart = (graph.dataset(uri) for uri in ("orders", "users", "mart"))
    graph.dag("ingest", schedule="0 2 * * *", outlets=[orders])(nothing)
    build = graph.dag("build", on=(orders & users))
    build.add(nothing, "extract")
    build.add(nothing, "load", after=["extract"], outlets=[mart])
    graph.dag("report", on=mart)(nothing)
    graph.dag("alert", on=rd.completed("report", states="failed") | rd.completed("build", states="failed"))(nothing)
    waiter = graph.dag("waiter", schedule="0 1 * * *")
    waiter.wait_for("ingest", match="same_day", id="w", timeout="6h")
    waiter.add(nothing, "go", after=["w"])
    graph.dag("other", schedule="0 5 * * *")(nothing)
    return graph


def day() -> rd.Simulation:
    return play(shop(), sources={"users": rd.cron("30 1 * * *")})


def told(found: Comparison) -> list[tuple[str, str, timedelta | None, str]]:
    """Each change in short."""
    return [(row.dag, row.kind, row.by, str(row.why)) for row in found]


def test_a_chain_is_worked_out_when_it_is_read(monkeypatch) -> None:
    asked: list[int] = []
    of_shift = Reasons.of_shift
    monkeypatch.setattr(Reasons, "of_shift", lambda self, run: asked.append(run) or of_shift(self, run))
    found = day().what_if(rd.delay("ingest", "2h")).compare()
    assert len(found) > 2 and not asked
    assert found[0].why is found[0].why and len(asked) == 1


# --------------------------------------------------------------------------------------- later and earlier


def test_later_by_how_much_and_through_which_chain() -> None:
    found = day().what_if(rd.delay("ingest", "2h")).compare()
    first = "ingest.nothing +2h (rd.delay('ingest', '2h'))"
    two = timedelta(hours=2)
    assert told(found) == [
        ("build", "later", two, f"{first} → causes build"),
        ("ingest", "later", two, first),
        ("report", "later", two, f"{first} → causes build.load → causes report"),
        ("waiter", "later", two, f"{first} → awaited by waiter"),
    ]
    assert found.unchanged == 1 and found.counts == {"later": 4}
    assert [(link.name, link.link) for link in found[2].why] == [
        ("ingest.nothing", ""),
        ("build.extract", "caused by"),
        ("build.load", "needs"),
        ("report.nothing", "caused by"),
    ]  # fmt: skip
    assert all(link.by == two for link in found[2].why)
    assert (found[0].before, found[0].after) == ("success", "success")
    assert f"{found[0].ended_before:%H:%M} {found[0].ended_after:%H:%M}" == "02:30 04:30"


def test_earlier_is_last() -> None:
    late = day().what_if(rd.duration("build.load", "1m"), rd.duration("other", "1h"))
    assert told(late.compare()) == [
        ("other", "later", timedelta(minutes=50), "other.nothing +50m (rd.duration('other', '1h'))"),
        ("build", "earlier", timedelta(minutes=-9), "build.load -9m (rd.duration('build.load', '1m'))"),
        (
            "report",
            "earlier",
            timedelta(minutes=-9),
            "build.load -9m (rd.duration('build.load', '1m')) → causes report",
        ),
    ]


def test_a_delay_that_slack_swallows_changes_only_what_is_delayed() -> None:
    graph = shop()
    found = play(graph, sources={"users": rd.cron("30 3 * * *")}).what_if(rd.delay("ingest", "1h")).compare()
    assert [row.dag for row in found] == ["ingest", "waiter"]


def test_an_outside_event_that_is_late() -> None:
    found = day().what_if(rd.delay("users", "3h")).compare()
    assert told(found)[0] == (
        "build", "later", timedelta(hours=2, minutes=20),
        "event of users +3h (rd.delay('users', '3h')) → causes build",
    )  # fmt: skip


def test_a_delayed_task_and_two_interventions_on_the_way() -> None:
    late = day().what_if(rd.delay("build.extract", "1h"), rd.duration("build.load", "20m"))
    assert told(late.compare())[0] == (
        "build", "later", timedelta(hours=1, minutes=10),
        "build.load +1h10m (rd.delay('build.extract', '1h'); rd.duration('build.load', '20m'))",
    )  # fmt: skip


def test_through_a_place_among_active_runs() -> None:
    graph = rd.Graph("slots")
    graph.dag("a", schedule="0 1,2 * * *", max_active_runs=1)(nothing)
    late = play(graph).what_if(rd.duration("a", "90m")).compare()
    assert [str(row.why) for row in late][-1] == "a.nothing +1h20m (rd.duration('a', '1h30m'))"
    assert [(link.link, link.by) for link in late[0].why] == [
        ("", timedelta(minutes=80)), ("slot", timedelta(minutes=110)),
    ]  # fmt: skip


def test_a_failed_attempt_makes_it_later() -> None:
    graph = rd.Graph("retry")
    graph.dag("a", schedule="*/20 * * * *", retries=5, retry_delay="1m")(nothing)
    found = play(graph, seed=3).what_if(rd.fail("a", p=0.4)).compare()
    assert found and {row.kind for row in found} <= {"later", "state"}
    assert {str(row.why) for row in found if row.by == timedelta(minutes=11)} == {
        "a.nothing +11m (rd.fail('a', p=0.4))"
    }


# ------------------------------------------------------------------------------- missing, extra, other ends


def test_missing_extra_and_other_ends_with_their_chains() -> None:
    found = day().what_if(rd.fail("build.load")).compare()
    first = "build.load (rd.fail('build.load'); failed, was success)"
    assert told(found) == [
        ("report", "missing", None, "build.load (rd.fail('build.load')) → causes report (missing)"),
        ("alert", "extra", None, f"{first} → causes alert (extra)"),
        ("build", "state", timedelta(0), first),
    ]
    assert found.unchanged == 3
    assert (found[0].before, found[0].after, found[1].before, found[1].after) == ("success", None, None, "success")


def test_the_other_way_round() -> None:
    base = day()
    found = base.compare(base.what_if(rd.fail("build.load"), name="bad"))
    first = "build.load (without rd.fail('build.load'); success, was failed)"
    assert [(row.dag, row.kind, str(row.why)) for row in found] == [
        ("alert", "missing", f"{first} → causes alert (missing)"),
        ("build", "state", first),
        ("report", "extra", "build.load (without rd.fail('build.load')) → causes report (extra)"),
    ]
    assert found.title == "base compared with bad"


def test_a_failure_behind_a_wait() -> None:
    found = day().what_if(rd.fail("ingest")).compare()
    chains = {row.dag: str(row.why) for row in found}
    first = "ingest.nothing (rd.fail('ingest'); failed, was success)"
    why = "failed: ingest is failed (same_day 2026-11-23T01:00:00Z)"
    assert chains["waiter"] == f"{first} → awaited by waiter ({why}; failed, was success)"
    assert chains["build"] == "ingest.nothing (rd.fail('ingest')) → causes build (missing)"
    assert chains["report"] == "ingest.nothing (rd.fail('ingest')) → causes build (missing) → causes report (missing)"


def test_what_waits_for_ever_is_latest() -> None:
    graph = rd.Graph("ever")
    users = graph.dataset("users")
    graph.dag("fed", on=users)(nothing)
    down = graph.dag("down", schedule="0 1 * * *")
    down.wait_for("fed", match="same_day", states="success", failed_states=(), id="w")
    graph.dag("after", on=rd.completed("down"))(nothing)
    base = play(graph, sources={users: rd.cron("0 2 * * *")})
    found = base.what_if(rd.fail("fed")).compare()
    first = "fed.nothing (rd.fail('fed'); failed, was success)"
    assert [(row.dag, row.kind, row.after) for row in found] == [
        ("after", "missing", None), ("down", "state", "running"), ("fed", "state", "failed"),
    ]  # fmt: skip
    waits = "(waiting: fed is failed (same_day 2026-11-23T01:00:00Z); running, was success)"
    assert str(found[1].why) == f"{first} → awaited by down {waits}"
    assert str(found[0].why) == f"{first} → awaited by down.w {waits} → causes after (missing)"


# ------------------------------------------------------------------------------------------ what is at the root


def pooled() -> rd.Simulation:
    """Four tasks at one o'clock in a pool that has room for all, and what follows the last."""
    graph = rd.Graph("pooled")
    graph.pool("warehouse", slots=5)
    for number in range(4):
        graph.dag(f"d{number}", schedule="0 1 * * *").add(nothing, "t", pool="warehouse")
    graph.dag("after", on=rd.completed("d3")).add(nothing, "t")
    return play(graph)


@pytest.mark.parametrize(
    "change",
    [
        rd.capacity("warehouse", 2), rd.workers(2), rd.shared("slow", 2.0, tasks=["d3"]), rd.duration("d3", times=2),
        rd.delay("d3", "10m"), rd.delay("d3.t", "10m"),
    ],
    ids=repr,
)  # fmt: skip
def test_W56_the_intervention_stands_at_the_root(change: object) -> None:
    late = pooled().what_if(change)  # type: ignore[arg-type]
    found = {row.dag: str(row.why) for row in late.compare()}
    assert found["after"] == f"d3.t +10m ({change!r}) → causes after"


def test_W56_a_sources_delay_is_named_as_such() -> None:
    graph = rd.Graph("source")
    users = graph.dataset("users")
    graph.dag("x", on=users).add(nothing, "t")
    graph.dag("y", on=rd.completed("x")).add(nothing, "t")
    base = play(graph, sources={users: rd.cron("0 1 * * *")})
    found = {row.dag: str(row.why) for row in base.what_if(rd.delay(users, "2h")).compare()}
    assert found["y"] == "event of users +2h (rd.delay('users', '2h')) → causes x.t → causes y"


def test_W56_behind_a_missed_deadline_stands_why_its_run_was_late() -> None:
    graph = rd.Graph("missed")
    graph.dag("a", schedule="0 1 * * *", deadline="15m").add(nothing, "t")
    graph.dag("alarm", on=rd.missed("a")).add(nothing, "t")
    graph.dag("page", on=rd.completed("alarm")).add(nothing, "t")
    base = play(graph)
    late = base.what_if(rd.delay("a", "2h"))
    found = {row.dag: (row.kind, str(row.why)) for row in late.compare()}
    first = "a.t +2h (rd.delay('a', '2h')) → misses its deadline, causes alarm (extra)"
    assert found["alarm"] == ("extra", first)
    assert found["page"] == ("extra", f"{first} → causes page (extra)")
    assert [step.name for step in late.critical_path("alarm")] == [
        "deadline of a 2026-11-23T01:15:00Z", "alarm.t",
    ]  # fmt: skip
    back = {row.dag: (row.kind, str(row.why)) for row in base.compare(late)}
    assert back["alarm"][0] == "missing" and back["alarm"][1].startswith("a.t -2h (without rd.delay('a', '2h'))")
    failed = base.what_if(rd.fail("a")).compare()
    assert {row.dag: str(row.why) for row in failed}["alarm"] == (
        "a.t (rd.fail('a'); failed, was success) → misses its deadline, causes alarm (extra)"
    )


def test_W56_behind_a_new_silence_stands_why_what_it_listens_for_was_late() -> None:
    graph = rd.Graph("silent")
    users = graph.dataset("users")
    graph.dag("a", schedule="0 1 * * *").add(nothing, "t")
    graph.dag("alarm", on=rd.absent(rd.completed("a"), at=rd.cron("0 2 * * *"))).add(nothing, "t")
    graph.dag("page", on=rd.completed("alarm")).add(nothing, "t")
    graph.dag("no_users", on=rd.absent(users, at=rd.cron("0 2 * * *"))).add(nothing, "t")
    base = play(graph, sources={users: rd.cron("30 1 * * *")})
    late = base.what_if(rd.delay("a", "2h"), rd.delay(users, "1h"))
    found = {row.dag: (row.kind, str(row.why)) for row in late.compare()}
    first = "a.t +2h (rd.delay('a', '2h')) → is silent too long, causes alarm (extra)"
    assert found["alarm"] == ("extra", first) and found["page"] == ("extra", f"{first} → causes page (extra)")
    assert found["no_users"] == (
        "extra", "event of users +1h (rd.delay('users', '1h')) → is silent too long, causes no_users (extra)",
    )  # fmt: skip
    back = {row.dag: (row.kind, str(row.why)) for row in base.compare(late)}
    assert back["alarm"][0] == "missing" and back["alarm"][1].startswith("a.t -2h (without rd.delay('a', '2h'))")


# ------------------------------------------------------------------------------------------------- pairs


def test_runs_without_the_same_key_pair_by_date_and_number() -> None:
    graph = rd.Graph("batches")
    users = graph.dataset("users", partitions=rd.day())
    graph.dag("a", on=rd.updated(users).batch(max_wait="90m"))(nothing)
    graph.dag("tick", schedule="0 1 * * *")(nothing)
    base = play(graph, sources={users: rd.cron("0 * * * *")})
    late = base.what_if(rd.delay(users, "30m"))
    assert len(base.runs) == len(late.runs)
    pairs = RunPairs.of(base.trace, late.trace)
    assert len(pairs.to_mine) == len(base.runs) and set(pairs.to_base) == set(late.trace.rows)
    for mine, other in pairs.to_mine.items():
        assert base.trace.rows[mine].dag == late.trace.rows[other].dag


def test_simulations_of_two_graphs_can_be_compared() -> None:
    graph = shop()
    base = play(graph, sources={"users": rd.cron("30 1 * * *")})
    graph.remove("alert")
    graph.remove("report")
    other = play(graph, sources={"users": rd.cron("30 1 * * *")})
    assert [(row.dag, row.kind) for row in other.compare(base)] == [("report", "missing")]
    assert [(row.dag, row.kind) for row in base.compare(other)] == [("report", "extra")]


def test_nothing_changed() -> None:
    base = day()
    found = base.compare(day())
    assert not found and found.unchanged == 5
    assert str(found) == "base compared with base\n5 unchanged"


def test_it_prints_as_a_table() -> None:
    text = str(day().what_if(rd.delay("ingest", "2h"), name="late").compare()).splitlines()
    assert text[0] == "late compared with base"
    assert text[1].split() == ["dag", "date", "was", "is", "by", "why"]
    assert text[2].split()[:8] == ["build", "11-23", "02:00", "11-23", "02:30", "11-23", "04:30", "+2h"]
    assert text[-2] == "4 later, 1 unchanged"


def test_to_json_has_all_of_it() -> None:
    data = day().what_if(rd.delay("ingest", "2h"), name="late").compare().to_json()
    assert (data["name"], data["base"], data["unchanged"], data["counts"]) == ("late", "base", 1, {"later": 4})
    rows = data["rows"]
    assert isinstance(rows, list)
    assert rows[0]["by_s"] == 7200.0 and rows[0]["ended_after"] == "2026-11-23T04:30:00Z"
    assert rows[0]["why"][0] == {
        "name": "ingest.nothing", "dag": "ingest", "link": "", "by_s": 7200.0, "note": "rd.delay('ingest', '2h')",
    }  # fmt: skip


@settings(max_examples=examples(60), deadline=None)
@given(graphs(), st.data())
def test_law_every_run_is_a_change_or_unchanged(spec: GraphSpec, data: st.DataObject) -> None:
    """Whatever is done to whatever graph: every run is counted once, and each chain ends with its run's DAG."""
    base = played(spec)
    dag = f"d{data.draw(st.integers(0, len(spec.dags) - 1))}"
    change = data.draw(st.sampled_from([rd.delay(dag, "50m"), rd.duration(dag, "13m"), rd.fail(f"{dag}.t0", p=0.5)]))
    course = base.what_if(change)
    found = course.compare()
    kinds = found.counts
    assert sum(kinds.values()) == len(found)
    in_base = found.unchanged + len(found) - kinds.get("extra", 0)
    in_mine = found.unchanged + len(found) - kinds.get("missing", 0)
    assert (in_base, in_mine) == (len(base.runs), len(course.runs))
    lateness = [row.lateness for row in found]
    assert lateness == sorted(lateness, reverse=True)
    for row in found:
        assert list(row.why)[-1].dag == row.dag
        assert str(row.why)


@pytest.mark.parametrize("limited", [False, True], ids=["window", "limits"])
def test_W32_answers_stay_those_of_the_graph_as_it_was(limited: bool) -> None:
    graph = shop()
    graph.pool("db", slots=3)
    graph.dag("loads", schedule="0 1 * * *", max_active_runs=2).add(nothing, "load", pool="db")
    graph.dag("gone", schedule="0 1 * * *").add(nothing, "bye")
    base = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration="10m")
    asked = base.what_if(rd.workers(1)) if limited else base

    def answers() -> list[str]:
        of_gone = [asked.timeline("gone"), asked.critical_path("gone"), asked.slack("gone"), asked.runs_of("gone")]
        of_all = [asked.timeline(), asked.usage(), asked.runs, asked.pending(), asked.deadlines()]
        return [str(each) for each in (*of_gone, *of_all)]

    before = answers()
    graph.remove("gone")
    graph.pool("db", slots=1)
    graph.dag("loads", schedule="0 1 * * *", max_active_runs=7).add(nothing, "load", pool="db")
    assert answers() == before


def test_W32_a_comparison_says_that_the_graph_was_changed_between_the_two() -> None:
    graph = shop()
    base = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration="10m")
    late = base.what_if(rd.delay("ingest", "2h"))
    graph.remove("other")
    said = "the graph was changed between the two"
    assert late.compare().same_graph and said not in str(late.compare())
    anew = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration="10m")
    for found in (base.what_if(rd.delay("ingest", "2h")).compare(), anew.compare(base), anew.compare(late)):
        assert not found.same_graph and str(found).count(said) == 1 and not found.to_json()["same_graph"]
        assert ("other", "missing") in [(row.dag, row.kind) for row in found]


def scarce() -> rd.Simulation:
    """Three of one pool of two slots behind `up`, the third last; `w` awaits it."""
    graph = rd.Graph("scarce")
    graph.pool("wh", slots=2)
    up = graph.dag("up", schedule="0 0 * * *")
    up.add(nothing, "t")
    for number in range(3):
        graph.dag(f"c{number}", on=rd.completed(up)).add(nothing, "t", pool="wh", priority=-number)
    w = graph.dag("w", schedule="0 0 * * *")
    w.wait_for("c2", id="see", timeout="2h")
    w.add(nothing, "go", after=["see"])
    return play(graph)


def test_W56_what_is_earlier_names_what_held_it_up() -> None:
    base = scarce()
    assert told(base.what_if(rd.capacity("wh", 3)).compare())[0][3] == "c2.t -10m (rd.capacity('wh', 3))"
    freed = {row.dag: str(row.why) for row in base.what_if(rd.delay("c1", "1h")).compare() if row.kind == "earlier"}
    assert freed["c2"] == "c1.t +1h (rd.delay('c1', '1h')) → makes room for c2"
    assert freed["w"] == "c1.t +1h (rd.delay('c1', '1h')) → makes room for c2.t → awaited by w"


def test_W56_a_wait_in_vain_names_what_made_the_awaited_late() -> None:
    late = {row.dag: str(row.why) for row in scarce().what_if(rd.delay("up", "3h")).compare()}
    assert late["w"].startswith("up.t +3h (rd.delay('up', '3h')) → causes ")
    assert " → awaited by w (failed: timed out after 2h" in late["w"]


def test_W56_where_no_link_bears_an_intervention_the_first_names_those_that_there_are() -> None:
    graph = rd.Graph("many")
    dag = graph.dag("d", schedule="0 0 * * *")
    dag.add(nothing, "list")
    graph.pool("p", slots=2)
    dag.add(nothing, "each", map_over=dag.tasks["list"], pool="p")
    base = play(graph, outputs={"list": [1, 2, 3, 4]})
    assert told(base.what_if(rd.capacity("p", 1)).compare())[0][3] == "d.each +20m (rd.capacity('p', 1))"


def test_a_mapped_task_over_a_mapped_task_has_a_use_of_limits() -> None:
    graph = rd.Graph("nested")
    dag = graph.dag("d", schedule="0 0 * * *")
    dag.add(nothing, "a")
    dag.add(nothing, "b", map_over=dag.tasks["a"])
    dag.add(nothing, "c", map_over=dag.tasks["b"])
    assert play(graph, outputs={"a": [1, 2]}).usage()[0].most == 2
