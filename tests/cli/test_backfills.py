"""Backfills from the command line: asked for, worked off, listed, stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import SHOP, Shop

DAILY = """
@graph.dag(schedule="0 2 * * *", tz="Europe/Berlin")
def daily(run):
    if run.local_date.day == 3 and run.round == 1: raise ValueError("a bad day")
"""
DAYS = ("daily", "2026-11-01", "2026-11-04")


@pytest.fixture
def days(shop: Shop) -> Shop:
    Path(shop.file).write_text(SHOP + DAILY)
    shop("run", shop.file)
    return shop


def test_a_backfill_is_recorded_and_the_engine_that_opens_next_does_it(days: Shop) -> None:
    told = days("backfill", *DAYS)
    assert told.startswith(
        "backfill 1 of daily is running: 4 dates, 4 left\nthe backfill is recorded; the engine that opens"
    )
    assert days("backfills") == "backfill 1 of daily is running: 4 dates, 4 left\n"
    days("run", days.file, code=1)
    [found] = days.json("backfills")
    assert (found["state"], found["progress"]["success"], found["progress"]["failed"]) == ("failed", 3, 1)


def test_a_backfill_with_the_graph_skips_what_ran_and_does_what_is_missing(days: Shop) -> None:
    told = days("backfill", *DAYS, "--max-active-runs", "2", "--graph", days.file, code=1)
    assert "4 runs ended: 3 success, 1 failed" in told and told.count("2026-11-0") >= 4
    assert days.json("backfill", *DAYS, "--graph", days.file)["progress"] == {"dates": 4, "had_run": 4, "left": 0}
    found = days.json("backfill", *DAYS, "--missing", "--graph", days.file)
    assert (found["state"], found["progress"]["success"], len(found["skipped"])) == ("success", 1, 3)
    assert days.json("backfill", *DAYS, "--again", "--graph", days.file)["progress"]["success"] == 4


def test_a_backfill_can_stop_at_a_failure_or_be_cancelled(days: Shop) -> None:
    found = days.json("backfill", *DAYS, "--stop-on-failure", "--max-active-runs", "1", "--graph", days.file, code=1)
    assert (len(found["runs"]), len(found["left"])) == (3, 1)
    days("backfill", "daily", "2026-10-01", "2026-10-04")
    assert "the cancel is recorded" in days("cancel-backfill", "2", "--reason", "not now")
    days("run", days.file)
    assert days("backfills").startswith("backfill 2 of daily is cancelled (not now): 4 dates")
    assert "it had ended, and stays cancelled" in days("cancel-backfill", "2")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["backfill", "dayly", "2026-11-01", "2026-11-04"], "did you mean 'daily'"),
        (["backfill", "daily", "2026-11-04", "2026-11-01"], "lies before start"),
        (["backfill", *DAYS, "--again", "--missing"], "--again does all dates again"),
        (["backfill", *DAYS, "--max-active-runs", "-1"], "--max-active-runs must be"),
        (["cancel-backfill", "7"], "there is no backfill 7"),
    ],
)
def test_wrong_calls_are_one_line_and_record_nothing(days: Shop, arguments: list[str], said: str) -> None:
    assert said in days(*arguments, code=2)
    assert days.json("runs") == [] and days("backfills") == "no backfills\n"


def test_help_says_that_there_is_no_limit(days: Shop) -> None:
    assert "else no limit" in " ".join(days("backfill", "--help").replace("│", " ").split())
