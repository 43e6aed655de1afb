"""Mozilla's estate, as the reader builds it, beside what the file says when it is read by hand.

Everything expected here is worked out from the JSON alone (`Hand`), with a few lines of cron of its own.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import networkx as nx
import pytest

from reactive_dag.declare.graph import Graph
from reactive_dag.declare.internals import plan_of
from reactive_dag.declare.wait import Wait
from reactive_dag.interop.estate import Estate, load_estate, nothing
from reactive_dag.interop.examples import estate_path, in_folders, open_example
from reactive_dag.model.errors import UnknownId
from reactive_dag.model.schedule import EverySchedule
from reactive_dag.model.times import DAY, HOUR, SECOND, format_time
from reactive_dag.triggers.leaves.schedule import Scheduled
from tests.support.ticks import between

Key = tuple[str, str]
WORDS = {"daily": "0 0 * * *", "hourly": "0 * * * *", "1h": "0 * * * *", "3h": "0 */3 * * *"}


class Hand:
    """The file, read by hand."""

    def __init__(self) -> None:
        self.data: dict[str, Any] = json.loads(estate_path("mozilla").read_text("utf-8"))
        self.dags = {dag["id"]: dag for dag in self.data["dags"]}
        self.tasks: dict[Key, dict[str, Any]] = {(task["dag"], task["id"]): task for task in self.data["tasks"]}
        makers = {table: key for key, task in self.tasks.items() for table in task["produces"]}
        self.deps = [(key, makers[t]) for key, task in self.tasks.items() for t in task["consumes"] if t in makers]
        self.across = [(consumer, producer) for consumer, producer in self.deps if consumer[0] != producer[0]]
        self.waits = [((w["dag"], w["task"]), (w["external_dag"], w["external_task"]), w["execution_delta_s"])
                      for w in self.data["waits"]]  # fmt: skip
        self.inside = [wait for wait in self.waits if wait[1] in self.tasks]

    def times(self, dag: str) -> frozenset[int]:
        """The minutes of a day at which a DAG of every day ticks."""
        schedule = self.dags[dag]["schedule"]
        minute, hour, *days = WORDS.get(schedule, schedule).split()
        assert days == ["*", "*", "*"], f"{dag} does not tick every day"
        return frozenset(60 * h + m for h in cron_field(hour, 24) for m in cron_field(minute, 60))


def cron_field(text: str, size: int) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first = 0 if span == "*" else int(span)
        last = size - 1 if span == "*" or step else first
        found.update(range(first, last + 1, int(step or 1)))
    return found


@pytest.fixture(scope="module")
def hand() -> Hand:
    return Hand()


@pytest.fixture(scope="module")
def estate() -> Estate:
    return open_example("mozilla")


def waits_above(graph: Graph, consumer: Key) -> list[Wait]:
    dag = graph.dags[consumer[0]]
    found = [dag.tasks[each].wait for each in dag.tasks[consumer[1]].needs]
    return [wait for wait in found if wait is not None]


# ------------------------------------------------------------------------------------------------- counts


def test_estate_counts_are_those_of_the_file(hand: Hand, estate: Estate) -> None:
    graph = estate.graph
    assert (len(hand.dags), len(hand.tasks), len(hand.deps), len(hand.across)) == (157, 874, 608, 256)
    assert list(graph.dags) == list(hand.dags)
    tasks = {(dag.id, task.id) for dag in graph.dags.values() for task in dag.tasks.values() if task.kind == "task"}
    assert tasks == set(hand.tasks)
    assert len(graph.datasets) == 874 + 415
    assert graph.id == "mozilla-bigquery-etl"


def test_estate_tasks_follow_just_what_they_consume_and_await(hand: Hand, estate: Estate) -> None:
    """Each of the 608 dependencies is an order or a wait, and nothing else is there but the declared waits."""
    wanted: Counter[tuple[Key, tuple[str, ...], int | None]] = Counter({(*pair, None): 1 for pair in hand.deps})
    for consumer, producer, earlier in hand.inside:
        wanted.pop((consumer, producer, None), None)
        offset = None if consumer[0] == producer[0] else earlier * SECOND
        wanted[consumer, producer, offset] = 1
    found: Counter[tuple[Key, tuple[str, ...], int | None]] = Counter()
    for consumer in hand.tasks:
        dag = estate.graph.dags[consumer[0]]
        for above in dag.tasks[consumer[1]].needs:
            wait = dag.tasks[above].wait
            if wait is None:
                found[consumer, (dag.id, above), None] += 1
            else:
                offset = wait.logical_date if isinstance(wait.logical_date, int) else None
                found[consumer, (wait.dag, *wait.tasks), offset] += 1
    assert found == wanted


def test_estate_one_wait_for_what_tasks_of_a_dag_await_alike(estate: Estate) -> None:
    waits = [(dag.id, wait) for dag in estate.graph.dags.values() for wait in dag.waits]
    alike = Counter((dag, wait.dag, wait.tasks, wait.logical_date, wait.match) for dag, wait in waits)
    assert set(alike.values()) == {1}
    assert len(waits) == 193
    for dag, wait in waits:
        assert plan_of(estate.graph.dags[dag]).followers[plan_of(estate.graph.dags[dag]).index[wait.id]]
        assert wait.id.startswith(f"wait_{wait.dag}_{wait.tasks[0]}")
    longer = [wait.id for _, wait in waits if wait.id != f"wait_{wait.dag}_{wait.tasks[0]}"]
    assert longer == ["wait_bqetl_monitoring_hourly_monitoring_derived__jobs_by_organization__v1_latest"]


def test_estate_carries_over_how_dags_and_tasks_are_run(hand: Hand, estate: Estate) -> None:
    for id, said in hand.dags.items():
        dag = estate.graph.dags[id]
        assert dag.tags == frozenset(said["tags"])
        assert dag.catchup == ("all" if said["catchup"] else "one")
        assert dag.start is not None and format_time(dag.start) == f"{said['start_date']}T00:00:00Z"
        for task in dag.tasks.values():
            if task.kind == "task":
                assert task.retries == said["retries"]
                assert task.retry_delay == (said["retry_delay_s"] or 0) * SECOND * bool(said["retries"])
    for (dag_id, task_id), said in hand.tasks.items():
        task = estate.graph.dags[dag_id].tasks[task_id]
        assert task.fn is nothing and task() is None
        assert [outlet.uri for outlet in task.outlets] == said["produces"]
        assert task.depends_on_past is said["depends_on_past"]
        days = said["partition_offset_days"]
        assert task.outlets[0].metadata == ({"partition_offset_days": days} if days else {})


def test_estate_runs_on_its_clocks_or_is_started_by_hand(hand: Hand, estate: Estate) -> None:
    with_tasks = {dag for dag, _ in hand.tasks}
    by_hand = [id for id, dag in hand.dags.items() if dag["schedule"] == "once" or id not in with_tasks]
    assert list(estate.started_by_hand) == by_hand and len(by_hand) == 6 + 17
    start = 1_795_392_000 * SECOND  # 2026-11-23 UTC
    for id, dag in estate.graph.dags.items():
        if id in by_hand:
            assert dag.triggers == {}
            continue
        clock = dag.triggers[""]
        assert isinstance(clock, Scheduled)
        expr = WORDS.get(hand.dags[id]["schedule"], hand.dags[id]["schedule"])
        if expr.split()[2:] == ["*", "*", "*"]:
            ticks = [(tick - start) // (60 * SECOND) for tick in between(clock.schedule, start - 1, start + DAY)]
            assert ticks == sorted(hand.times(id)), id
    clocks = [
        each for dag in estate.graph.dags.values() for each in dag.triggers.values() if isinstance(each, Scheduled)
    ]
    periods = {each.schedule.period for each in clocks if isinstance(each.schedule, EverySchedule)}
    assert periods == {HOUR, 3 * HOUR}


# ------------------------------------------------------------------------------------------------- outside


def test_estate_external_datasets_are_sources_and_no_waits(hand: Hand, estate: Estate) -> None:
    assert list(estate.sources) == hand.data["external_datasets"] and len(estate.sources) == 415
    for table, readers in estate.sources.items():
        assert list(readers) == [".".join(key) for key, task in hand.tasks.items() if table in task["consumes"]]
        assert readers and table in estate.graph.datasets and not estate.graph.producers(table)


def test_estate_waits_for_what_the_file_does_not_hold_are_listed(hand: Hand, estate: Estate) -> None:
    expected = [(*consumer, *other, earlier * SECOND) for consumer, other, earlier in hand.waits
                if other not in hand.tasks]  # fmt: skip
    found = [(w.dag, w.task, w.external_dag, w.external_task, w.earlier) for w in estate.assumed_on_time]
    assert found == expected and len(found) == 26
    assert {"jetstream", "glam_fenix"} <= {wait.external_dag for wait in estate.assumed_on_time}
    assert str(estate.assumed_on_time[0]) == (
        "bqetl_market_research.external_derived__market_research_blogs__v1 waits for web_scraping.read_release_data, "
        "which is outside"
    )


# ----------------------------------------------------------------------------------------- declared waits


def test_estate_declared_waits_await_exactly_their_date(hand: Hand, estate: Estate) -> None:
    assert (len(hand.waits), len(hand.inside)) == (60, 34)
    across = [wait for wait in hand.inside if wait[0][0] != wait[1][0]]
    before = [wait for wait in across if max(hand.times(wait[0][0])) - wait[2] // 60 < 0]
    assert len(across) == len(before) == 29
    for consumer, producer, earlier in across:
        (wait,) = [
            each for each in waits_above(estate.graph, consumer) if (each.dag, *each.tasks) == producer
        ]  # no second one for the table that it consumes too
        assert (wait.match, wait.logical_date) == ("exact", earlier * SECOND)
    for consumer, producer, earlier in hand.inside:
        if consumer[0] == producer[0]:
            assert earlier == 0 and producer[1] in estate.graph.dags[consumer[0]].tasks[consumer[1]].after


def test_estate_three_waits_are_for_a_date_that_never_comes(hand: Hand, estate: Estate) -> None:
    never = [
        (consumer[0], *producer)
        for consumer, producer, earlier in hand.inside
        if not any((tick - earlier // 60) % 1440 in hand.times(producer[0]) for tick in hand.times(consumer[0]))
    ]
    found = [problem for problem in estate.graph.problems() if problem.kind == "no_such_date"]
    named = [(dag, f"{dag}.wait_{other}_{task}", other) for dag, other, task in never]
    assert [problem.ids for problem in found] == named and len(found) == 3
    assert [problem.place for problem in found] == [f"mozilla-bigquery-etl.json: waits[{at}]" for at in range(3)]
    assert all("20h before its own" in problem.text for problem in found)


# ------------------------------------------------------------------------------------ waits for the day


def test_estate_undeclared_waits_match_by_how_often_both_run(hand: Hand, estate: Estate) -> None:
    """A DAG with one time a day is daily; weekly and monthly ones have one too."""

    def once_a_day(dag: str) -> bool:
        schedule = hand.dags[dag]["schedule"]
        expr = WORDS.get(schedule, schedule)
        return expr != "once" and len(cron_field(expr.split()[0], 60)) * len(cron_field(expr.split()[1], 24)) == 1

    seen: Counter[str] = Counter()
    declared = {(consumer, producer) for consumer, producer, _ in hand.inside}
    for consumer, producer in hand.across:
        if (consumer, producer) not in declared:
            (wait,) = [each for each in waits_above(estate.graph, consumer) if (each.dag, *each.tasks) == producer]
            expected = "same_day" if once_a_day(consumer[0]) and once_a_day(producer[0]) else "latest"
            assert (wait.match, wait.logical_date) == (expected, "same"), (consumer, producer)
            seen[expected] += 1
    assert seen == {"same_day": 201, "latest": 26} and seen.total() == 256 - 29


# ------------------------------------------------------------------------------------------------- as a graph


def test_estate_three_circles_of_dags_load_since_their_tasks_are_acyclic(hand: Hand, estate: Estate) -> None:
    dags, tasks = nx.DiGraph(), nx.DiGraph()
    dags.add_edges_from((producer[0], consumer[0]) for consumer, producer in hand.across)
    tasks.add_edges_from((producer, consumer) for consumer, producer in hand.deps)
    circles = {frozenset(found) for found in nx.strongly_connected_components(dags) if len(found) > 1}
    assert circles == {
        frozenset({"bqetl_subplat", "bqetl_subplat_hourly"}),
        frozenset({"bqetl_newtab", "bqetl_newtab_late_morning"}),
        frozenset({"bqetl_main_summary", "bqetl_analytics_tables", "bqetl_glean_usage"}),
    }
    assert nx.is_directed_acyclic_graph(tasks)
    graph = estate.graph
    for circle in circles:
        assert len({graph.height(dag) for dag in circle}) == 1
        assert all(circle - {dag} <= graph.upstream(dag) & graph.downstream(dag) for dag in circle)
    assert {edge.kind for edge in graph.edges} == {"clock", "outlet", "task", "wait"}
    graph._check()


def test_estate_upstream_is_what_the_tables_say(hand: Hand, estate: Estate) -> None:
    dags = nx.DiGraph()
    dags.add_nodes_from(hand.dags)
    dags.add_edges_from((producer[0], consumer[0]) for consumer, producer in hand.across)
    dags.add_edges_from((producer[0], consumer[0]) for consumer, producer, _ in hand.inside)
    for id in hand.dags:
        assert estate.graph.upstream(id) == nx.ancestors(dags, id) - {id}


def test_estate_check_passes_with_warnings_only(hand: Hand, estate: Estate) -> None:
    estate.graph.check()
    kinds = Counter((problem.kind, problem.severity) for problem in estate.graph.problems())
    assert kinds == {("no_timeout", "warning"): 193, ("no_tasks", "warning"): 17, ("no_such_date", "warning"): 3}
    assert Counter(problem.kind for problem in estate.warnings) == {"no_tasks": 17, "no_such_date": 3}
    empty = hand.dags.keys() - {dag for dag, _ in hand.tasks}
    assert {problem.ids[0] for problem in estate.warnings if problem.kind == "no_tasks"} == empty


def test_estate_saved_and_loaded_is_the_same_graph(tmp_path: Path, estate: Estate) -> None:
    file = tmp_path / "graph.json"
    estate.graph.save(file)
    loaded = Graph.load(file)
    assert loaded.to_json() == estate.graph.to_json()
    assert loaded.edges == estate.graph.edges and loaded.levels() == estate.graph.levels()
    assert [problem.ids for problem in loaded.problems()] == [problem.ids for problem in estate.graph.problems()]
    loaded.bind()
    tasks = [task for dag in loaded.dags.values() for task in dag.tasks.values() if task.kind == "task"]
    assert all(task.fn is nothing for task in tasks)


def test_estate_from_its_data_is_that_of_its_file(hand: Hand, estate: Estate) -> None:
    found = load_estate(hand.data, id="mozilla-bigquery-etl")
    assert found.graph.to_json() == estate.graph.to_json()
    assert (found.sources, found.assumed_on_time) == (estate.sources, estate.assumed_on_time)
    assert found.about["repository"] == "mozilla/bigquery-etl" and found.about["license"] == "MPL-2.0"
    assert load_estate(hand.data).graph.id == "estate"


# --------------------------------------------------------------------------------------------- examples


def test_estate_examples_are_found_in_a_checkout_and_in_a_wheel(tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "reactive_dag"
    beside, inside = tmp_path / "site-packages" / "examples", package / "examples"
    assert in_folders("a.json", package) is None
    for folder in (beside, inside):
        folder.mkdir(parents=True)
        (folder / "a.json").write_text("{}")
        assert in_folders("a.json", package) == folder / "a.json", "its own folder comes first"


def test_estate_an_example_goes_by_its_name_or_its_file() -> None:
    assert estate_path("mozilla") == estate_path("mozilla-bigquery-etl.json")
    with pytest.raises(UnknownId, match="no example 'mozila'; did you mean 'mozilla'"):
        estate_path("mozila")


def test_estate_example_states_its_provenance(hand: Hand) -> None:
    readme = (estate_path("mozilla").parent / "README.md").read_text("utf-8")
    for said in (hand.data["source"]["repository"], hand.data["source"]["commit"], "MPL-2.0", "facts only"):
        assert said in readme
