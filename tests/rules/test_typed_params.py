"""Params that a class types (R8): what bodies get, and what is refused at the start."""

from __future__ import annotations

import dataclasses
import enum
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import attrs
import pytest

import reactive_dag as rd
from tests.support.engines import live, opened, records_of


class Mode(enum.Enum):
    """How much."""

    FULL = "full"
    DELTA = "delta"


@attrs.frozen
class Limits:
    """A class within a class."""

    rows: int = 10


def positive(_: object, attribute: object, value: int) -> None:
    """A validator of the user's."""
    if value < 1:
        raise ValueError("rows must be positive")


@attrs.frozen
class WithAttrs:
    """Params of many types."""

    day: date
    mode: Mode = Mode.DELTA
    limits: Limits = Limits()
    span: timedelta = timedelta(hours=1)
    _rows: int = attrs.field(default=1, validator=positive)


@dataclasses.dataclass(frozen=True)
class WithDataclass:
    """The same as a dataclass."""

    day: date
    mode: Mode = Mode.DELTA
    price: Decimal = Decimal("1.5")
    odd: int = None  # type: ignore[assignment]


def show(run: rd.Run) -> str:
    """A body that a name finds."""
    return str(run.params)


def looking(cls: type) -> tuple[rd.Graph, list[object]]:
    """A DAG whose task keeps its params, and the param `day` by itself."""
    graph, seen = rd.Graph("typed"), []

    def look(run: rd.Run, day: object, mode: object) -> None:
        seen.append((run.params, day, mode))

    graph.dag("job", params=cls).add(look, id="look")
    return graph, seen


def test_R8_typed_params_come_as_their_class_says() -> None:
    graph, seen = looking(WithAttrs)
    with live(graph) as engine:
        engine.start("job", params={"day": "2026-11-23", "mode": "full", "limits": {"rows": 3}, "rows": 7})
        engine.start("job", params=WithAttrs(date(2026, 11, 24), span=timedelta(minutes=5), rows=4))
        engine.run_until_idle()
        first = WithAttrs(date(2026, 11, 23), Mode.FULL, Limits(3), rows=7)
        second = WithAttrs(date(2026, 11, 24), span=timedelta(minutes=5), rows=4)
        assert seen == [(first, date(2026, 11, 23), Mode.FULL), (second, date(2026, 11, 24), Mode.DELTA)]
        assert [run.params for run in engine.runs("job")] == [second, first]


def test_R8_typed_params_of_a_dataclass_after_a_restart_and_through_json(tmp_path: Path) -> None:
    graph = rd.Graph("typed")
    graph.dag("job", params=WithDataclass).add(show, id="show")
    with opened(graph, tmp_path / "s.db", runner=None) as engine:
        engine.start("job", params={"day": date(2026, 11, 23), "price": Decimal("2.25")})
    with live(rd.Graph.from_json(graph.to_json()), tmp_path / "s.db") as engine:
        engine.run_until_idle()
        (run,) = engine.runs("job")
        assert run.params == WithDataclass(date(2026, 11, 23), Mode.DELTA, Decimal("2.25")) and run.params.odd is None
        assert run.tasks["show"].output == str(run.params)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"day": "soon"}, r"start\('job'\): param 'day' is 'soon': Invalid RFC3339 encoded date"),
        ({"day": 3}, r"param 'day' is 3: Expected `date`, got `int`"),
        ({"day": "2026-11-23", "mode": "some"}, r"param 'mode' is 'some': Invalid enum value 'some'"),
        (
            {"day": "2026-11-23", "limits": {"rows": "many"}},
            r"param 'limits' .*Expected `int`, got `str` - at `\$",
        ),
        ({"day": "2026-11-23", "rows": 0}, r"start\('job'\): params: ValueError: rows must be positive"),
        ({"day": "2026-11-23", "_rows": 1}, r"there is no param '_rows'"),
        ({}, r"param 'day' has no default"),
    ],
)
def test_R8_typed_params_that_are_wrong_are_refused_at_the_call(given: dict[str, object], text: str) -> None:
    graph, _ = looking(WithAttrs)
    with live(graph) as engine:
        before = len(records_of(engine))
        with pytest.raises(rd.InvalidValue, match=text):
            engine.start("job", params=given)
        assert len(records_of(engine)) == before


@pytest.mark.parametrize("cls", [WithAttrs, WithDataclass])
def test_R8_a_required_param_that_nobody_gives_is_refused_at_the_call(cls: type) -> None:
    graph, _ = looking(cls)
    mart = graph.dataset("mart", partitions=rd.day())
    graph.dag("parts", params=cls, outlets=[mart]).add(show, id="show")

    @graph.dag
    def parent(run: rd.Run) -> None:
        run.start("job")

    with live(graph) as engine:
        before = len(records_of(engine))
        with pytest.raises(rd.InvalidValue, match=r"start\('job'\): param 'day' has no default"):
            engine.start("job")
        with pytest.raises(rd.UsageError, match=r"param 'day' has no default .*a backfill gives no params"):
            engine.backfill("parts", "2026-11-01", "2026-11-02")
        assert len(records_of(engine)) == before
        run = engine.start("parent").wait()
        assert "run.start('job') in parent.parent: param 'day' has no default" in str(run.error)


@pytest.mark.parametrize("cls", [WithAttrs, WithDataclass])
def test_R8_a_required_param_of_a_dag_with_a_trigger_is_a_problem(cls: type) -> None:
    graph, _ = looking(cls)
    graph.dag("daily", schedule="@daily", params=cls).add(show, id="show")
    (problem,) = [each for each in graph.problems() if each.severity == "error"]
    assert problem.kind == "required_param" and problem.ids == ("daily", "day")
    assert "param 'day' of DAG 'daily' has no default" in problem.text and "test_typed_params.py" in problem.place
    with pytest.raises(rd.GraphError, match="param 'day'"):
        graph.check()


def test_R8_typed_params_of_a_class_that_cannot_be_read_are_as_they_were_given() -> None:
    @attrs.frozen
    class Local:
        day: Unknown = None  # type: ignore[name-defined]  # noqa: F821
        mode: object = None

    graph, seen = looking(Local)
    with live(graph) as engine:
        engine.start("job", params={"day": "2026-11-23"})
        engine.run_until_idle()
        assert seen == [(Local("2026-11-23"), "2026-11-23", None)]
