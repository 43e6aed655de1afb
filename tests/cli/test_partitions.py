"""The partitions of a dataset from the command line."""

from __future__ import annotations

from tests.cli.conftest import Shop


def test_partitions_of_a_dataset_are_listed_with_the_run_that_made_each(shop: Shop) -> None:
    shop("start", "ingest", "--date", "2026-11-02", "--graph", shop.file)
    shop("start", "ingest", "--date", "2026-11-04", "--graph", shop.file)
    span = ("--start", "2026-11-02", "--end", "2026-11-04")
    told = shop("partitions", "orders", *span, code=1)
    assert "2026-11-03" in told and "orders: 2 there, 1 missing" in told
    first, second, third = shop.json("partitions", "orders", *span, code=1)
    assert [row["state"] for row in (first, second, third)] == ["there", "missing", "there"]
    assert first["run"] in {row["key"] for row in shop.json("runs")} and second["run"] is None
    assert shop.json("partitions", "orders", "--start", "2026-11-02", "--end", "2026-11-02") == [first]


def test_partitions_that_are_none_are_refused(shop: Shop) -> None:
    assert "did you mean 'orders'" in shop("partitions", "order", code=2)
    assert "end" in shop("partitions", "orders", "--start", "2026-11-04", "--end", "x", code=2)


def test_a_backfill_of_what_is_missing_needs_no_dates(shop: Shop) -> None:
    shop("start", "ingest", "--date", "2026-11-02", "--graph", shop.file)
    shop("start", "ingest", "--date", "2026-11-04", "--graph", shop.file)
    missing = [row["partition"] for row in shop.json("partitions", "orders", code=1) if row["state"] == "missing"]
    assert missing[0] == "2026-11-03" and len(missing) > 1
    found = shop.json("backfill", "ingest", "--missing", "--graph", shop.file)
    assert found["state"] == "success" and found["progress"]["success"] == len(missing)
    assert {row["state"] for row in shop.json("partitions", "orders")} == {"there"}
    assert shop.json("backfill", "ingest", "--missing", "--graph", shop.file)["progress"]["dates"] == 0
    assert "give start and end" in shop("backfill", "ingest", code=2)
