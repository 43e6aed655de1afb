"""examples/: each one tells its story, is right, goes through JSON, and can be asked what will happen."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import reactive_dag as rd
from tests.cli.test_cli import call
from tests.support.places import ROOT

FOLDER = ROOT / "examples"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))
MONDAY = "2026-11-23T00:00+01:00"


def of(name: str) -> dict[str, Any]:
    """What an example declares."""
    return runpy.run_path(str(FOLDER / f"{name}.py"))


def test_all_examples_are_there() -> None:
    assert NAMES == [
        "arrivals", "diamond", "etl", "feedback", "frames", "generated", "ml", "regions", "rollup", "scenario",
        "sensors",
    ]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_of_the_examples_names_it(name: str) -> None:
    assert f"`{name}.py`" in (FOLDER / "README.md").read_text("utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_right_and_goes_through_json(name: str) -> None:
    graph = of(name)["graph"]
    assert not graph.problems()
    assert rd.Graph.from_json(graph.to_json()).to_json() == graph.to_json()


@pytest.mark.parametrize("name", NAMES)
def test_an_example_runs_as_a_script(name: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    told = subprocess.run(
        [sys.executable, str(FOLDER / f"{name}.py")], capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    assert told.returncode == 0 and told.stdout, told.stderr
    assert not list(tmp_path.iterdir()), "it leaves nothing behind"


@pytest.mark.parametrize("name", NAMES)
def test_R7_the_command_line_simulates_an_example(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "simulate", str(FOLDER / f"{name}.py")) == 0
    assert "What ran when" in capsys.readouterr().out


def test_the_diamond_merges_each_root_once_and_never_mixes_two() -> None:
    assert of("diamond")["main"]() == [["quick one", "slow one"], ["quick two", "slow two"]]


def test_the_scenarios_are_as_expected_but_for_the_last() -> None:
    told = of("scenario")["main"]()
    assert told[0] == "4 tests passed" and told[3:5] == ["! daily  expected  -----o-", "         played    ------o"]


def test_the_frames_come_back_and_the_report_reads_them(tmp_path: Path) -> None:
    assert of("frames")["main"](tmp_path) == [
        "2026-11-23: Kiel sold most, 112.25", "2026-11-24: Kiel sold most, 112.25",
    ]  # fmt: skip
    assert len(list((tmp_path / "lake").iterdir())) == 6


def test_the_model_is_published_once_approved_and_else_not() -> None:
    assert of("ml")["main"]() == [
        "2026-W48: publish: churn 2026-W48", "2026-W49: nobody approved", "2026-W50: reject: west has 0.82",
    ]  # fmt: skip


def test_a_week_of_the_model_in_virtual_time() -> None:
    regions, graph = [["north", 0.0], ["south", 0.1]], of("ml")["graph"]
    for judge, skipped in (("approval", {"reject"}), ("reject", {"approval", "publish"})):
        given = {"train.regions": regions, "train.judge": judge}
        found = rd.simulate(graph, start=MONDAY, until="3d", default_duration="10m", outputs=given)
        [run] = [run for run in found.runs if run.dag == "train"]
        assert run.state == "success" and len(run.tasks["evaluate"].instances) == 2
        assert {task.id for task in run.tasks.values() if task.state == "skipped"} == skipped


def test_the_etl_reports_each_day_once_over_the_night_in_which_clocks_go_back() -> None:
    assert of("etl")["main"]() == [
        "2026-10-24: 1078 rows", "2026-10-25: 1080 rows", "2026-10-26: 1082 rows", "missed at 25 06:00",
    ]  # fmt: skip


def test_the_etl_in_virtual_time_meets_its_pool_and_its_deadline() -> None:
    found = rd.simulate(of("etl")["graph"], start=MONDAY, until="1d", default_duration="20m")
    assert Counter((run.dag, run.state) for run in found.runs) == Counter(
        dict.fromkeys([(dag, "success") for dag in ("load_rates", "load_orders", "load_users", "mart", "report")], 1)
    )
    rows = {row.task: row for row in found.timeline()}
    assert rows["load_users"].start == rows["load"].end, "it needs the whole pool"
    late = found.what_if(rd.delay("load_users", "2h"))
    assert [run.events[0].kind for run in late.runs if run.dag == "alarm"] == ["missed"]


def test_T19_regions_closes_each_day_once_and_a_backfill_mends_what_is_missing() -> None:
    table, before, backfill, after, *rest = of("regions")["main"]()
    assert table.startswith("sales: 8 there, 1 failed") and "2026-11-24|us    failed" in table
    assert before == "closed: ['2026-11-23', '2026-11-25']" and "1 of 1 ended" in backfill
    assert after == "closed: ['2026-11-23', '2026-11-25', '2026-11-24']"
    assert [line.split(":")[0] for line in rest[:3]] == ["eu", "asia", "us"]
    assert [line.split(" of ")[0] for line in rest[3:]] == [
        "2026-10-25T02+02:00", "2026-10-25T02+01:00", "2026-10-25T03+01:00",
    ]  # fmt: skip
    assert all(f" and {line.split(' of ')[0]}" in line for line in rest[3:]), "its own, and the one before"


def test_T18_the_rollup_of_both_changes_of_clocks_is_corrected_by_the_late_hour() -> None:
    assert of("rollup")["main"]() == [
        "2026-03-29 of 22 hours, without 2026-03-29T05+02:00", "2026-03-29 corrected by 2026-03-29T05+02:00",
        "2026-10-25 of 24 hours, without 2026-10-25T05+01:00", "2026-10-25 corrected by 2026-10-25T05+01:00",
    ]  # fmt: skip


def test_the_sensors_wait_over_the_longest_night() -> None:
    assert of("sensors")["main"]() == [
        "07:30 close is running (2026-10-24T21:00:00Z)", "08:45 bank_file: it gave None at look 2",
        "08:00 report on the books of 2026-10-24", "08:50 statement.xml against the ledger of 2026-10-24",
    ]  # fmt: skip


def test_T11_a_generated_graph_changes_with_its_list_and_loses_nothing() -> None:
    assert of("generated")["main"]() == [
        "2026-11-23|eu: customers, orders", "2026-11-23|us: customers, orders",
        "2026-11-24|eu: customers, orders, refunds", "2026-11-24|us: customers, orders",
        "2026-11-25|eu: customers, orders", "2026-11-25|us: customers, orders",
        "failed: load_refunds_us of 2026-11-24",
        "in the graph: load_orders_eu, load_orders_us, load_customers_eu, load_customers_us, report, alert",
    ]  # fmt: skip


def test_T19_a_generated_graph_in_virtual_time_reports_each_region_of_each_day() -> None:
    found = rd.simulate(of("generated")["graph"], start="2026-11-23T00:00Z", until="2d", default_duration="10m")
    reported = {run.partition for run in found.runs if run.dag == "report"}
    assert reported == {f"2026-11-{day}|{region}" for day in (23, 24) for region in ("eu", "us")}


def test_G2_the_training_goes_round_until_it_is_good_enough_or_seven_times() -> None:
    assert of("feedback")["main"]() == [
        "2026-12-21: deployed after 4 rounds, 0.93 accurate", "2026-12-21: 4 rounds", "2027-01-04: 7 rounds",
        "stopped: 2",
    ]  # fmt: skip


def test_T5_the_files_are_loaded_in_batches_each_once_over_a_restart() -> None:
    assert of("arrivals")["main"]() == [
        "06:20 3 files", "06:35 1 files", "06:50 1 files", "07:05 4 files", "07:05 4 files", "07:20 1 files",
        "08:15 1 files", "2026-11-23T06+00:00: 3 batches", "2026-11-23T07+00:00: 3 batches",
        "2026-11-23T08+00:00: 1 batches",
    ]  # fmt: skip
