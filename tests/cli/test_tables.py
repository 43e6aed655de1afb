"""What is printed, with texts in it that break lines, move a cursor or colour a terminal: a row stays a line."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO

import pytest
from rich.console import Console, RenderableType

import reactive_dag as rd
from reactive_dag.cli import tables
from reactive_dag.cli.backfills import _line
from reactive_dag.model.text import one_line
from reactive_dag.testing import Scenario
from tests.support.engines import live
from tests.support.shown import html

BAD = "e\nQ\tx\x1b[31my\r\u2028z"
SHOWN = r"e\nQ\tx\x1b[31my\r\u2028z"
START = "2026-11-23T00:00Z"


def raises(run: object) -> None:
    raise ValueError(BAD.replace("\n", ""))


def graph() -> rd.Graph:
    """Datasets, partitions and errors with such texts; what waits for them, and what fails on them."""
    found = rd.Graph("bad")
    by_value = rd.Dataset("out" + BAD, partitions=rd.values(BAD, "us", name="region"))
    found.dag("fails", on=rd.updated("in").by("partition"), outlets=[by_value])(raises)
    found.dag("waits", on=rd.updated("in")).wait_for(rd.Dataset("never" + BAD), id="up", partition=BAD)
    found.dag("half", on=rd.updated("in") & rd.updated("never" + BAD)).add(lambda: 1, id="only")
    return found


def text_of(table: RenderableType, width: int = 300) -> str:
    """What a terminal of some width gets, without colours of ours."""
    console = Console(file=StringIO(), width=width, color_system=None)
    console.print(table)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


LIVE: dict[str, Callable[[rd.Engine], str]] = {
    "partitions": lambda engine: str(engine.partitions("out" + BAD)),
    "partitions html": lambda engine: html(engine.partitions("out" + BAD)),
    "partitions cli": lambda engine: text_of(tables.PartitionsTable(engine.partitions("out" + BAD))),
    "partitions cli narrow": lambda engine: text_of(tables.PartitionsTable(engine.partitions("out" + BAD)), 60),
    "runs html": lambda engine: html(engine.runs()),
    "runs cli": lambda engine: text_of(tables.runs_table(engine.runs())),
    "pending of a wait": lambda engine: str(engine.pending("waits")),
    "pending": lambda engine: str(engine.pending("half")),
    "why": lambda engine: str(engine.why("half")),
    "why of a failed run": lambda engine: str(engine.why(engine.runs("fails")[0])),
    "missing": lambda engine: "\n".join(map(str, engine.pending("waits").waits)),
    "problems": lambda engine: "\n".join(map(str, engine.graph.problems())),
    "problems cli": lambda engine: text_of(tables.problems_table(engine.graph, engine.graph.problems()), 1000),
}


def assert_on_lines(shown: str) -> None:
    assert SHOWN.removeprefix(r"e\nQ") in shown, "escaped, and there"
    assert all(line.isprintable() for line in shown.split("\n")), "nothing else that moves a cursor"
    assert "\nQ" not in shown


@pytest.mark.parametrize("name", LIVE)
def test_a_text_that_breaks_lines_stays_in_its_row(name: str) -> None:
    with live(graph()) as engine:
        engine.publish("in", partition=BAD, extra=BAD)
        engine.run_until_idle("10s")
        assert_on_lines(LIVE[name](engine))


def test_the_summary_and_the_tables_of_simulations_stay_in_their_rows() -> None:
    with live(graph()) as engine:
        engine.publish("in", partition=BAD)
        told = str(engine.run_until_idle("10s"))
        assert r"eQ\tx\x1b[31my" in told and all(line.isprintable() for line in told.split("\n"))
    question = {"start": START, "until": "2h", "default_duration": "10m"}
    course = rd.simulate(graph(), sources={"in": rd.at(START)}, **question)  # type: ignore[arg-type]
    for shown in (course.pending(), course.timeline(), tables.waits_table(course)):
        told = text_of(shown)
        assert all(line.isprintable() for line in told.split("\n")) and "\nQ" not in told
    assert_on_lines(str(course.pending()))


def test_tables_and_marbles_of_scenarios_stay_in_their_rows() -> None:
    played = Scenario(graph(), start=START).at("1h").publish("in", partition=BAD).play()
    assert_on_lines(played.table("dag", "partition"))
    assert_on_lines(played.table("dag", "error") + SHOWN)
    assert len(played.table("dag", "partition").splitlines()) == 1 + len(played.runs())


def test_one_line_is_what_is_printable_as_it_is() -> None:
    assert one_line("Zürich|eu ß") == "Zürich|eu ß" and one_line(BAD) == SHOWN
    assert one_line(one_line(BAD)) == SHOWN


def test_the_reason_of_a_backfill_stays_in_its_line() -> None:
    found = rd.Graph("g")
    found.dag("job", schedule="0 6 * * *", max_active_runs=1).add(lambda: 1, id="only")
    with live(found) as engine:
        backfill = engine.backfill("job", "2026-11-01", "2026-11-09", max_active_runs=1)
        engine.cancel(backfill, BAD)
        engine.run_until_idle("10s")
        assert SHOWN in _line(backfill) and BAD in str(backfill.reason) and repr(backfill).isprintable()
