"""Tests of one's own graphs: a scenario says what happens to a graph, is played in virtual time, and compared.

Scenario(graph, start="2026-11-23T00:00Z").at("01:00").publish(orders).expect("orders -o\nmart -o")
"""

from reactive_dag.testing.played import Played, pytest_assertrepr_compare
from reactive_dag.testing.scenario import Moment, Scenario

__all__ = ["Moment", "Played", "Scenario", "pytest_assertrepr_compare"]
