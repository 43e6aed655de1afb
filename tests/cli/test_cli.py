"""The command line as a user meets it: what it prints, what scripts get, exit codes, errors without tracebacks."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

import reactive_dag as rd
from reactive_dag import cli

PIPELINE = """
import reactive_dag as rd
graph = rd.Graph("shop")
out = graph.dataset("out")
@graph.dag(outlets=[out])
def ingest(run): return 1
@graph.dag(on=rd.updated(out))
def report(run): return len(run.events)
@graph.dag
def broken(run): raise ValueError("no disk")
"""


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the program with these arguments; its exit code."""
    monkeypatch.setattr(sys, "argv", ["reactive-dag", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


@pytest.fixture
def pipeline(tmp_path: Path) -> str:
    path = tmp_path / "shop.py"
    path.write_text(PIPELINE)
    return str(path)


def test_run_then_look_at_the_runs_and_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, pipeline: str
) -> None:
    store = str(tmp_path / "shop.db")
    assert call(monkeypatch, "run", pipeline, "--store", store, "--start", "ingest", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["dag"], row["state"]) for row in rows] == [("report", "success"), ("ingest", "success")]
    assert call(monkeypatch, "runs", "--store", store) == 0
    assert "report" in capsys.readouterr().out
    assert call(monkeypatch, "runs", "--store", store, "--dag", "ingest", "--json") == 0
    assert [row["dag"] for row in json.loads(capsys.readouterr().out)] == ["ingest"]
    assert call(monkeypatch, "why", rows[0]["key"][:8], "--store", store) == 0
    told = capsys.readouterr().out
    assert "updated out" in told and "started by hand" in told
    assert call(monkeypatch, "why", rows[0]["key"], "--store", store, "--json") == 0
    assert json.loads(capsys.readouterr().out)["run"] == rows[0]["key"]
    assert call(monkeypatch, "why", "report", "--store", store) == 0
    told = capsys.readouterr().out
    assert re.fullmatch(
        r"report did not run again since run report \(success, \w{8}\)\n  missing: rd\.updated\('out'\)\n", told
    )
    assert call(monkeypatch, "why", "report", "--store", store, "--date", "2026-01-01", "--json") == 0
    assert json.loads(capsys.readouterr().out)["missing"]


def test_a_failed_run_gives_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], pipeline: str
) -> None:
    assert call(monkeypatch, "run", pipeline, "--start", "broken") == 1
    assert "no disk" in " ".join(capsys.readouterr().out.split())


def test_check_lists_problems(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, pipeline: str
) -> None:
    assert call(monkeypatch, "check", pipeline) == 0
    assert capsys.readouterr().out.splitlines() == ["shop: 3 DAGs, 0 errors, 0 warnings"]
    Path(pipeline).write_text(PIPELINE + '\n@graph.dag(on=rd.completed("ingst"))\ndef late(run): ...\n')
    capsys.readouterr()
    assert call(monkeypatch, "check", pipeline) == 1
    told = "".join(capsys.readouterr().out.split())
    assert "shop:4DAGs,1error,0warnings" in told and re.search(r"shop\.py:\d+\)", told)
    assert call(monkeypatch, "check", f"{pipeline}:graph", "--json") == 1
    assert any("ingest" in row["text"] for row in json.loads(capsys.readouterr().out))


def test_simulate_and_what_if_the_estate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "simulate", "mozilla", "--until", "6h") == 0
    told = capsys.readouterr().out
    assert "Durations are assumed" in told and "critical path" in told
    assert call(monkeypatch, "what-if", "mozilla", "--delay", "bqetl_main_summary=2h", "--until", "6h", "--json") == 0
    changed = json.loads(capsys.readouterr().out)
    assert any(row["dag"] == "bqetl_main_summary" and row["by_s"] == 7200 for row in changed["rows"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["simulate", "nothing.json"], "is no file"),
        (["simulate", "mozilla", "--from", "2026-11-23T00:00"], "has no zone"),
        (["what-if", "mozilla"], "something to change"),
        (["what-if", "mozilla", "--delay", "bqetl_search"], "NAME=SPAN"),
        (["what-if", "mozilla", "--delay", "bqetl_search=2x"], "no duration"),
        (["what-if", "mozilla", "--fail", "bqetl_search=often"], "--fail"),
        (["what-if", "mozilla", "--fail", "bqetl_search=7"], "--fail bqetl_search=7.0: p is a chance"),
        (["simulate", "mozilla", "--until", "x"], "--until 'x' is no duration"),
        (["simulate", "mozilla", "--shortest", "1h", "--longest", "1m"], "--shortest 1h is above --longest 1m"),
        (["simulate", "mozilla", "--source", "orders"], "write DATASET=CRON"),
        (["simulate", "mozilla", "--source", "orders=0 1 * * *"], "--source: graph"),
        (["runs", "--store", "nothing.db"], "no store yet"),
    ],
)
def test_errors_are_one_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, *arguments) == 2
    err = capsys.readouterr().err
    assert said in err.replace("\n", " ") and "Traceback" not in err
    assert not list(tmp_path.iterdir()), "a wrong call leaves nothing behind"


def test_what_stands_in_brackets_is_text_and_no_markup(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], pipeline: str
) -> None:
    Path(pipeline).write_text(PIPELINE.replace("no disk", "no [red]disk[/red]"))
    assert call(monkeypatch, "run", pipeline, "--start", "broken") == 1
    assert "[red]disk[/red]" in "".join(capsys.readouterr().out.split())
    assert call(monkeypatch, "simulate", "[bold]nothing.json") == 2
    assert "[bold]nothing.json" in capsys.readouterr().err


def test_a_file_that_is_no_store_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, pipeline: str
) -> None:
    before = Path(pipeline).read_bytes()
    assert call(monkeypatch, "runs", "--store", pipeline) == 2
    assert "no store" in capsys.readouterr().err
    assert Path(pipeline).read_bytes() == before


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def helper(): return 1 / 0\nhelper()", "ZeroDivisionError: division by zero"),
        ("graph.dag('x', retries=-1)", "retries must be at least 0, not -1"),
        ("import sys\nsys.exit('no')", "SystemExit: no"),
        ("graph = (", "SyntaxError: '(' was never closed"),
    ],
)
def test_an_exception_in_the_users_file_shows_the_users_frames_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], pipeline: str, code: str, said: str
) -> None:
    Path(pipeline).write_text(f"{PIPELINE}\n{code}\n")
    assert call(monkeypatch, "check", pipeline) == 2
    err = capsys.readouterr().err
    assert said in err and err.startswith(f"error: {pipeline} raised\n")
    assert set(re.findall(r'File "(.*?)"', err)) == {pipeline}


def test_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "--version") == 0
    assert capsys.readouterr().out == f"reactive-dag {rd.__version__}\n"


OUTSIDE = """
import reactive_dag as rd
graph = rd.Graph("shop")
orders = graph.dataset("orders", partitions=rd.day())
@graph.dag(on=orders)
def report(run): ...
"""


def test_simulate_with_what_outside_publishes_leaves_empty_hours_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], pipeline: str
) -> None:
    Path(pipeline).write_text(OUTSIDE)
    asked = ("simulate", pipeline, "--source", "orders=30 1 * * *", "--source", "orders=0 20 * * *", "--until", "2d")
    assert call(monkeypatch, *asked) == 0
    told = capsys.readouterr().out
    hours = re.findall(r"^ *(11-2\d \d\d:00) +1 +1 +0|^ *(…)", told, re.MULTILINE)
    assert ["".join(each) for each in hours] == [
        "11-23 01:00", "…", "11-23 20:00", "…", "11-24 01:00", "…", "11-24 20:00",
    ]  # fmt: skip
    assert call(monkeypatch, *asked, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found.keys() == {"name", "runs", "timeline", "pending", "critical_path"} and len(found["runs"]) == 4


def test_the_demo_kills_and_goes_on(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    assert call(monkeypatch, "demo") == 0
    told, err = capfd.readouterr()
    assert not err, "what fails as it must is not told as a failure"
    assert "Every run happened exactly once" in told and "bqetl_main_summary 2h late" in told
