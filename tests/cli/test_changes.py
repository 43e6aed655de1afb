"""The commands that change a store: what they record without the graph, what they do with it, and what they refuse."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import reactive_dag as rd
from tests.cli.conftest import SHOP, Shop
from tests.support.places import ROOT


def test_start_records_and_the_engine_that_opens_next_does_it(shop: Shop) -> None:
    row = shop.json("start", "ingest", "--param", "full=true", "--param", "name=a=b", "--date", "2026-11-23")
    assert (row["dag"], row["state"], row["logical_date"]) == ("ingest", "queued", "2026-11-23T00:00:00+00:00")
    told = shop("start", "broken", "--key", "mine")
    assert "broken" in told and "the start of broken is recorded; the engine that opens this store next does it" in told
    assert shop.json("start", "broken", "--key", "mine")["key"] == shop.json("start", "broken", "--key", "mine")["key"]
    assert shop.states() == {"ingest": "queued", "broken": "queued"}
    shop("run", shop.file, code=1)
    assert shop.states() == {"ingest": "success", "report": "success", "broken": "failed"}
    with rd.Engine(rd.Graph("shop"), store=shop.store, read_only=True) as engine:
        assert engine.run(row["key"]).tasks["ingest"].output == [True, "a=b", "2026-11-23"]
        assert len(engine.runs("broken")) == 1


def test_start_with_the_graph_works_it_off(shop: Shop) -> None:
    told = shop("start", "ingest", "--partition", "2026-11-23", "--graph", shop.file)
    assert "success" in told and told.endswith("2 runs ended: 2 success\n")
    assert shop.json("start", "broken", "--graph", f"{shop.file}:graph", code=1)["error"].startswith(
        "broken: ValueError"
    )


def test_cancel(shop: Shop) -> None:
    shop("start", "broken", "--key", "mine")
    assert "the cancel is recorded" in shop("cancel", "mine", "--reason", "not now")
    row = shop.json("cancel", "mine", "--graph", shop.file)
    assert (row["state"], row["error"]) == ("cancelled", "cancelled: not now")
    assert "it had ended, and stays cancelled" in shop("cancel", "mine")


def test_rerun_gives_the_next_round(shop: Shop, tmp_path: Path) -> None:
    key = str(shop.json("start", "ingest", "--date", "2026-11-23", "--graph", shop.file)["key"])
    assert "the rerun is recorded" in shop("rerun", key[:8])
    shop("run", shop.file)
    assert [(row["round"], row["state"]) for row in shop.json("runs", "--dag", "ingest")] == [(2, "success")]
    row = shop.json("rerun", key, "--task", "ingest", "--downstream", "--graph", shop.file)
    assert (row["round"], row["state"]) == (3, "success")
    assert [row["round"] for row in shop.json("runs", "--dag", "report")] == [2]
    assert "success (3)" in shop("runs", "--dag", "ingest")
    assert (
        "rerun of run" in (told := shop("rerun", key, "--failed", code=2)) and "--failed leaves nothing to do" in told
    )


EACH = """
rows = graph.dag("rows", defaults={"retries": 1})
@rows.task
def pick(run):
    run.log.warning("attempt %d", run.attempt)
    if run.attempt == 1: raise rd.RetryTask("again")
    return [7, 8]
rows.add(lambda pick: print("got", pick), id="each", map_over="pick")
"""


def test_logs_of_a_task_of_an_instance_and_of_all(shop: Shop) -> None:
    Path(shop.file).write_text(SHOP + EACH)
    key = str(shop.json("start", "rows", "--graph", shop.file)["key"])
    assert shop("logs", key, "each[1]") == "got 8\n"
    assert shop("logs", key, "pick", "--attempt", "2").endswith("WARNING attempt 2\n")
    rows = shop.json("logs", key[:8])
    assert [(row["task"], row["attempt"], row["state"]) for row in rows] == [
        ("pick", 1, "failed"), ("pick", 2, "success"), ("each[0]", 1, "success"), ("each[1]", 1, "success"),
    ]  # fmt: skip
    assert shop("logs", key, "each") == "each[0], attempt 1.1, success\ngot 7\neach[1], attempt 1.1, success\ngot 8\n"
    assert "did you mean 'pick'" in shop("logs", key, "pik", code=2)
    assert "has no attempt 3" in shop("logs", key, "pick", "--attempt", "3", code=2)
    key = str(shop.json("start", "broken", "--graph", shop.file, code=1)["key"])
    assert shop("logs", key) == f"looks for [disk] 1\nValueError: no disk\n  {shop.file}:13 in broken\n"
    [row] = shop.json("logs", key)
    assert row["error"] == f"ValueError: no disk\n  {shop.file}:13 in broken"


def test_what_is_recorded_only_is_told_apart_from_what_was_worked_off(shop: Shop) -> None:
    """Without --graph the state shown is from before; a script sees that, and what was there already."""

    def told(*arguments: str, code: int = 0) -> tuple[object, object, object]:
        row = shop.json(*arguments, code=code)
        return row["state"], row["recorded"], row["worked_off"]

    start = ("start", "broken", "--key", "mine")
    assert told(*start) == ("queued", True, False)
    assert told(*start) == ("queued", False, False)
    assert shop(*start).endswith("it was started under key 'mine' before\n")
    assert told(*start, "--graph", shop.file, code=1) == ("failed", False, True)
    assert told("cancel", "mine") == ("failed", False, False)
    assert told("rerun", "mine") == ("failed", True, False)
    assert told("mark", "mine", "success", "--graph", shop.file) == ("success", True, True)
    backfill = shop.json("backfill", "ingest", "2026-11-01", "2026-11-02")
    assert (backfill["state"], backfill["recorded"], backfill["worked_off"]) == ("running", True, False)


def test_publish(shop: Shop) -> None:
    event = ("publish", "orders", "--partition", "2026-11-23", "--key", "first", "--extra", '{"rows": 10}')
    assert shop(*event).startswith("the event of orders is recorded; the engine that opens this store next does it")
    row = shop.json(*event, "--graph", shop.file)
    assert (row["extra"], row["duplicate"], row["recorded"], row["worked_off"]) == ({"rows": 10}, True, False, True)
    assert shop.states() == {"report": "success"}
    assert "orders has an event of key 'first' already" in shop(*event)
    row = shop.json("publish", "orders", "--date", "2026-11-24")
    assert (row["partition"], row["logical_date"], row["duplicate"]) == (
        "2026-11-24",
        "2026-11-24T00:00:00+00:00",
        False,
    )
    assert "rd.updated('orders')" in shop("pending", "report") and "`run` does it" in shop("pending", "report")
    assert shop.json("pending", "report")["undecided"] == 1


def test_logs_of_a_run_that_ended_before_any_task(shop: Shop) -> None:
    shop("start", "broken", "--key", "mine")
    assert shop("logs", "mine") == "the run is queued\n"
    shop("cancel", "mine", "--reason", "not now", "--graph", shop.file)
    [row] = shop.json("logs", "mine")
    assert (row["task"], row["attempt"], row["state"], row["error"]) == (None, None, "cancelled", "cancelled: not now")
    assert shop("logs", "mine") == "cancelled: not now\n"


def test_tables_fit_a_narrow_terminal(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reactive_dag.cli.options.out.width", 80, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    shop("start", "broken", "--graph", shop.file, code=1)
    head, row, error = shop("runs").splitlines()
    assert head.split() == ["DAG", "state", "for", "requested", "took", "key"]
    assert row.split()[:2] == ["broken", "failed"] and max(map(len, (head, row))) <= 80
    assert error.strip() == "error broken: ValueError: no disk"


PAIR = """
pair = graph.dag("pair")
pair.add(lambda: 1 / 0, id="first")
pair.add(lambda first: first, id="second")
"""


def test_logs_tell_the_error_of_a_task_that_has_no_attempt(shop: Shop) -> None:
    Path(shop.file).write_text(SHOP + PAIR)
    key = str(shop.json("start", "pair", "--graph", shop.file, code=1)["key"])
    shop("mark", key, "failed", "--task", "second", "--reason", "given up", "--graph", shop.file)
    [row] = shop.json("logs", key, "second")
    assert (row["attempt"], row["state"], row["error"]) == (None, "failed", "marked failed: given up")
    assert shop("logs", key, "second") == "marked failed: given up\n"


def test_outputs_lists_files_and_what_is_unused(shop: Shop, tmp_path: Path) -> None:
    model = f'graph.dag("model").add(lambda: {{1}}, id="fit", save=rd.files({str(tmp_path / "m")!r}))'
    Path(shop.file).write_text(f"{SHOP}\n{model}\n")
    key = str(shop.json("run", shop.file, "--start", "model")[0]["key"])
    orphan = tmp_path / "m" / f"model.fit-{key}-1.7"
    orphan.write_text("cut off")
    assert [(row["attempt"], row["unused"]) for row in shop.json("outputs")] == [(1, False), (7, True)]
    assert "unused" in shop("outputs") and shop("outputs", "--unused") == f"{orphan}\n"


def test_mark_a_task_and_a_run(shop: Shop) -> None:
    key = str(shop.json("start", "broken", "--graph", shop.file, code=1)["key"])
    assert "the mark is recorded" in shop("mark", key, "success", "--task", "broken", "--reason", "disk is back")
    shop("run", shop.file)
    assert shop.states() == {"broken": "success"} and "marked success: disk is back" in shop("why", key)
    row = shop.json("mark", key, "failed", "--graph", shop.file)
    assert (row["state"], row["error"]) == ("failed", "marked failed")
    assert "did you mean 'broken'" in shop("mark", key, "failed", "--task", "brokn", code=2)
    assert "success, failed, skipped" in shop("mark", key, "done", code=2)


def test_pause_and_resume(shop: Shop) -> None:
    assert shop("pause", "report").startswith("the pause of report is recorded; the engine that opens")
    shop("start", "ingest", "--date", "2026-11-23", "--graph", shop.file)
    assert shop.states() == {"ingest": "success"}
    assert shop.json("resume", "report", "--graph", shop.file) == {
        "dag": "report", "paused": False, "recorded": True, "worked_off": True,
    }  # fmt: skip
    assert shop.states() == {"ingest": "success", "report": "success"}
    shop("pause", "broken")
    shop("start", "broken")
    assert "1 failed" in shop("resume", "broken", "--graph", shop.file, code=1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["start", "ingst"], "did you mean 'ingest'"),
        (["start", "ingest", "--param", "full"], "write NAME=VALUE"),
        (["start", "ingest", "--date", "2026-11-23", "--param", "fill=1"], "there is no param 'fill'"),
        (["start", "ingest"], 'start ingest: its outlets are partitioned by rd.day("UTC"), so a start needs --date'),
        (["start", "ingest", "--partition", "x"], "start ingest: --partition 'x' is none of rd.day(\"UTC\")"),
        (["publish", "ordres", "--partition", "2026-11-23"], "did you mean 'orders'?"),
        (
            ["publish", "orders"],
            'publish orders: it is partitioned by rd.day("UTC"), so an event of it needs --partition',
        ),
        (["publish", "orders", "--partition", "2026-11-23", "--extra", "{x"], "--extra '{x' is no JSON"),
        (["cancel", "mine"], "no run has key 'mine'; `runs` lists them"),
        (["backfill", "broken", "2026-11-01", "2026-11-02"], "start its runs with `start --date`"),
        (["pending", "reprt"], "did you mean 'report'"),
        (["pause", "reprt"], "did you mean 'report'"),
        (["resume", "report", "--graph", "nothing.py"], "is no file"),
    ],
)
def test_wrong_calls_are_one_line_and_record_nothing(shop: Shop, arguments: list[str], said: str) -> None:
    told = shop(*arguments, code=2)
    assert said in told and told.count("\n") == 1 and "engine." not in told
    assert shop.json("runs") == []


HOLDER = """
import sys, reactive_dag as rd
with rd.Engine(rd.Graph("shop"), store=sys.argv[1]):
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_store_that_an_engine_of_another_process_holds_is_refused_and_looked_at(shop: Shop) -> None:
    command = [sys.executable, "-c", HOLDER, shop.store]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "open\n"
        for arguments in (["start", "ingest"], ["pause", "report"], ["start", "ingest", "--graph", shop.file]):
            assert f"is in use by an engine of process {holder.pid}" in shop(*arguments, code=2)
        assert shop.json("runs") == []


@pytest.mark.parametrize("command", ["start", "cancel", "rerun", "mark", "pause", "resume", "backfill", "run"])
def test_help_says_that_no_engine_may_be_open(shop: Shop, command: str) -> None:
    assert "No engine may be open on it" in " ".join(re.sub(r"[│\n]", " ", shop(command, "--help")).split())


def test_a_store_that_is_none_or_that_is_not_there_is_refused(shop: Shop, tmp_path: Path) -> None:
    with rd.Ledger(f"sqlite:///{tmp_path / 'seen.db'}"):
        pass
    for other in ("seen.db", "nothing.db"):
        shop.store = str(tmp_path / other)
        assert "store" in shop("start", "ingest", code=2)
    assert not (tmp_path / "nothing.db").exists()
