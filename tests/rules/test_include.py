"""A graph in a graph (G6): what is taken, what is refused, and what a running engine makes of it."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.declare.internals import sources_of, version_of
from reactive_dag.model.records import Registered
from reactive_dag.triggers.walks import leaves
from tests.support.engines import kill, live, of_kind, opened, outputs, parts, states


def rows(run):
    return [event.dataset or event.dag for event in run.events]


def crm() -> rd.Graph:
    """Contacts are imported in a pool; a DAG reads what `sales` makes, which is not declared here."""
    graph = rd.Graph("crm")
    day = rd.day("Europe/Berlin")
    imports, contacts = graph.dataset("imports", metadata={"owner": "crm"}), graph.dataset("contacts", partitions=day)
    graph.pool("api", slots=2)
    graph.dag("contact", on=imports, tz="Europe/Berlin").add(rows, id="load", pool="api", outlets=[contacts])
    graph.dag("revenue", on=rd.completed("report"))(rows)
    return graph


def sales() -> rd.Graph:
    graph = rd.Graph("sales")
    graph.dag("report", on=graph.dataset("orders"))(rows)
    return graph


def test_G6_dags_datasets_and_pools_are_taken_with_ids_and_places():
    graph, other = sales(), crm()
    before = other.to_json()
    graph.include(other)
    graph.check()
    assert list(graph.dags) == ["report", "contact", "revenue"] and set(graph.datasets) >= {"imports", "contacts"}
    assert graph.pools["api"].slots == 2 and graph.datasets["contacts"].partitions == rd.day("Europe/Berlin")
    assert graph.datasets["imports"].metadata == {"owner": "crm"}
    assert graph.dags["contact"].place == other.dags["contact"].place
    assert graph.dags["contact"].graph == "sales" and other.dags["contact"].graph == "crm"
    assert graph.upstream("revenue") == {"report"} and graph.height("revenue") == 1
    assert [problem.kind for problem in other.problems() if problem.severity == "error"] == ["unknown_dag"]
    assert other.to_json() == before and rd.Graph.from_json(graph.to_json()).to_json() == graph.to_json()
    graph._check()
    other._check()


def test_G6_it_is_as_if_all_were_declared_in_one_graph():
    both = crm()
    both.dag("report", on=both.dataset("orders"))(rows)
    graph = rd.Graph("crm")
    graph.include(crm())
    graph.dag("report", on=graph.dataset("orders"))(rows)
    assert graph.to_json() == both.to_json() and graph.order() == both.order()


def test_G6_an_id_that_both_have_is_refused_with_both_places_and_nothing_is_taken():
    graph, other = sales(), crm()
    other.dag("report", on=rd.cron("0 2 * * *"))(rows)
    before, version = graph.to_json(), version_of(graph)
    with pytest.raises(rd.DuplicateError) as told:
        graph.include(other)
    text = str(told.value)
    assert graph.dags["report"].place in text and other.dags["report"].place in text and "replace=True" in text
    assert graph.to_json() == before and not graph.pools
    with graph.bulk():
        graph.dag("more")(rows)
        with pytest.raises(rd.DuplicateError):
            graph.include(other)
    assert list(graph.dags) == ["report", "more"] and version_of(graph) > version
    graph._check()


@pytest.mark.parametrize(
    ("declare", "named"),
    [
        (lambda graph: graph.dataset("contacts", partitions=rd.hour("UTC")), "hour"),
        (lambda graph: graph.pool("api", slots=3), "3 slots here and 2 there"),
    ],
)
def test_G6_a_dataset_or_a_pool_that_is_declared_differently_is_refused(declare, named):
    graph = sales()
    declare(graph)
    before = graph.to_json()
    with pytest.raises(rd.GraphError, match=named):
        graph.include(crm(), replace=True)
    assert graph.to_json() == before
    graph._check()


def test_G6_a_dataset_that_does_not_say_how_it_is_partitioned_is_none_that_contradicts():
    graph, other = sales(), rd.Graph("other")
    graph.dataset("orders", metadata={"owner": "sales"})
    day = graph.dataset("day", partitions=rd.day("UTC"))
    other.dataset("orders", metadata={"owner": "other"})
    other.dag("reads", on=rd.updated(other.dataset("day")).by("partition"))(rows)
    graph.include(other)
    assert graph.datasets["day"] is day and graph.datasets["orders"].metadata == {"owner": "sales"}


def test_G6_what_the_including_graph_only_mentions_is_bound_by_what_is_included():
    graph = sales()
    contacts = graph.dataset("contacts", metadata={"owner": "sales"})
    graph.dag("daily", on=contacts.by(rd.day("Europe/Berlin")), outlets=[rd.Dataset("daily")]).add(rows, id="t")
    graph.dag("sees").wait_for(contacts, id="up", partition="2026-11-23", timeout="1h")
    graph.include(crm())
    bound = graph.datasets["contacts"]
    assert bound.partitions == rd.day("Europe/Berlin") and bound.metadata == {"owner": "sales"}
    assert graph.dags["sees"].waits[0].dataset is bound and graph.dags["contact"].produces == (bound,)
    assert [leaf.dataset for leaf in sources_of(graph.dags["daily"])] == [bound]
    assert leaves(graph.effective("daily")[""])[0].partitions == bound.partitions
    both = crm()
    both.dag("daily", on=both.dataset("contacts").by(rd.day("Europe/Berlin")))
    assert graph.effective("daily")[""].digest == both.effective("daily")[""].digest
    graph._check()


def test_G6_a_dataset_may_be_used_before_it_is_declared():
    graph = rd.Graph("late")
    graph.dag("make", outlets=["b"])(rows)
    graph.dag("read", on=rd.updated("b").with_latest(rd.absent(rd.updated("b"), for_="1h")))(rows)
    task = graph.dag("both").add(rows, outlets=["b"])
    made = graph.dataset("b", partitions=rd.day("Asia/Tokyo"))
    assert graph.dataset("b") is made and graph.dags["make"].produces == task.outlets == (made,)
    heard = [leaf for each in (*graph.effective("read").values(),) for leaf in leaves(each)]
    assert {leaf.dataset.partitions for leaf in heard} == {made.partitions}
    assert graph.dags["make"].tz == "Asia/Tokyo" and rd.Graph.from_json(graph.to_json()).to_json() == graph.to_json()
    graph.dag("other", on=rd.Dataset("c"))(rows)
    graph.dag("says", outlets=[rd.Dataset("c", rd.hour())])(rows)
    assert sources_of(graph.dags["other"])[0].dataset.partitions == rd.hour()
    with pytest.raises(rd.GraphError, match=r"DAG 'no'.*partitioned in one way"):
        graph.dag("no", outlets=[rd.Dataset("c", rd.week())])
    graph._check()


def test_G6_a_declaration_that_what_names_it_cannot_stand_is_refused_with_the_place():
    graph = rd.Graph("late")
    rolled = rd.updated("b").rollup(rd.month("UTC"), of=rd.day("UTC"))
    graph.dag("month", on=rolled.by("week"))(rows)
    graph.dag("up").wait_for(rd.Dataset("b"), id="up", partition="today", timeout="1h")
    before = graph.to_json()
    with pytest.raises(rd.GraphError, match=r"dataset 'b' cannot have .*'month' \(.*test_include\.py:\d+\).*'week'"):
        graph.dataset("b", partitions=rd.week("UTC"))
    other = rd.Graph("other")
    other.dataset("b", partitions=rd.week("UTC"))
    with pytest.raises(rd.GraphError, match="dataset 'b' cannot have"):
        graph.include(other)
    assert graph.to_json() == before and sources_of(graph.dags["month"])[0].dataset.partitions is None
    graph.remove("month")
    graph.dataset("b", partitions=rd.week("UTC"))
    with pytest.raises(rd.GraphError, match=r"waits for partition 'today' of 'b'.*test_include\.py:\d+"):
        graph.check()
    graph._check()


def test_G6_what_a_refused_change_bound_is_only_mentioned_again():
    graph = sales()
    graph.dag("reads", on=rd.updated("b").by(rd.day()), outlets=["b2"])(rows)
    before, digest = graph.to_json(), graph.effective("reads")[""].digest
    with pytest.raises(rd.CycleError):
        graph.dag("circle", on="b2" and rd.updated("b2"), outlets=[rd.Dataset("b", rd.day())])
    with pytest.raises(ValueError), graph.bulk():
        graph.dataset("b", partitions=rd.day())
        graph.dags["reads"].add(rows, id="more")
        raise ValueError
    assert graph.to_json() == before and graph.effective("reads")[""].digest == digest
    assert leaves(graph.effective("reads")[""])[0].partitions is None
    with graph.bulk():
        bound = graph.dataset("b", partitions=rd.day())
        graph.dag("rolled", on=bound.rollup(rd.month("UTC")))(rows)
    assert leaves(graph.effective("reads")[""])[0].partitions == rd.day()
    graph._check()


def test_G6_a_cycle_that_the_two_close_is_refused_with_its_path():
    graph, other = sales(), rd.Graph("other")
    graph.dag("first", on=rd.completed("second"))(rows)
    other.dag("second", on=rd.completed("third"))(rows)
    other.dag("third", on=rd.completed("first"))(rows)
    before = graph.to_json()
    with pytest.raises(rd.CycleError) as told:
        graph.include(other)
    assert set(told.value.path) == {"first", "second", "third"} and graph.to_json() == before
    assert other.dags["second"].graph == "other"
    graph._check()
    other._check()


def test_G6_what_is_declared_later_is_taken_when_it_is_included_again():
    graph, other = sales(), crm()
    graph.include(other)
    other.dags["contact"].add(rows, id="more")
    other.dag("late")(rows)
    assert list(graph.dags["contact"].tasks) == ["load"] and "late" not in graph.dags
    graph.dags["contact"].add(rows, id="own")
    assert list(other.dags["contact"].tasks) == ["load", "more"]
    graph.include(other, replace=True)
    assert list(graph.dags["contact"].tasks) == ["load", "more"] and "late" in graph.dags
    assert not [each for each in graph.problems() if each.kind == "declared_twice"]


def test_G6_what_was_declared_twice_by_mistake_is_said_of_the_whole_too():
    other = rd.Graph("other")
    other.dag("again")(rows)
    other.dag("again")(rows)
    graph = rd.Graph("whole")
    graph.include(other)
    assert [each.kind for each in graph.problems()] == ["declared_twice"]


def test_G6_a_star_hears_the_whole():
    graph, other = sales(), rd.Graph("other")
    other.dag("alarm", on=rd.completed("*", states="failed"))(rows)
    graph.include(other)
    with live(graph, stubs={"report.rows": rd.fails_once()}) as engine:
        engine.publish("orders")
        engine.run_until_idle()
        assert states(engine) == ["report failed", "alarm success"]


def test_G6_functions_of_a_loaded_graph_are_found_for_the_whole():
    loaded = rd.Graph.from_json(crm().to_json())
    graph = sales()
    graph.include(loaded)
    graph.bind()
    assert graph.dags["contact"].tasks["load"].fn is rows and loaded.dags["contact"].tasks["load"].fn is not rows


@pytest.mark.parametrize("given", ["crm", None, {"dags": []}])
def test_G6_only_a_graph_is_included(given):
    with pytest.raises(rd.InvalidValue, match="takes a graph"):
        sales().include(given)


def test_G6_a_graph_is_not_included_in_itself():
    graph = sales()
    with pytest.raises(rd.UsageError, match="itself"):
        graph.include(graph)


# ------------------------------------------------------------------------------------------------- running


def test_G6_a_running_engine_takes_it_up_as_one_change_and_runs_it():
    graph = sales()
    with live(graph) as engine:
        engine.run_until_idle()
        told: list[str | None] = []
        graph._declared.subscribe(told.append)
        graph.include(crm())
        assert told == [None]
        engine.publish_many([("orders", {}), ("imports", {"logical_date": "2026-11-23"})])
        engine.run_until_idle()
        assert sorted(states(engine)) == ["contact success", "report success", "revenue success"]
        assert outputs(engine, "revenue", "rows") == [["report"]]
        assert engine.events("contacts")[0].partition == "2026-11-23"


@pytest.mark.parametrize("snapshot", [False, True])
def test_G6_after_a_crash_what_was_included_goes_on(tmp_path, snapshot, monkeypatch):
    if snapshot:
        monkeypatch.setattr("reactive_dag.engine.drive.turn.SNAPSHOT_EVERY", 1)
    graph = sales()
    engine = opened(graph, tmp_path / "s.db", runner=None)
    graph.include(crm())
    engine.publish_many([("orders", {}), ("imports", {"logical_date": "2026-11-23"})])
    engine.run_until_idle()
    kill(engine)
    again = sales()
    again.include(crm())
    with live(again, tmp_path / "s.db") as engine:
        engine.run_until_idle()
        assert sorted(states(engine)) == ["contact success", "report success", "revenue success"]
        assert len(of_kind(engine, Registered)) == 3
        assert (parts(engine).log.load_snapshot() is not None) is snapshot


def test_G6_a_changed_dag_that_is_included_again_takes_over_what_is_pending():
    graph, other = sales(), rd.Graph("other")
    other.dag("pair", on=other.dataset("a") & other.dataset("b"))(rows)
    graph.include(other)
    with live(graph) as engine:
        engine.publish("a")
        engine.run_until_idle()
        other.dag("pair", on=rd.updated("a").batch(count=1))(rows)
        graph.include(other, replace=True)
        engine.run_until_idle()
        assert outputs(engine, "pair", "rows") == [["a"]]


DIVIDED = {"orders": rd.day() * rd.values("eu", "us", name="region"), "users": rd.values("eu", "us", name="region")}


def divide(graph: rd.Graph) -> None:
    with graph.bulk():
        for uri, partitions in DIVIDED.items():
            graph.dataset(uri, partitions=partitions)


def test_G6_a_running_engine_takes_a_binding_up_as_a_change_of_the_triggers_that_it_keys():
    graph = rd.Graph("regions")
    graph.dag("daily", on=(rd.updated("orders") & rd.updated("users")).by(rd.day()))(rows)
    with live(graph) as engine:
        engine.publish("orders", partition="2026-11-23|eu")
        engine.publish("users", logical_date="2026-11-23")
        engine.run_until_idle()
        part = engine.pending("daily").parts[0]
        assert states(engine) == [] and part.dropped == {"no_key": 1}
        graph.dataset("orders", partitions=DIVIDED["orders"])
        engine.publish("orders", partition="2026-11-23|us")
        engine.run_until_idle()
        assert states(engine) == ["daily success"] and outputs(engine, "daily", "rows") == [["users", "orders"]]
        assert len(of_kind(engine, Registered)) == 2
        graph.dag("other", on=rd.updated("c"))(rows)
        graph.dataset("c", partitions=rd.day())
        engine.run_until_idle()
        assert len(of_kind(engine, Registered)) == 3  # no key of `other` is read from a partition


@pytest.mark.parametrize("snapshot", [False, True])
@pytest.mark.parametrize("declared_then", [False, True])
def test_G6_a_binding_across_a_restart_is_a_change_too(tmp_path, snapshot, declared_then, monkeypatch):
    if snapshot:
        monkeypatch.setattr("reactive_dag.engine.drive.turn.SNAPSHOT_EVERY", 1)
    graph = rd.Graph("daily")
    graph.dag("daily", on=(rd.updated("orders") & rd.updated("users")).by(rd.day()))(rows)
    engine = opened(graph, tmp_path / "s.db", runner=None)
    engine.publish("users", logical_date="2026-11-23")
    engine.publish("orders", partition="2026-11-23|eu")
    engine.run_until_idle()
    if declared_then:
        graph.dataset("orders", partitions=DIVIDED["orders"])
        engine.run_until_idle()
    kill(engine)
    again = rd.Graph("daily")
    again.dag("daily", on=(rd.updated("orders") & rd.updated("users")).by(rd.day()))(rows)
    again.dataset("orders", partitions=DIVIDED["orders"])
    with live(again, tmp_path / "s.db") as engine:
        engine.run_until_idle()
        assert states(engine) == []
        engine.publish("orders", partition="2026-11-23|us")
        engine.run_until_idle()
        assert states(engine) == ["daily success"] and len(of_kind(engine, Registered)) == 2


def test_G6_a_simulation_sees_what_was_declared_late():
    graph = rd.Graph("late")
    graph.dag("eu", on=(rd.updated("orders") & rd.updated("users")).by("region"))(rows)
    divide(graph)
    found = rd.simulate(
        graph, start="2026-11-23T00:00Z", until="1d", default_duration="1h",
        sources={"orders": rd.cron("0 1 * * *"), "users": rd.cron("0 2 * * *")},
    )  # fmt: skip
    assert sorted(str(run.partition) for run in found.runs) == ["eu", "us"]


def test_G6_a_simulation_asks_the_whole():
    graph = sales()
    graph.include(crm())
    found = rd.simulate(
        graph, start="2026-11-23T00:00Z", until="1d", default_duration="1h",
        sources={"orders": rd.cron("0 1 * * *"), "imports": rd.cron("0 1 * * *")},
    )  # fmt: skip
    assert sorted(run.dag for run in found.runs) == ["contact", "report", "revenue"]
