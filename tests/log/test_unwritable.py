"""One record that cannot be encoded stops no engine: what no edge refused is written as its text."""

from __future__ import annotations

import pytest

from reactive_dag.log.history import RunRow, TaskRow
from reactive_dag.log.sqlite.store import SQLiteLog
from reactive_dag.model.records import Published, TaskFinished
from tests.support.hostile import Quiet, nested

BAD = ["a\ud800", Quiet("a"), 2**70, object(), {"x": [object()]}, nested(5_000)]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: type(bad).__name__)
def test_a_record_that_cannot_be_encoded_is_written_as_its_text(bad, tmp_path):
    with SQLiteLog(tmp_path / "s.db") as log:
        with log.lock:
            log.push(Published(1, "good", 0, extra=[1]))
            log.push(Published(1, "bad", 0, extra={"inside": bad}))
            log.push(TaskFinished(1, 0, "t", "failed", error=bad if isinstance(bad, str) else None, output=bad))
            log.note_run(RunRow(1, "d", "failed", "k", error="x", tasks=(TaskRow("t", "failed", output=bad),)))
        assert log.commit() == 3 and "cannot be written" in log.reports[-1]
        with log.lock:
            log.push(Published(2, "good", 1))
        assert log.commit() == 4
    with SQLiteLog(tmp_path / "s.db") as log:
        kept = log.read(0, 4)
        assert kept[0] == Published(1, "good", 0, extra=[1]) and kept[3] == Published(2, "good", 1)
        assert kept[1].dataset == "bad" and kept[2].task == "t" and log.run(1).key == "k"
        if isinstance(bad, str):
            assert kept[1].extra == {"inside": "a\\ud800" if bad != "a" else "a"}


@pytest.mark.parametrize("name", ["k\ud800", Quiet("k")])
def test_a_key_or_a_dataset_that_cannot_be_written_stops_no_commit(name, tmp_path):
    with SQLiteLog(tmp_path / "s.db") as log:
        with log.lock:
            log.note_key("scope", name, log.push(Published(1, name, 0)))
        assert log.commit() == 1
        assert log.find("scope", "k") == (0 if name == "k" else None)
    with SQLiteLog(tmp_path / "s.db") as log:
        assert log.find("scope", "k\\ud800" if name != "k" else "k") == 0
