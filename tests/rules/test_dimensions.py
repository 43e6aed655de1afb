"""Static partitions and products of them with a calendar (T19): keys, runs, outlets, refusals."""

from __future__ import annotations

from itertools import pairwise

import pytest

import reactive_dag as rd
from tests.support.engines import live

DAY, HOUR = rd.day("Europe/Berlin"), rd.hour("Europe/Berlin")
REGION = rd.values("eu", "us", name="region")


def nothing(run):
    return None


def graph_of(**datasets):
    """A graph with these datasets."""
    graph = rd.Graph("dimensions")
    for uri, partitions in datasets.items():
        graph.dataset(uri, partitions=partitions)
    return graph


def runs(engine, dag):
    """What its runs say, oldest first."""
    return [(run.partition, run.dimensions) for run in reversed(engine.runs(dag))]


def texts(engine, uri):
    """The partitions of a dataset's events, oldest first."""
    return [event.partition for event in reversed(engine.events(uri))]


def published(engine, uri, *partitions):
    """Publish these, one after the other, and let all run."""
    for partition in partitions:
        engine.publish(uri, partition=partition)
    return engine.run_until_idle()


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    return None if request.param == "memory" else tmp_path / "s.db"


# ------------------------------------------------------------------------------------------------- keys


def test_T19_a_name_reads_one_dimension_and_a_calendar_the_calendar(store):
    graph = graph_of(orders=DAY * REGION, users=REGION, days=DAY)
    graph.dag("regions", on=(rd.updated("orders") & rd.updated("users")).by("region"))(nothing)
    graph.dag("daily", on=(rd.updated("orders") & rd.updated("days")).by(DAY))(nothing)
    graph.dag("whole", on=rd.updated("orders").by("partition").batch(count=2))(nothing)
    graph.dag("named", on=rd.updated("orders").by("day"))(nothing)
    with live(graph, store) as engine:
        published(engine, "orders", "2026-11-22|eu", "2026-11-23|us")
        published(engine, "users", "us")
        published(engine, "days", "2026-11-22")
        assert runs(engine, "regions") == [("us", {"region": "us"})]
        assert runs(engine, "daily") == [("2026-11-22", {"day": "2026-11-22"})]
        assert [run.logical_date.isoformat() for run in engine.runs("daily")] == ["2026-11-21T23:00:00+00:00"]
        assert [run.partitions for run in engine.runs("whole")] == [["2026-11-22|eu", "2026-11-23|us"]]
        assert runs(engine, "named") == [("2026-11-22", {"day": "2026-11-22"}), ("2026-11-23", {"day": "2026-11-23"})]
        assert {item.partition for part in engine.pending("regions").parts for item in part.items} == {"2026-11-22|eu"}


def test_T19_several_keys_make_a_product_in_their_order(store):
    graph = graph_of(orders=DAY * REGION, users=REGION * DAY)
    graph.dag("both", on=(rd.updated("orders") & rd.updated("users")).by("region", DAY))(nothing)
    with live(graph, store) as engine:
        published(engine, "orders", "2026-11-22|eu", "2026-11-22|us")
        published(engine, "users", "us|2026-11-22", "eu|2026-11-23")
        assert runs(engine, "both") == [("us|2026-11-22", {"region": "us", "day": "2026-11-22"})]
        (run,) = engine.runs("both")
        assert run.logical_date.isoformat() == "2026-11-21T23:00:00+00:00"
        assert (run.data_interval.end - run.data_interval.start).total_seconds() == 86_400


def test_T19_keys_hold_over_a_restart_with_a_snapshot(tmp_path):
    def graph():
        made = graph_of(orders=DAY * REGION, users=REGION)
        made.dag("regions", on=(rd.updated("orders") & rd.updated("users")).by("region"))(nothing)
        return made

    with live(graph(), tmp_path / "s.db") as engine:
        published(engine, "orders", "2026-11-22|eu", "2026-11-23|us", "2026-11-24|eu")
    with live(graph(), tmp_path / "s.db") as engine:
        published(engine, "users", "eu")
        (run,) = engine.runs("regions")
        assert (run.partition, run.partitions) == ("eu", ["2026-11-22|eu", "2026-11-24|eu", "eu"])
        assert run.dimensions == {"region": "eu"}


def two_hours(event):
    """The hour of a reading, and the next one."""
    start, end = HOUR.span(event.partition)
    return [HOUR.of(start), HOUR.of(end)]


def test_T7_an_event_of_an_hour_counts_for_the_next_one_too(tmp_path):
    """One delivery for each key, also where clocks change; what is half there is so after a restart."""

    def graph():
        made = graph_of(readings=HOUR, smooth=HOUR)

        def body(run):
            run.publish("smooth", partition=run.group)

        made.dag("smoothed", on=rd.updated("readings").batch(count=2).by(two_hours)).add(
            body, id="t", outlets=["smooth"]
        )
        return made

    hours = HOUR.between("2026-10-25T01+02:00", "2026-10-25T03+01:00")
    with live(graph(), tmp_path / "s.db") as engine:
        published(engine, "readings", *hours[:2])
        assert texts(engine, "smooth") == hours[1:2]
    with live(graph(), tmp_path / "s.db") as engine:
        published(engine, "readings", *hours[2:])
        assert texts(engine, "smooth") == hours[1:]
        assert [run.partitions for run in reversed(engine.runs("smoothed"))] == [
            [one, other] for one, other in pairwise(hours)
        ]
        (part,) = engine.pending("smoothed").parts
        assert (part.delivered, part.consumed, part.pending) == (8, 6, 2)


# ------------------------------------------------------------------------------------------- R1: runs


def test_R1_the_date_of_a_run_is_that_of_the_calendar_dimension(store):
    graph = graph_of(orders=REGION * DAY, days=DAY)
    graph.dag("one", on=rd.updated("orders"))(nothing)
    graph.dag("agree", on=(rd.updated("orders") & rd.updated("days")).by(None))(nothing)
    graph.dag("several", on=rd.updated("orders").batch(count=2))(nothing)
    graph.dag("static", on=rd.updated(graph.dataset("users", partitions=REGION)))(nothing)
    with live(graph, store) as engine:
        published(engine, "days", "2026-11-22")
        published(engine, "orders", "eu|2026-11-22")
        published(engine, "users", "us")
        (one,), (agree,), (static,) = engine.runs("one"), engine.runs("agree"), engine.runs("static")
        assert one.logical_date == agree.logical_date and one.logical_date.isoformat() == "2026-11-21T23:00:00+00:00"
        assert (one.partition, agree.partition, agree.dimensions) == ("eu|2026-11-22", None, {})
        assert one.dimensions == {"region": "eu", "day": "2026-11-22"}
        assert one.to_json()["partition"] == "eu|2026-11-22"
        assert (static.partition, static.logical_date, static.dimensions) == ("us", None, {"region": "us"})
        assert static.data_interval == (None, None)
        published(engine, "orders", "us|2026-11-23")
        (several,) = engine.runs("several")
        assert (several.logical_date, several.partition, several.dimensions) == (None, None, {})


def test_R1_a_run_that_a_name_keys_has_the_date_on_which_its_causes_agree(store):
    graph = graph_of(orders=DAY * REGION, users=REGION, mart=DAY * REGION)
    on = (rd.updated("orders") & rd.updated("users")).by("region")
    graph.dag("job", on=on, outlets=["mart"])(nothing)
    with live(graph, store) as engine:
        published(engine, "orders", "2026-11-22|eu", "2026-11-22|us", "2026-11-23|us")
        published(engine, "users", "eu", "us")
        us, eu = engine.runs("job")
        assert (eu.partition, eu.dimensions) == ("eu", {"region": "eu"})
        assert eu.logical_date.isoformat() == "2026-11-21T23:00:00+00:00" and us.logical_date is None
        assert texts(engine, "mart") == ["2026-11-22|eu", "2026-11-22|us", "2026-11-23|us"]


def test_R1_what_follows_a_run_has_its_dimensions(store):
    graph = graph_of(orders=DAY * REGION)
    graph.dag("first", on=rd.updated("orders"))(nothing)
    graph.dag("second", on=rd.completed("first"))(nothing)
    graph.dag("third", on=rd.completed("second")).add(lambda run: [run.partition, run.dimensions], id="third")
    with live(graph, store) as engine:
        published(engine, "orders", "2026-11-22|eu")
        (run,) = engine.runs("third")
        assert run.tasks["third"].output == ["2026-11-22|eu", {"day": "2026-11-22", "region": "eu"}]
        assert run.dimensions == {"day": "2026-11-22", "region": "eu"}


def test_R1_a_start_by_hand_names_a_partition_of_the_product(store):
    graph = graph_of(mart=DAY * REGION)
    graph.dag("job", outlets=["mart"])(nothing)
    with live(graph, store) as engine:
        with pytest.raises(rd.InvalidValue, match=r"'2026-11-22\|asia' is none of"):
            engine.start("job", partition="2026-11-22|asia")
        with pytest.raises(rd.InvalidValue, match=r"needs partition=$"):
            engine.start("job")
        with pytest.raises(rd.InvalidValue, match=r"needs partition=, one of '2026-11-22\|eu', '2026-11-22\|us'$"):
            engine.start("job", logical_date="2026-11-22")
        run = engine.start("job", partition="2026-11-22|us").wait()
        assert (run.state, run.dimensions) == ("success", {"day": "2026-11-22", "region": "us"})
        assert run.logical_date.isoformat() == "2026-11-21T23:00:00+00:00"
        assert texts(engine, "mart") == ["2026-11-22|us"]


def test_R1_an_outside_event_of_a_product_needs_its_partition(store):
    graph = graph_of(orders=DAY * REGION, users=REGION)
    with live(graph, store) as engine:
        for call, said in (
            (lambda: engine.publish("orders"), r"needs partition= \(day\|region\)"),
            (lambda: engine.publish("orders", logical_date="2026-11-22"), r"needs partition= \(day\|region\)"),
            (lambda: engine.publish("users", logical_date="2026-11-22"), r"needs partition= \(region\)"),
            (lambda: engine.publish("orders", partition="2026-11-22"), "write day|region, like '1970-01-01|eu'"),
            (lambda: engine.publish("orders", partition="eu|2026-11-22"), "'eu' is no partition of rd.day"),
            (lambda: engine.publish("orders", partition="2026-11-22|eu|us"), "is no partition of"),
            (lambda: engine.publish("users", partition="asia"), "is none of rd.values"),
            (
                lambda: engine.publish_many([("users", {"partition": "eu"}), ("users", {})]),
                "event 1: .*needs partition=",
            ),
        ):
            with pytest.raises(rd.InvalidValue, match=said):
                call()
        assert not engine.events("orders") and not engine.events("users")
        engine.publish("orders", partition="2026-11-22|eu", logical_date="2026-11-22T10:00Z")
        assert engine.events("orders")[0].logical_date.isoformat() == "2026-11-22T10:00:00+00:00"


# ----------------------------------------------------------------------------------------- R3: outlets


def test_R3_an_outlet_has_what_the_run_says_of_each_dimension(store):
    """Its own partition where that fits; else the run's texts by name, and the calendar's of its date."""
    graph = graph_of(orders=rd.hour("Europe/Berlin") * REGION, same=DAY * REGION, turned=REGION * DAY, days=DAY)
    graph.dataset("regions", partitions=REGION)
    graph.dag("job", on=rd.updated("orders"), outlets=["same", "turned", "days", "regions"])(nothing)
    with live(graph, store) as engine:
        published(engine, "orders", "2026-11-22T05+01:00|us")
        assert texts(engine, "same") == ["2026-11-22|us"] and texts(engine, "turned") == ["us|2026-11-22"]
        assert texts(engine, "days") == ["2026-11-22"] and texts(engine, "regions") == ["us"]
        assert engine.events("same")[0].logical_date.isoformat() == "2026-11-22T04:00:00+00:00"


def test_R3_a_run_of_several_gives_one_event_for_each(store):
    graph = graph_of(orders=DAY * REGION, same=DAY * REGION, regions=REGION, days=DAY)
    graph.dag("daily", on=rd.updated("orders").by(DAY).batch(count=2), outlets=["same", "regions", "days"])(nothing)
    graph.dag("by_region", on=rd.updated("orders").by("region").batch(count=2), outlets=["same"])(nothing)
    with live(graph, store) as engine:
        published(engine, "orders", "2026-11-22|eu", "2026-11-22|us")
        assert [run.partition for run in engine.runs("daily")] == ["2026-11-22"]
        assert texts(engine, "regions") == ["eu", "us"] and texts(engine, "days") == ["2026-11-22"]
        assert texts(engine, "same") == ["2026-11-22|eu", "2026-11-22|us"] * 2
        dates = {event.logical_date for event in engine.events("same") if event.logical_date is not None}
        assert [date.isoformat() for date in dates] == ["2026-11-21T23:00:00+00:00"]


def test_R3_a_date_alone_does_not_say_which_value(store):
    graph = graph_of(mart=DAY * REGION, users=REGION)

    def told(run):
        for region in REGION.values:
            run.publish("mart", partition=f"{run.partition}|{region}")

    graph.dag("silent", schedule="0 2 * * *", tz="Europe/Berlin").add(nothing, id="t", outlets=["mart"])
    graph.dag("tells", schedule="0 2 * * *", tz="Europe/Berlin").add(told, id="t", outlets=["mart"])
    graph.dag("static").add(nothing, id="t", outlets=["users"])
    with live(graph, store) as engine:
        engine.advance("1d")
        (silent,), (tells,) = engine.runs("silent"), engine.runs("tells")
        assert silent.state == "failed" and "UndatedOutlet" in (silent.error or "")
        assert "its date does not say 'region'" in silent.error and "run.publish('mart', partition=...)" in silent.error
        assert tells.state == "success" and tells.dimensions == {"day": tells.partition}
        assert texts(engine, "mart") == [f"{tells.partition}|eu", f"{tells.partition}|us"]
        with pytest.raises(rd.InvalidValue, match=r"outlet 'users' .* needs partition=, one of 'eu', 'us'$"):
            engine.start("static")
        assert engine.start("static", partition="eu").wait().state == "success"


def test_R3_a_body_that_may_say_the_value_itself_is_started_without_one(store):
    graph = graph_of(users=REGION)

    def all_of(run):
        def one(region):
            run.publish("users", partition=region)

        for region in REGION.values:
            one(region)

    graph.dag("told", outlets=["users"])(all_of)
    graph.dag("handed").add(lambda run: all_of(run), id="t", outlets=["users"])
    graph.dag("logs").add(lambda run: run.log.info("none"), id="t", outlets=["users"])
    graph.dag("many", outlets=["users"]).add(lambda run: all_of(run), id="t")
    graph.dags["many"].add(lambda: 1, id="u")
    with live(graph, store) as engine:
        for dag in ("told", "handed"):
            assert engine.start(dag).wait().state == "success", "its body says which"
        assert texts(engine, "users") == ["eu", "us"] * 2
        for dag in ("logs", "many"):
            with pytest.raises(rd.InvalidValue, match=r"needs partition=, one of 'eu', 'us'$"):
                engine.start(dag)


# ------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: rd.values(), "without a value"),
        (lambda: rd.values("eu", "us", "eu"), "'eu' is there twice"),
        (lambda: rd.values("eu|us"), r"'eu\|us' has a '\|'"),
        (lambda: rd.values("eu", " "), "is empty"),
        (lambda: rd.values("eu", 3), "3 is no text"),
        (lambda: rd.values(["eu", "us"]), r"rd.values\(\*them\)"),
        (lambda: rd.values("eu", name="partition"), "a field that each event has"),
        (lambda: rd.values("eu", name="extra"), "a field that each event has"),
        (lambda: rd.values("eu", name="day"), r"names the calendar rd.day"),
        (lambda: rd.values("eu", name=""), "is no name"),
        (lambda: rd.values("eu", name="a|b"), "is no name"),
        (lambda: rd.day() * rd.hour(), "are two calendars"),
        (lambda: rd.values("a") * rd.values("b"), "two dimensions are named 'value'"),
        (lambda: REGION * DAY * rd.values("x", name="region"), "two dimensions are named 'region'"),
        (lambda: DAY * 3, "only calendars"),
        (lambda: rd.Graph("g").dataset("a", partitions="day"), "partitions must be a calendar"),
        (lambda: rd.updated("a").by("partitoin"), "did you mean 'partition'"),
        (lambda: rd.values("a", name="partitions"), "is, or nearly, a field"),
        (lambda: rd.updated("a").by("extra"), "lambda event: event.extra"),
        (lambda: (rd.updated("a") & rd.cron("@daily")).by("region"), "a tick of"),
    ],
)
def test_T19_nonsense_is_refused_where_it_is_written(make, said):
    with pytest.raises(rd.InvalidValue, match=said):
        make()


@pytest.mark.parametrize(
    ("on", "said"),
    [
        (
            rd.updated("orders").by("regoin"),
            "dataset 'orders' has no dimension 'regoin', but day, region; did you mean",
        ),
        ((rd.updated("orders") & rd.updated("plain")).by("region"), "dataset 'plain' is not partitioned"),
        ((rd.updated("orders") & rd.updated("days")).by("region"), "dataset 'days' has no dimension 'region', but day"),
        ((rd.updated("orders") & rd.completed("other")).by("region"), "is of no dataset.*whichever.*write .by"),
        (rd.completed("other").by("region"), "is of no dataset.*whichever.*write .by"),
        (rd.updated("orders").by("customer"), r"lambda event: event.extra\['customer'\]"),
    ],
)
def test_T19_an_unknown_dimension_is_an_error_of_check(on, said):
    graph = graph_of(orders=DAY * REGION, plain=None, days=DAY)
    graph.dag("other")(nothing)
    graph.dag("job", on=on)(nothing)
    (problem,) = [each for each in graph.problems() if each.severity == "error"]
    assert problem.kind == "unknown_dimension" and "test_dimensions.py" in problem.place
    with pytest.raises(rd.GraphError, match=said):
        graph.check()


def test_G3_datasets_that_share_no_value_are_warned_of():
    graph = graph_of(orders=DAY * REGION, other=rd.values("asia", name="region"), some=rd.values("us", name="region"))
    graph.dag("never", on=(rd.updated("orders") & rd.updated("other")).by("region"))(nothing)
    graph.dag("some", on=(rd.updated("orders") & rd.updated("some")).by("region"))(nothing)
    graph.dag("either", on=(rd.updated("orders") | rd.updated("other")).by("region"))(nothing)
    (problem,) = [each for each in graph.problems() if each.kind == "never_meets"]
    assert problem.severity == "warning" and problem.ids == ("never",)
    assert "'orders' and 'other' have no value of 'region' in common" in problem.text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (rd.hour("UTC"), rd.day("UTC")),
        (DAY, DAY * REGION),
        (DAY * REGION, REGION * DAY),
        (rd.week("UTC"), rd.week("UTC", starts="sun")),
        (REGION, rd.values("asia", name="region")),
        (rd.hour("Europe/London"), rd.hour("Europe/Berlin")),
    ],
)
def test_G3_datasets_that_have_no_partition_in_common_are_warned_of_under_it_as_key(one, other):
    graph = graph_of(one=one, other=other)
    graph.dag("never", on=(rd.updated("one") & rd.updated("other")).by("partition"))(nothing)
    graph.dag("either", on=(rd.updated("one") | rd.updated("other")).by("partition"))(nothing)
    (problem,) = [each for each in graph.problems() if each.kind == "never_meets"]
    assert problem.severity == "warning" and problem.ids == ("never",)
    assert "'one'" in problem.text and "'other'" in problem.text and repr(other) in problem.text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (rd.day("UTC"), rd.day("Europe/Berlin")),
        (REGION, rd.values("us", name="country")),
        (rd.hour("Africa/Lagos"), rd.hour("Europe/Berlin")),
        (DAY, rd.values("2026-03-02", "last", name="which")),
        (DAY, None),
    ],
)
def test_G3_datasets_that_can_have_one_in_common_are_not(one, other):
    graph = graph_of(one=one, other=other, third=rd.month("UTC"))
    graph.dag("some", on=(rd.updated("one") & (rd.updated("other") | rd.updated("third"))).by("partition"))(nothing)
    assert not [each for each in graph.problems() if each.kind == "never_meets"]


def test_T19_a_dataset_is_partitioned_in_one_way():
    graph = graph_of(orders=DAY * REGION)
    assert graph.dataset("orders").partitions == DAY * REGION
    assert graph.dataset("orders", partitions=DAY * REGION) is graph.dataset("orders")
    with pytest.raises(rd.GraphError, match="partitioned in one way"):
        graph.dataset("orders", partitions=REGION * DAY)


# ------------------------------------------------------------------------------------------------ JSON


def test_T19_partitions_go_through_json_and_files(tmp_path):
    graph = graph_of(orders=DAY * REGION * rd.values("web", name="channel"), users=REGION)
    graph.dataset("weeks", partitions=rd.week("Europe/Berlin", starts="sun"))
    graph.dag("job", on=(rd.updated("orders") & rd.updated("users")).by("region"))
    graph.save(tmp_path / "g.json")
    for again in (rd.Graph.from_json(graph.to_json()), rd.Graph.load(tmp_path / "g.json")):
        assert {uri: each.partitions for uri, each in again.datasets.items()} == {
            uri: each.partitions for uri, each in graph.datasets.items()
        }
        assert again.to_json() == graph.to_json()
        again.check()


@pytest.mark.parametrize(
    "data",
    [
        {"values": []},
        {"values": ["a"], "nam": "x"},
        {"product": []},
        {"product": [{"values": ["a"]}]},
        {"product": 3},
        3,
    ],
)
def test_T19_json_that_is_none_is_refused_with_its_place(data):
    with pytest.raises(rd.InvalidValue, match=r"graph: datasets\[0\]"):
        rd.Graph.from_json({**rd.Graph("g").to_json(), "datasets": [{"uri": "a", "partitions": data}]})


def test_T19_a_simulation_publishes_each_value():
    graph = graph_of(orders=DAY * REGION, mart=DAY * REGION)
    graph.dag("job", on=rd.updated("orders"), outlets=["mart"])(nothing)
    sources = {"orders": rd.cron("0 2 * * *", tz="Europe/Berlin")}
    made = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", sources=sources, default_duration="5m")
    assert sorted(run.partition for run in made.runs) == ["2026-11-23|eu", "2026-11-23|us"]
    assert {run.state for run in made.runs} == {"success"}


def test_T19_a_simulated_task_publishes_each_value_that_its_run_does_not_say():
    graph = graph_of(mart=DAY * REGION, regions=REGION, days=DAY)
    graph.dag("clock", schedule="0 2 * * *", tz="Europe/Berlin").add(
        nothing, id="t", outlets=["mart", "regions", "days"]
    )
    graph.dag("job", on=rd.updated("mart"))(nothing)
    graph.dag("daily", on=rd.updated("mart").batch(count=2).by(DAY))(nothing)
    graph.dag("static", on=rd.updated("regions"))(nothing)
    made = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration="5m")
    assert sorted((run.dag, run.partition) for run in made.runs if run.dag != "clock") == [
        ("daily", "2026-11-23"), ("job", "2026-11-23|eu"), ("job", "2026-11-23|us"), ("static", "eu"), ("static", "us"),
    ]  # fmt: skip
    assert {run.state for run in made.runs} == {"success"}
