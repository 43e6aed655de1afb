"""The what-if panel without a page: scenarios, undo, code, answers as plain data, the newest first (N20, N21)."""

from __future__ import annotations

import json
from threading import Event
from typing import Any

import pytest

import reactive_dag as rd
from reactive_dag.notebook.exploring.controls import Dragged, Subject, dragged_of
from reactive_dag.notebook.exploring.exploration import Exploration
from reactive_dag.notebook.exploring.latest import IsStale, LatestOnly
from reactive_dag.notebook.exploring.panel_talk import PanelTalk

START = "2026-11-23T00:00Z"
INGEST = Subject("dag", "ingest")


def estate() -> rd.Graph:
    """A chain of three DAGs beside another one, a deadline, a pool, and a dataset of the name of a DAG."""
    graph = rd.Graph("estate")
    graph.pool("warehouse", slots=2)
    outside, orders = graph.dataset("report"), graph.dataset("orders")
    graph.dag("ingest", schedule="0 2 * * *", outlets=[orders]).add(lambda: None, id="load", pool="warehouse")
    build = graph.dag("build", on=orders)
    build.add(lambda: None, id="extract")
    build.add(lambda extract: None, id="load")
    graph.dag("report", on=rd.completed("build"), deadline="6h").add(lambda: None, id="render")
    graph.dag("users", on=outside).add(lambda: None, id="read")
    return graph


def base() -> rd.Simulation:
    """A day of it; how long `report.render` takes is assumed."""
    durations = {"ingest": "30m", "build": rd.lognormal("20m", 0.3), "users": "10m"}
    graph = estate()
    sources = {graph.datasets["report"]: rd.cron("0 5 * * *")}
    return rd.simulate(graph, start=START, until="1d", durations=durations, default_duration="15m", sources=sources)


def ends(simulation: rd.Simulation) -> list[tuple[str, object, str]]:
    return [(run.dag, run.ended, run.state) for run in simulation.runs]


class Page:
    """Stands for a page: keeps what is shown, and sends messages."""

    def __init__(self, simulation: rd.Simulation, futures: int = 40) -> None:
        self.shown: list[tuple[str, dict[str, Any]]] = []
        self.talk = PanelTalk(simulation, futures, lambda part, data: self.shown.append((part, data)))
        self.talk.wait()

    def send(self, do: str, **more: object) -> dict[str, Any]:
        """The answer to a message, as a page would get it."""
        self.talk.hear({"do": do, "page": "p", "number": len(self.shown), **more})
        self.talk.wait()
        return self.last("answer")

    def choose(self, kind: str, subject: list[str], value: float, gesture: str = "") -> dict[str, Any]:
        return self.send("choose", kind=kind, subject=subject, value=value, gesture=gesture)

    def last(self, part: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(json.dumps([data for name, data in self.shown if name == part][-1]))
        return found


# ------------------------------------------------------------------------------------------ state and code


def test_N21_the_code_of_a_scenario_gives_the_same_simulation() -> None:
    simulation = base()
    tried = Exploration(simulation)
    for setting in (
        Dragged("delay", INGEST, 5400), Dragged("times", Subject("task", "build", "load"), 1.35),
        Dragged("fail", Subject("task", "report", "render"), 0.25), Dragged("slots", Subject("pool", "warehouse"), 1),
        Dragged("workers", Subject("workers"), 3), Dragged("delay", Subject("dataset", "report"), 60.5),
    ):  # fmt: skip
        tried.choose(setting)
    tried.keep("all at once")
    again = eval(tried.code, {"rd": rd, "simulation": simulation})
    assert again.interventions == tried.simulation.interventions
    assert len(again.interventions) == 6
    assert again.name == "all at once"
    assert ends(again) == ends(tried.simulation) != ends(simulation)


def test_names_that_mean_another_thing_are_written_as_the_way_to_it() -> None:
    graph = rd.Graph("dots")
    graph.dag("a", schedule="@daily").add(lambda: None, id="b")
    graph.dag("a.b", schedule="@daily").add(lambda: None, id="c")
    simulation = rd.simulate(graph, start=START, until="1d", default_duration="1h")
    tried = Exploration(simulation)
    tried.choose(Dragged("delay", Subject("task", "a", "b"), 60))
    assert tried.code == "simulation.what_if(rd.delay(simulation.graph.dags['a'].tasks['b'], '1m'))"
    assert ends(eval(tried.code, {"rd": rd, "simulation": simulation})) == ends(tried.simulation)


def test_without_settings_it_is_the_base_itself() -> None:
    simulation = base()
    tried = Exploration(simulation)
    tried.choose(Dragged("delay", INGEST, 60))
    tried.choose(Dragged("delay", INGEST, 0))
    assert tried.simulation is simulation
    assert tried.code == "simulation"


def test_N21_a_drag_is_one_step_to_undo() -> None:
    tried = Exploration(base())
    for seconds in (300, 600, 900):
        tried.choose(Dragged("delay", INGEST, seconds), gesture="first")
    tried.choose(Dragged("delay", INGEST, 1200), gesture="second")
    tried.choose(Dragged("times", INGEST, 2))
    states = [tried.settings]
    while tried.can_undo:
        tried.undo()
        states.append(tried.settings)
    assert [[each.value for each in state] for state in states] == [[1200, 2], [1200], [900], []]
    tried.undo()
    tried.redo()
    tried.redo()
    assert tried.settings == states[1] and tried.can_redo
    tried.choose(Dragged("delay", INGEST, 60))
    assert not tried.can_redo


def test_an_undone_drag_is_not_gone_on_with() -> None:
    tried = Exploration(base())
    tried.choose(Dragged("delay", INGEST, 300), gesture="drag")
    tried.undo()
    tried.choose(Dragged("delay", INGEST, 600), gesture="drag")
    assert tried.can_undo
    tried.undo()
    assert not tried.settings


def test_scenarios_are_kept_and_come_back() -> None:
    tried = Exploration(base())
    tried.choose(Dragged("delay", INGEST, 300))
    assert tried.keep().name == "scenario 1"
    tried.choose(Dragged("delay", INGEST, 600))
    assert [tried.keep().name, tried.keep("late").name, tried.keep("late").name] == ["scenario 2", "late", "late"]
    tried.restore("scenario 1")
    assert tried.settings[0].value == 300 and tried.name == "scenario 1"
    tried.undo()
    assert tried.settings[0].value == 600
    tried.forget("scenario 1")
    assert [each.name for each in tried.kept] == ["scenario 2", "late"]
    with pytest.raises(rd.InvalidValue, match="no scenario 'scenario 1'"):
        tried.restore("scenario 1")


@pytest.mark.parametrize(
    ("kind", "subject", "value"),
    [
        ("later", ["dag", "ingest", ""], 1), ("delay", ["file", "ingest", ""], 1), ("delay", "ingest", 1),
        ("delay", ["dag", "ingest", ""], None), ("delay", ["dag", "ingest", ""], float("nan")),
        ("delay", ["dag", "ingest", ""], 1e15), ("fail", ["dag", "ingest", ""], True),
    ],
)  # fmt: skip
def test_what_a_page_should_not_send_is_refused(kind: str, subject: object, value: object) -> None:
    with pytest.raises(rd.InvalidValue):
        dragged_of(kind, subject, value)


@pytest.mark.parametrize(
    "setting",
    [
        Dragged("delay", Subject("dag", "ingst"), 60), Dragged("delay", INGEST, -60), Dragged("fail", INGEST, 2),
        Dragged("workers", Subject("workers"), 1.5), Dragged("slots", Subject("pool", "warehouse"), 0),
    ],
)  # fmt: skip
def test_what_cannot_be_changes_nothing(setting: Dragged) -> None:
    tried = Exploration(base())
    with pytest.raises(rd.ReactiveDagError):
        tried.choose(setting)
    assert not tried.settings and not tried.can_undo


# ------------------------------------------------------------------------------------------ answers


def test_N21_an_answer_is_what_the_comparison_says() -> None:
    simulation = base()
    page = Page(simulation)
    shown, answer = page.last("base"), page.choose("delay", ["dag", "ingest", ""], 5 * 3600)
    known = simulation.what_if(rd.delay("ingest", "5h"))
    compared = known.compare()
    assert answer["count"] == len(compared.rows) == 3
    assert answer["late"] == {str(shown["dags"].index(row.dag)): row.by.total_seconds() for row in compared}
    assert [row[0] for row in answer["changes"]] == [row.dag for row in compared]
    assert [row[6:] for row in answer["changes"]] == [[5 * 3600, str(row.why), "later"] for row in compared]
    for place, (begin, end, state) in answer["moved"].items():
        dag = shown["dags"][shown["runs"][int(place)][0]]
        run = known.runs_of(dag)[0]
        known_as = [(at.timestamp() * 1000 - shown["start"]) / 1000 for at in (run.started, run.ended) if at]
        assert [begin, end] == pytest.approx(known_as, abs=0.001)
        assert state == "success"
    missed = [row.dag for row in known.deadlines() if row.state == "missed"]
    assert [shown["dags"][shown["runs"][at][0]] for at in answer["missed"]] == missed == ["report"]
    assert answer["code"] == "simulation.what_if(rd.delay('ingest', '5h'))"


def test_a_run_that_only_ends_later_has_another_bar() -> None:
    page = Page(base())
    answer = page.choose("times", ["dag", "ingest", ""], 2)
    shown = page.last("base")
    ingest = next(at for at, run in enumerate(shown["runs"]) if shown["dags"][run[0]] == "ingest")
    assert answer["moved"][str(ingest)] == [7200, 10800, "success"] != shown["runs"][ingest][2:]
    assert sorted(answer["moved"]) == sorted(str(at) for at, run in enumerate(shown["runs"]) if run[0] < 3)


def test_what_no_longer_runs_is_gone() -> None:
    page = Page(base())
    answer = page.choose("fail", ["task", "ingest", "load"], 1)
    shown = page.last("base")
    assert sorted(shown["dags"][shown["runs"][at][0]] for at in answer["gone"]) == ["build", "report"]
    assert answer["late"] == {str(shown["dags"].index(dag)): None for dag in ("ingest", "build", "report")}


def test_landing_times_come_with_what_is_dragged_and_are_those_of_the_futures() -> None:
    simulation = base()
    page = Page(simulation)
    answer = page.choose("delay", ["dag", "ingest", ""], 3 * 3600)
    landing = answer["landing"]
    assert landing["n"] == 40 and landing["answer"] == answer["number"]
    assert not [part for part, _ in page.shown if part == "landing"]
    futures = simulation.what_if(rd.delay("ingest", "3h")).futures(40)
    dags, start = page.last("base")["dags"], page.last("base")["start"]
    for dag, *quantiles, lands, due, chance in landing["rows"]:
        finish = futures.finish(dags[dag])
        found = [round(at.timestamp() - start / 1000, 3) for at in finish.quantile([0.05, 0.5, 0.95]) if at]
        assert quantiles == found and lands == finish.succeeded
        in_time = (28800, finish.probability("2026-11-23T08:00Z"))
        assert (due, chance) == (in_time if dags[dag] == "report" else (None, None))
    assert sorted(dags[row[0]] for row in landing["rows"]) == ["build", "ingest", "report"]


def test_landing_times_stream_in_where_things_fail() -> None:
    page = Page(base())
    page.choose("fail", ["task", "build", "load"], 0.5)
    landings = [data for part, data in page.shown if part == "landing"]
    done = [each["n"] for each in landings]
    assert done == sorted(set(done)) and len(done) > 2 and done[-1] == 40
    dags = page.last("base")["dags"]
    report = next(row for row in landings[-1]["rows"] if dags[row[0]] == "report")
    known = page.talk.exploration.simulation.futures(40, progress=False).finish("report")
    assert report[4] == known.succeeded and 0.2 < known.succeeded < 0.8


def test_futures_so_far_are_the_first_ones() -> None:
    late = base().what_if(rd.fail("build.load", p=0.4))
    whole = late.futures(30, progress=False).finish("report").ends.tolist()
    for part in late.futures_so_far(30):
        assert part.finish("report").ends.tolist() == whole[: part.n]
        assert part.asked == 30
    assert part.n == 30
    with pytest.raises(rd.UnknownId, match="never ran"):
        part.finish("nothing")


def test_futures_so_far_of_a_graph_that_is_not_static() -> None:
    graph = estate()
    graph.dag("alert", on=rd.absent(graph.datasets["orders"], for_="20h")).add(lambda: None, id="call")
    simulation = rd.simulate(graph, start=START, until="1d", default_duration=rd.uniform("5m", "15m"))
    whole = simulation.futures(3, progress=False)
    *_, last = simulation.futures_so_far(3)
    assert last.finish("report").ends.tolist() == whole.finish("report").ends.tolist()


def test_what_is_assumed_is_marked() -> None:
    shown = Page(base()).last("base")
    tasks = {f"{dag}.{task}": assumed for dag, _, tasks in shown["choices"]["dags"] for task, _, assumed in tasks}
    assert [task for task, assumed in tasks.items() if assumed] == ["report.render"]
    assert "1 of 5 tasks" in shown["assumed"]


def test_only_datasets_from_outside_can_be_late() -> None:
    choices = Page(base()).last("base")["choices"]
    assert choices["datasets"] == ["report"]
    assert choices["pools"] == [["warehouse", 2, 1, 16]]


# ------------------------------------------------------------------------------------------ messages


def test_N20_the_newest_wins_and_nothing_queues_up() -> None:
    begun, go_on, done, stale = Event(), Event(), list[int](), list[bool]()

    def work(item: int, is_stale: IsStale) -> None:
        begun.set()
        assert go_on.wait(60)
        done.append(item)
        stale.append(is_stale())

    latest = LatestOnly(work, "test")
    latest.put(1)
    assert begun.wait(60)
    for number in range(2, 100):
        latest.put(number)
    go_on.set()
    assert latest.wait()
    assert done == [1, 99] and stale == [True, False]
    latest.close()
    latest.put(100)
    assert latest.wait() and done == [1, 99]


def test_an_answer_names_the_last_message_of_each_page() -> None:
    page = Page(base())
    page.talk.hear({"do": "undo", "page": "other", "number": 7})
    answer = page.send("choose", kind="delay", subject=["dag", "ingest", ""], value=60)
    assert answer["heard"]["other"] == 7
    assert set(answer["heard"]) == {"other", "p"}


def test_what_goes_wrong_is_said_in_the_answer() -> None:
    page = Page(base())
    refused = page.choose("delay", ["dag", "ingst", ""], 60)
    assert "no dag 'ingst'" in refused["error"] and not refused["settings"]
    assert "cannot do" in page.send("explode")["error"]
    page.talk.hear("nonsense")
    assert page.choose("delay", ["dag", "ingest", ""], 60)["error"] == ""


def test_a_graph_that_changed_is_said_in_the_answer() -> None:
    simulation = base()
    page = Page(simulation)
    simulation.graph.dag("ingest", schedule="0 3 * * *").add(lambda: None, id="load")
    answer = page.choose("fail", ["task", "build", "load"], 0.5)
    assert "has changed since this simulation, so the panel" in answer["error"]


def test_keeping_a_scenario_plays_no_futures_again() -> None:
    page = Page(base())
    page.choose("fail", ["task", "ingest", "load"], 0.5)
    before = len([part for part, _ in page.shown if part == "landing"])
    kept = page.send("keep", name="half")["kept"]
    assert len([part for part, _ in page.shown if part == "landing"]) == before > 1
    assert [(each["name"], each["settings"][0][2]) for each in kept] == [("half", 0.5)]


# ------------------------------------------------------------------------------------------ the widget


def test_the_panel_has_the_scenario_as_a_value() -> None:
    simulation = base()
    panel = rd.explore(simulation, futures=20)
    panel._talk.wait()
    panel._hear(panel, {"do": "choose", "kind": "delay", "subject": ["dag", "ingest", ""], "value": 3600}, [])
    panel._hear(panel, {"do": "keep", "name": "late"}, [])
    panel._talk.wait()
    assert panel.simulation.interventions == (rd.delay("ingest", "1h"),)
    assert ends(panel.scenarios["late"]) == ends(simulation.what_if(rd.delay("ingest", "1h")))
    assert panel.code in repr(panel)
    assert panel.answer["count"] == 3 and panel.base["dags"] == list(simulation.graph.dags)
    panel.close()


@pytest.mark.parametrize("given", [None, 3, rd.Graph("sales")])
def test_only_a_simulation_is_explored(given: Any) -> None:
    with pytest.raises(rd.InvalidValue, match=r"rd\.explore\(\) takes a simulation"):
        rd.explore(given)
