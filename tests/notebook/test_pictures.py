"""What runs, events, causes and all else show in a notebook: a picture, and a text that reads well."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

import reactive_dag as rd
from tests.support.shown import html, plain

NASTY = "s3://<script>alert(1)</script>"


def nothing():
    return None


def estate() -> rd.Graph:
    graph = rd.Graph("sales <b>")
    orders = graph.dataset(NASTY, partitions=rd.day("Europe/Berlin"))
    build = graph.dag("build<i>", on=orders, deadline="1h")

    @build.task(retries=1, retry_delay="1m")
    def extract(run):
        if run.attempt == 1:
            raise ValueError("<img src=x onerror=alert(1)>\nsecond line")
        return [1, 2, 3]

    @build.task
    def load(extract):
        raise rd.FailTask("no <rows>")

    graph.dag("report", on=rd.completed(build, states="failed").batch(count=2))(nothing)
    return graph


@pytest.fixture
def engine():
    with rd.Engine(estate(), clock=rd.VirtualClock("2026-11-23T00:00+01:00"), runner=rd.InlineRunner()) as found:
        yield found


def shown(engine):
    receipt = engine.publish(NASTY, partition="2026-11-23", extra={"<u>": 1}, key="<key>")
    engine.advance("10m")
    return {
        "receipt": receipt, "duplicate": engine.publish(NASTY, partition="2026-11-23", key="<key>"),
        "event": engine.events(NASTY)[0], "runs": engine.runs(), "run": engine.runs("build<i>")[0],
        "why": engine.why(engine.runs("build<i>")[0]), "why not": engine.why("report", logical_date="2026-11-24"),
        "pending": engine.pending("report"), "partitions": engine.partitions(NASTY),
        "problems": engine.graph.problems(), "no problems": rd.Graph("g").problems(),
        "no runs": engine.runs("report"),
    }  # fmt: skip


def test_N1_every_picture_is_well_formed_and_shows_names_as_text(engine) -> None:
    for name, thing in shown(engine).items():
        picture = html(thing)
        assert ElementTree.fromstring(picture).tag == "div", name
        assert not [bad for bad in ("<script", "<img", "<b>.", "<i>", "<u>", "<rows>", "<key>") if bad in picture], name
        assert plain(thing) and "object at 0x" not in plain(thing) and "\x1b" not in plain(thing), name


def test_a_run_shows_its_tasks_their_attempts_over_time_and_its_causes(engine) -> None:
    run = shown(engine)["run"]
    root = ElementTree.fromstring(html(run))
    bars = [each.attrib["aria-label"] for each in root.iter("svg") if each.attrib.get("role") == "img"]
    assert bars == [
        "time axis: 00:00:00, 00:00:30, 00:01:00",
        "extract: attempt 1 failed, attempt 2 success",
        "load: attempt 1 failed",
    ]
    assert f'title="{run.key}"' in html(run) and "times in Europe/Berlin" in html(run)
    lines = plain(run).splitlines()
    assert lines[0] == "run build<i> 2026-11-23: ✕ failed" and "took 1m" in lines[1] and "(Europe/Berlin)" in lines[1]
    assert lines[3].split() == ["extract", "✓", "success", "2", "2026-11-23", "00:00", "1m", "[1,", "2,", "3]"]
    assert lines[-1].startswith("  because updated s3://<script>") and "recorded 2026-11-23 00:00" in lines[-1]


def test_N3_runs_name_the_zone_shorten_keys_and_count(engine) -> None:
    runs = shown(engine)["runs"]
    picture = html(runs)
    assert (
        f'title="{runs[0].key}"' in picture and f">{runs[0].key[:8]}<" in picture and f">{runs[0].key}<" not in picture
    )
    assert "times in Europe/Berlin" in picture and "1 run: 1 failed" in picture
    assert plain(runs).splitlines()[0] == "1 run: 1 failed, times in Europe/Berlin"


def test_an_event_and_a_receipt_say_what_happened(engine) -> None:
    things = shown(engine)
    assert plain(things["event"]).startswith(f"updated {NASTY}, partition 2026-11-23, key <key>")
    assert "duplicate: recorded before" in html(things["duplicate"]) and "recorded</span>" in html(things["receipt"])
    assert plain(things["duplicate"]).startswith("duplicate, recorded before: updated")


def test_why_and_pending_show_what_is_missing(engine) -> None:
    things = shown(engine)
    assert "missing: " in html(things["why not"]) and 'aria-level="2"' in html(things["why"])
    assert "report is waiting" in html(things["pending"]) and "completed build&lt;i&gt; failed" in html(
        things["pending"]
    )
    assert plain(things["pending"]) == str(things["pending"])


def test_problems_are_a_list_that_draws_itself(engine) -> None:
    things = shown(engine)
    assert isinstance(things["problems"], list) and "warning" in html(things["problems"])
    assert plain(things["no problems"]) == "no problems" and "no problems" in html(things["no problems"])


def test_a_chain_of_causes_is_cut_with_a_count() -> None:
    graph = rd.Graph("chain")
    graph.dag("a", on=rd.updated("d"))(nothing)
    with rd.Engine(graph, clock=rd.VirtualClock("2026-11-23T00:00Z"), runner=rd.InlineRunner()) as engine:
        for n in range(20):
            engine.start("a", key=str(n))
        engine.run_until_idle()
        why = engine.why(engine.runs("a")[0])
        deep = why
        for _ in range(500):
            deep = type(why)("again", causes=[deep])
        assert html(deep).count("<li") == 200 and "more branch" in html(deep)


def test_what_a_closed_engine_gave_can_still_be_shown() -> None:
    with rd.Engine(estate(), clock=rd.VirtualClock("2026-11-23T00:00Z"), runner=rd.InlineRunner()) as engine:
        things = shown(engine)
    assert "closed engine" in html(things["run"]) and "closed engine" in plain(things["run"])
    assert "closed engine" in html(things["runs"]) and "closed engine" in plain(things["runs"])
    assert "run build" in html(things["why"])
