"""A graph with its tests: scenarios, played in virtual time and compared with tables and marbles.

- `ingest` loads each hour, `daily` runs when six hours are there and somebody opened the gate, `report` follows what
  `daily` publishes.
- The tests are below the graph, as a file of tests would have them: `python -m pytest examples/scenario.py`.

`python examples/scenario.py` runs the tests, and shows what a failed expectation says.
"""

from __future__ import annotations

import reactive_dag as rd
from reactive_dag.testing import Scenario

graph = rd.Graph("scenario")
raw = graph.dataset("lake/raw", partitions=rd.hour("UTC"))
gate = graph.dataset("lake/gate")
mart = graph.dataset("lake/mart")


@graph.dag(schedule="0 * * * *", outlets=[raw], retries=2, retry_delay="5m")
def ingest(run: rd.Run) -> None:
    """What this does costs money: no test executes it."""
    raise SystemExit("a test must not come here")


@graph.dag(outlets=[gate])
def approve(run: rd.Run) -> None:
    """Started by hand: it opens the gate."""


@graph.dag(on=raw.batch(count=6) & gate, outlets=[mart])
def daily(run: rd.Run) -> None:
    """Six hours and a gate."""
    raise SystemExit("a test must not come here")


@graph.dag(on=mart)
def report(run: rd.Run) -> str:
    """Cheap: its test executes it."""
    return f"{len(run.events)} new"


@graph.dag(on=rd.completed(ingest, states="failed") | rd.absent(raw, for_="3h"))
def alarm(run: rd.Run) -> None:
    """Somebody must know."""


night = Scenario(graph, start="2026-11-23T00:30Z", frame="1h")
morning = night.at("06:40").start(approve)


def test_a_gate_and_six_hours_make_a_day() -> None:
    """Marbles show who follows whom."""
    morning.until("08:00").expect("""
        raw     oooooooo
        gate    ------o-
        ingest  oooooooo
        approve ------o-
        daily   ------o-
        report  ------o-
    """)


def test_a_load_is_tried_twice_again_before_somebody_hears_of_it() -> None:
    """A table says more, of one run each row."""
    broken = night.at("02:00").fails(ingest).until("03:50")
    broken.expect("""
        dag     at     attempts  state
        ingest  01:00  1         success
        ingest  02:00  3         failed
        alarm   02:10  1         success
        ingest  03:00  3         failed
        alarm   03:10  1         success
    """)


def test_the_report_says_how_much_is_new() -> None:
    """Plain data, and a plain assert."""
    played = morning.executes(report).play()
    assert [run.tasks["report"].output for run in played.runs(report)] == ["1 new"]


def test_silence_is_heard() -> None:
    """Nothing is loaded from three to eight."""
    quiet = night.at("03:30").pause(ingest).at("08:00").resume(ingest)
    assert [run.events[0].kind for run in quiet.play().runs(alarm)] == ["absent"]


def main() -> list[str]:
    """Run the tests; then what a failed expectation says."""
    tests = [test for name, test in globals().items() if name.startswith("test_")]
    for test in tests:
        test()
    try:
        morning.until("06:50").expect("daily -----o", dags=[daily])
    except AssertionError as difference:
        return [f"{len(tests)} tests passed", *str(difference).splitlines()]
    return []


if __name__ == "__main__":
    for line in main():
        print(line)
