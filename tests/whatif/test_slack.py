"""Slack: what may end later without moving the end of the whole, or a deadline."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest

import reactive_dag as rd
from tests.support.profiles import examples
from tests.whatif.test_answers import day, nothing, play, shop

SECOND = timedelta(seconds=1)


def end_of(course: rd.Simulation) -> object:
    """When the last run ended."""
    return max(run.ended for run in course.runs if run.ended is not None)


def test_W52_slack_of_a_diamond_and_of_what_awaits_it() -> None:
    found = {f"{row.dag}.{row.task}": row.slack for row in day().slack()}
    minutes = {name: None if slack is None else slack.total_seconds() / 60 for name, slack in found.items()}
    assert minutes == {
        "ingest.nothing": 0, "build.extract": 0, "build.load": 0, "report.nothing": 0, "build.quick": 9,
        "waiter.w": 35, "waiter.go": 35,
    }  # fmt: skip


def test_W52_slack_to_one_run_leaves_out_what_does_not_bear_on_it() -> None:
    found = day().slack("build")
    assert found.title == "slack to the end of build, 11-23 02:40"
    assert {row.task: row.slack for row in found if row.dag == "waiter"} == {"w": None, "go": None}
    assert [f"{row.dag}.{row.task}" for row in found.critical] == ["ingest.nothing", "build.extract", "build.load"]


def test_W52_slack_to_a_deadline_names_whose_it_is() -> None:
    graph = rd.Graph("due")
    graph.dag("up", schedule="0 1 * * *", deadline="1h")(nothing)
    graph.dag("down", on=rd.completed("up"), deadline="25m")(nothing)
    graph.dag("late", on=rd.completed("down"))(nothing)
    found = {row.dag: (row.deadline, row.deadline_of) for row in play(graph).slack()}
    assert found == {
        "up": (timedelta(minutes=5), "down"), "down": (timedelta(minutes=5), "down"), "late": (None, ""),
    }  # fmt: skip
    missed = play(graph).what_if(rd.duration("up", "20m")).slack()
    assert {row.dag: row.deadline for row in missed}["up"] == timedelta(minutes=-5)


def test_W52_what_did_not_open_a_window_has_until_it_closes() -> None:
    graph = rd.Graph("windows")
    graph.dag("a", schedule="0 1 * * *")(nothing)
    graph.dag("b", schedule="10 1 * * *")(nothing)
    graph.dag("c", on=(rd.completed("a") | rd.completed("b")).batch(max_wait="1h"))(nothing)
    assert {row.dag: row.slack for row in play(graph).slack("c")} == {
        "a": timedelta(0), "b": timedelta(minutes=50), "c": timedelta(0),
    }  # fmt: skip


def test_W52_who_took_a_slot_is_fixed_as_it_was() -> None:
    graph = rd.Graph("pool")
    graph.pool("warehouse", slots=1)
    for name in ("a", "b"):
        graph.dag(name, schedule="0 1 * * *").add(nothing, "t", pool="warehouse")
    graph.dag("free", schedule="0 1 * * *")(nothing)
    assert {row.dag: row.slack for row in play(graph).slack()} == {
        "a": timedelta(0), "b": timedelta(0), "free": timedelta(minutes=10),
    }  # fmt: skip


def test_W52_nothing_ended() -> None:
    assert str(play(rd.Graph("empty")).slack()) == "slack: no task ended"


def drawn(random: Random) -> rd.Simulation:
    """DAGs of tasks, chained by completions, joins and waits, with random durations."""
    graph, made = rd.Graph("drawn"), list[str]()
    for number in range(random.randrange(2, 6)):
        name = f"d{number}"
        kind = random.random()
        clock = rd.cron(f"{random.randrange(60)} {random.randrange(3)} * * *")
        on: rd.Trigger = clock
        if len(made) > 1 and kind < 0.4:
            on = rd.all_of(*[rd.completed(each) for each in random.sample(made, 2)]).by(rd.day())
        elif made and kind < 0.6:
            on = rd.completed(random.choice(made))
        dag = graph.dag(name, on=on)
        ids: list[str] = []
        if made and random.random() < 0.5:
            dag.wait_for(random.choice(made), match="same_day", id="w")
            ids.append("w")
        for task in range(random.randrange(1, 4)):
            dag.add(nothing, f"t{task}", after=random.sample(ids, min(len(ids), random.randrange(3))))
            ids.append(f"t{task}")
        made.append(name)
    lengths = {name: f"{random.randrange(1, 90)}m" for name in made}
    return rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", durations=lengths)


@pytest.mark.parametrize("seed", range(examples(40)))
def test_W52_a_task_that_ends_later_by_its_slack_moves_nothing_and_by_more_it_does(seed: int) -> None:
    random = Random(seed)
    course = drawn(random)
    rows = [row for row in course.slack() if row.task.startswith("t") and row.slack is not None]
    for row in random.sample(rows, min(len(rows), 4)):
        (task,) = [each for each in course.timeline() if (each.run, each.task) == (row.run, row.task)]
        if [each.dag for each in course.runs].count(row.dag) > 1:
            continue  # a duration holds for each run of the DAG
        assert task.end is not None and row.slack is not None
        takes = task.end - task.start + row.slack
        name = f"{row.dag}.{row.task}"
        assert end_of(course.what_if(rd.duration(name, takes))) == end_of(course)
        assert end_of(course.what_if(rd.duration(name, takes + SECOND))) == end_of(course) + SECOND  # type: ignore[operator]


def test_W52_it_is_a_table_and_plain_data() -> None:
    found = day().slack()
    assert str(found).splitlines()[1].split() == ["task", "end", "slack", "to", "a", "deadline", "of"]
    assert found.to_json()[0] == {
        "dag": "ingest", "run": day().runs_of("ingest")[0].key, "task": "nothing", "end": "2026-11-23T02:10:00Z",
        "slack_s": 0.0, "deadline_s": None, "deadline_of": "",
    }  # fmt: skip
    assert play(shop()).slack()
