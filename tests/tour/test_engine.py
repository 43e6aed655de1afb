"""The tour's section 3: what an engine is opened with."""

from __future__ import annotations

import pytest

import reactive_dag as rd


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"graph": "sales"}, "an engine runs a graph, not 'sales'"),
        ({"runner": "threads"}, "runner='threads' is no runner"),
        ({"runner": 8}, "runner=8 is no runner"),
        ({"clock": "2026-11-23T00:00Z"}, "is no clock; give rd.VirtualClock"),
    ],
)
def test_wrong_arguments_are_refused_before_a_store_is_made(options, problem, tmp_path):
    path = tmp_path / "sales.db"
    with pytest.raises(rd.InvalidValue, match=problem):
        rd.Engine(**{"graph": rd.Graph("sales"), "store": path, **options})
    assert not path.exists()
