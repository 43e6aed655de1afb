"""What is expected of a scenario (R31): tables, marbles, how a difference is shown, and what could never be right."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import reactive_dag as rd
from reactive_dag.testing import Scenario, pytest_assertrepr_compare
from tests.support.places import ROOT
from tests.testing.test_scenario import START, both, one, shop

TABLE = """
    dag    at     partition   state
    build  01:30  2026-11-23  success
"""


def refusal(expect):
    """The text of a failed expectation."""
    with pytest.raises(AssertionError) as failed:
        expect()
    return str(failed.value).splitlines()


# ------------------------------------------------------------------------------------------------ tables


def test_R31_a_table_has_the_columns_it_names_and_all_runs():
    both().expect(TABLE)
    both().expect("dag state\nbuild success")
    assert refusal(lambda: both().fails("load").expect("dag\nbuild"))[2:] [:4] == [
        "  expected    played", "  dag         dag", "  build       build", "+             alarm",
    ]  # fmt: skip


def test_R31_dags_says_what_a_table_is_about():
    both().fails("load").expect("dag state\nbuild failed", dags=["build"])
    both().expect("dag state", dags=["alarm"])


def test_R31_the_order_of_rows_means_nothing_and_each_counts_once():
    scenario = both().at("02:00").publish("lake/orders", partition="2026-11-24")
    scenario = scenario.at("03:00").publish("lake/users", partition="2026-11-24")
    scenario.expect("dag partition\nbuild 2026-11-24\nbuild 2026-11-23")
    lines = refusal(lambda: scenario.expect("dag\nbuild\nbuild\nbuild"))
    assert "- build" in lines and "build did not run again" in "\n".join(lines)


def test_R31_cells_are_compared_as_values():
    both(tz="Europe/Berlin").takes("load", "90m").expect("""
        | dag   | at                   | date             | took  | ended  | label | events |
        |-------|----------------------|------------------|-------|--------|-------|--------|
        | build | 2026-11-23T01:30     | 2026-11-23T01:00 | 1h30m | 2h     | -     | 2      |
    """)


def test_R31_a_table_with_tasks_has_a_row_for_each():
    both().expect("""
        dag    task     attempts  state
        build  extract  1         success
        build  load     1         success
    """)


def test_R31_a_part_of_an_error_is_enough():
    both().fails("load", error="the disk is full").expect("dag state error\nbuild failed disk is full\nalarm success -")


def test_R31_a_difference_shows_both_and_why_what_is_missing_did_not_happen():
    scenario = Scenario(shop(), START).at("01:00").publish("lake/orders", partition="2026-11-23")
    lines = refusal(lambda: scenario.expect(TABLE))
    assert lines[:5] == [
        "what happened is not what was expected", "", "  expected                             played",
        "  dag    at     partition   state      dag  at  partition  state",
        "- build  01:30  2026-11-23  success",
    ]  # fmt: skip
    assert "  missing: rd.updated('lake/users')" in lines
    assert "  rd.updated('lake/orders'): 1 delivered, 0 consumed, 1 pending" in lines


def test_R31_a_difference_shows_why_a_run_is_not_as_expected():
    lines = refusal(lambda: both().fails("load").expect(TABLE + "alarm 01:40 2026-11-23 success"))
    assert lines[4:6] == [
        "! build  01:30  2026-11-23  success    build  01:30  2026-11-23  failed",
        "  alarm  01:40  2026-11-23  success    alarm  01:40  2026-11-23  success",
    ]
    assert "  load: RuntimeError: fails, as the scenario says" in lines


def test_R31_a_date_that_is_missing_is_explained_for_that_date():
    scenario = Scenario(one(schedule="0 1 * * *"), START).until("02:00")
    lines = refusal(lambda: scenario.expect("dag date\njob 01:00\njob 2026-11-24T01:00"))
    assert any(line.endswith("for 2026-11-24T01:00:00Z") for line in lines)


# ------------------------------------------------------------------------------------------------ marbles


def test_R31_marbles_say_what_happens_and_what_follows():
    scenario = Scenario(shop(), START).letters(a="2026-11-23", b="2026-11-24")
    scenario.marbles("""
        orders  a-b---
        users   --(ab)-
    """).expect("""
        orders  a-b
        users   --(ba)
        build   --(ab)|
        mart    --(ab)
    """)


def test_R31_other_letters_are_the_partition_of_that_name_and_o_is_none():
    graph = rd.Graph("plain")
    a, b = graph.dataset("a"), graph.dataset("b")
    graph.dag("both", on=(a & b).by("partition")).add(lambda: None, id="task")
    graph.dag("any", on=a).add(lambda: None, id="other")
    Scenario(graph, START).marbles("a xyo\nb --xo".replace("x", "1")).expect("""
        any   1yo
        both  --1
    """)


def test_R31_the_start_of_a_dag_is_a_marble_and_how_a_run_ended():
    scenario = Scenario(one(), START, frame="10m").marbles("job o-o-o").takes("task", "5m")
    scenario = scenario.at("00:20").fails("task").at("00:40").succeeds("task").at("00:42").cancel("job")
    assert scenario.expect("job o-#-x").marbles() == "job  o-#-x"


def test_R31_marbles_are_drawn_in_columns():
    scenario = Scenario(shop(), START).letters(a="2026-11-23", b="2026-11-24").marbles("orders a(ab)-\nusers  --a")
    assert scenario.until("03:00").play().marbles() == "\n".join([
        "orders  a(ab)--",
        "users   --   a-",
        "mart    --   a-",
        "build   --   a-",
    ])  # fmt: skip


def test_R31_a_difference_of_marbles_shows_both_lines():
    scenario = (
        Scenario(shop(), START).letters(a="2026-11-23", b="2026-11-24").marbles("orders ab\nusers  --a").fails("load")
    )
    lines = refusal(lambda: scenario.expect("orders ab-\nbuild  --ab"))
    assert lines[2:8] == [
        "  orders  expected  ab--", "          played    ab--", "! build   expected  --ab", "          played    --#-",
        "! alarm   expected  ----", "          played    --a-",
    ]  # fmt: skip
    assert "  missing: rd.updated('lake/users')" in lines


# ------------------------------------------------------------------------------------------------ plain data, pytest


def test_R31_what_was_played_is_plain_data():
    played = both().play()
    assert played.states("build") == ["success"] and [run.dag for run in played.runs()] == ["build"]
    assert played.table() == str(played) == "dag    at     partition   state\nbuild  01:30  2026-11-23  success"
    assert played.table("dag", "took", dags=["alarm"]) == "dag  took"
    assert played.to_json()[0]["partition"] == "2026-11-23" and played.pending("build").dag == "build"
    assert played.why(played.runs("build")[0]).causes and played == TABLE and played != "dag\nalarm" and played != 1


def test_R31_pytest_shows_what_differs():
    played = both().play()
    assert pytest_assertrepr_compare("==", played, "dag\nalarm")[2:5] == [
        "  expected    played",
        "  dag         dag",
        "- alarm",
    ]
    for op, left, right in (("!=", played, "dag"), ("==", played, TABLE), ("==", 1, 2)):
        assert pytest_assertrepr_compare(op, left, right) is None


def test_R31_pytest_uses_it_where_a_conftest_imports_it(tmp_path):
    (tmp_path / "conftest.py").write_text("from reactive_dag.testing import pytest_assertrepr_compare")
    (tmp_path / "test_it.py").write_text(
        "import reactive_dag as rd\n"
        "from reactive_dag.testing import Scenario\n"
        "graph = rd.Graph('g')\n"
        "graph.dag('job').add(lambda: None, id='task')\n"
        "def test_it():\n"
        "    played = Scenario(graph, '2026-11-23T00:00Z').at('1h').start('job').play()\n"
        "    assert played == 'dag at state; job 02:00 success'.replace('; ', chr(10))\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:nbmake", str(tmp_path)]
    said = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert said.returncode == 1 and "! job  02:00  success    job  01:00  success" in said.stdout, said.stdout


# ------------------------------------------------------------------------------------------------ refused


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dag stat\nbuild success", "no column 'stat'; did you mean 'state'"),
        ("dag dag\n", "each column once"),
        ("state\nsuccess", "a table has a column 'dag'"),
        ("dag at state\nbuild success", "has 2 cells, and there are 3 columns"),
        ("dag at\nbuild soon", "column 'at': 'soon' is no moment"),
        ("dag state\nbuild sucess", "did you mean 'success'"),
        ("dag\nbiuld", "there is no DAG 'biuld'; did you mean 'build'"),
        ("order -o", "did you mean 'orders'"),
        ("orders (o", "parentheses do not match"),
        ("orders -)", "parentheses do not match"),
        ("orders -?", "write '-', letters, digits"),
        ("orders", "has a name and no marbles"),
        ("orders o\norders o", "two marble lines"),
        (7, "as text"),
    ],
)
def test_R31_an_expectation_that_could_never_be_right_is_refused(text, said):
    with pytest.raises(rd.ReactiveDagError, match=said):
        both().expect(text)


def test_R31_letters_and_marbles_that_nobody_publishes_are_refused():
    for make in (
        lambda: both().letters(ab="x"), lambda: both().letters(o="x"), lambda: both().letters(a=3),
        lambda: both().marbles("orders -#"), lambda: both().marbles("oders -a"),
        lambda: both().expect("dag", dags=["x"]),
    ):  # fmt: skip
        with pytest.raises(rd.ReactiveDagError):
            make()


def test_R31_a_table_may_have_no_blanks_around_its_bars():
    graph = rd.Graph("bars")
    graph.dag("load", on=graph.dataset("a")).add(lambda: None, id="task")
    Scenario(graph, "2026-11-23T00:00Z").at("01:00").publish("a").expect("dag|at|state\nload|01:00|success")
