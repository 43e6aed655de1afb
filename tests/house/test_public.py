"""The public surface: its names are pinned, documented, and in the tour, but for a list with reasons."""

from __future__ import annotations

import inspect
import pydoc
import re
from functools import cached_property

import pytest

import reactive_dag as rd
import reactive_dag.operators as rops
from tests.house.surface import shown, things
from tests.support.places import ROOT

PINNED = {
    "reactive_dag": """
        Calendar CycleError Dag Dataset DuplicateError Engine EngineClosed EngineReplaced Event FailTask Graph
        GraphError InlineRunner InvalidValue Ledger NotAStore NotIdle OutputGone Overflow Partitions Pool
        Problem ProcessRunner ReactiveDagError RetryTask Run Simulation SkipTask StoreDamaged StoreError
        StoreInUse StoreTooNew Task TaskError ThreadRunner Trigger UndatedOutlet UndeclaredOutlet UnknownId
        UsageError VirtualClock absent aiter all_of any_of at at_least capacity completed cron daily day delay
        duration empirical every explore exponential fail fails_once files hour item lognormal marbles missed month
        operators output parquet sequence shared simulate spread_durations takes triangular uniform updated values week
        weekly weibull workers""",
    "operators": "absent all_of at_least batch by debounce exactly_once rollup sequence throttle",
    "Graph": """
        bind bulk check consumers dag dags dataset datasets downstream draw edges effective from_json height id impact
        include joins levels load order origins partitions pool pools problems producers ready register remove save
        to_json to_networkx upstream""",
    "Dag": """
        add catchup deadline defaults description draw end fn graph id max_active_runs max_catchup outlets overlap
        params paused place produces start tags task tasks timeout to_json triggers tz wait_for wait_until
        waits""",
    "Task": """
        after backoff branch dag depends_on_past fn id jitter kind map_over max_delay needs outlets place pool
        priority retries retry_delay retry_on save slots teardown timeout to_json trigger_rule until wait""",
    "Dataset": "batch by debounce id map metadata partitions rollup throttle to_json uri where within",
    "By": "batch by debounce digest from_json map parts rollup throttle to_json where within",
    "Problem": "ids kind place severity text to_json",
    "Event": "at dag dataset extra key kind logical_date partition run source state task time to_json",
    "Receipt": "duplicate event to_json",
    "Engine": """
        advance apublish backfill backfills background cancel close completions events firings get graph idle mark
        once outputs partitions pause pending publish publish_many ready records records_from rerun resume retry_faults
        run run_until_idle runs set start updates view why""",
    "Run": """
        cancelled correction dag data_interval deadline dimensions done ended error events get key label local_date log
        logical_date missing once params partition partitions payload previous publish replaced_by requested results
        round set start started state tasks to_json unchanged wait""",
    "RunContext": """
        attempt cancelled correction dag data_interval deadline dimensions done ended error events get group key label
        local_date log logical_date missing once params partition partitions payload previous publish replaced_by
        requested results round set start started state task tasks to_json unchanged wait""",
    "Attempt": "ended error log number round started state to_json",
    "Backfill": "dag dates done left number partitions progress reason runs skipped state to_json wait",
    "Why": "causes error event missing run text to_json",
    "Simulation": """
        compare critical_path deadlines futures futures_so_far graph interventions method name parent pending problems
        records run runs slack stranded timeline to_json usage what_if why""",
    "WhatIfPanel": "close code scenarios simulation",
    "Timeline": "assumed rows to_json to_pandas",
    "CriticalPath": "assumed rows run steps to_json to_pandas waited",
    "Comparison": "assumed base name rows same_graph to_json to_pandas unchanged",
    "Scenario": """
        at bodies each executes expect fails frame graph letters marbles play returns start succeeds takes tz until
        workers""",
    "Moment": """
        backfill cancel do executes fails mark pause publish rerun restart resume returns set start succeeds takes""",
    "Played": "engine events expect marbles pending runs states table to_json why",
    "OutputFile": "attempt path round run size to_json unused",
}
"""What completion offers, by the kind of object."""

LEFT = {
    "reactive_dag": "",
    "operators": "reset with_latest",
    "Dataset": "as_trigger reset with_latest",
    "By": """
        anchored as_trigger asks by_kind came cell drawn_as drives emits gathers hears holds_for holds_one joins
        keeps_key keys kind max_keys needs needs_dated_key of part partitions passes payload_is_list rebuilt reset
        source takes ttl undated with_latest with_parts_anchored""",
    "Event": "cascade",
    "Receipt": "offset",
    "Simulation": "answer effects label outcome parts question runs_of trace",
    "Timeline": "cells columns notes right shown title zone",
    "CriticalPath": "cells columns notes right shown title zone",
    "Comparison": "cells columns counts notes right shown title zone",
}
"""What is shown besides, and shall go or be pinned."""

ELSEWHERE = {"spread_durations": "how the command line gives a graph durations; to go or to be named"}
"""Public names that the tour does not name, and why they are public."""

PAGE = (ROOT / "docs" / "tour.md").read_text("utf-8")
TOUR = set(re.findall(r"\w+", " ".join(re.findall(r"```.*?```|`[^`]+`", PAGE, re.DOTALL))))
OBJECTS = {"reactive_dag": rd, "operators": rops, **{name: things()[name] for name in PINNED if name in things()}}


@pytest.mark.parametrize("kind", PINNED)
def test_public_names_are_pinned(kind: str) -> None:
    found = set(rops.__all__ if kind == "operators" else shown(OBJECTS[kind]))
    assert set(PINNED[kind].split()) <= found
    assert found - set(PINNED[kind].split()) <= set(LEFT.get(kind, "").split())


@pytest.mark.parametrize("kind", PINNED)
def test_public_names_have_a_docstring(kind: str) -> None:
    assert not [name for name in PINNED[kind].split() if not documented(OBJECTS[kind], name)]


def documented(thing: object, name: str) -> bool:
    """Whether a function, class or property has a docstring; a field is documented in the tour's tables."""
    found = getattr(thing if thing in (rd, rops) else type(thing), name, None)
    is_field = not (callable(found) or isinstance(found, property | cached_property))
    return is_field or bool(inspect.getdoc(found))


@pytest.mark.parametrize("kind", PINNED)
def test_public_names_are_in_the_tour(kind: str) -> None:
    assert not [name for name in PINNED[kind].split() if name not in TOUR and name not in ELSEWHERE]


def test_help_of_simulate_shows_the_function() -> None:
    assert "simulate(graph" in pydoc.render_doc(rd.simulate, renderer=pydoc.plaintext)
