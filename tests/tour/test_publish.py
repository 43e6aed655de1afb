"""The tour's section 3: many events in one commit, all or none."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from tests.support.engines import live

DAY = {"partition": "2026-11-23"}


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize(
    ("events", "problem"),
    [
        (["s3://a"], "takes pairs"),
        ([("s3://a", DAY), 3], "takes pairs .dataset, fields., not 3"),
        ([("s3://a", DAY), ("s3://a", {"partiton": "2026-11-23"})], "unknown argument 'partiton'"),
        ([("s3://a", DAY), ("s3://a", {"partition": "2026-13-01"})], "there is no such day"),
    ],
)
def test_one_wrong_event_and_none_is_recorded(events, problem, durable, tmp_path):
    graph = rd.Graph("publishes")
    graph.dataset("s3://a", partitions=rd.day())
    with live(graph, tmp_path / "p.db" if durable else None) as engine:
        with pytest.raises(rd.InvalidValue, match=problem):
            engine.publish_many(events)
        assert engine.events("s3://a") == []
