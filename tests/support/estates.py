"""A small estate, and the entries to write more of them."""

from __future__ import annotations

from typing import Any


def dag(id: str, schedule: str = "0 2 * * *", **more: Any) -> dict[str, Any]:
    return {"id": id, "schedule": schedule, **more}


def task(dag: str, id: str, *consumes: str, **more: Any) -> dict[str, Any]:
    return {"dag": dag, "id": id, "produces": [f"lake.{id}"], "consumes": list(consumes), **more}


def wait(consumer: str, external: str, seconds: int = 0) -> dict[str, Any]:
    own, theirs = consumer.split("."), external.split(".")
    return {"dag": own[0], "task": own[1], "external_dag": theirs[0], "external_task": theirs[1],
            "execution_delta_s": seconds}  # fmt: skip


def small() -> dict[str, Any]:
    """Every kind of entry, each field given."""
    details: dict[str, Any] = {
        "start_date": "2026-01-01",
        "retries": 2,
        "retry_delay_s": 300,
        "catchup": False,
        "tags": ["tier1"],
    }
    habits: dict[str, Any] = {"depends_on_past": False, "partition_offset_days": 0}
    return {
        "source": {"repository": "example/etl"},
        "dags": [dag("ingest", **details), dag("mart", "30 2 * * *", **details)],
        "tasks": [
            task("ingest", "orders", "shop.orders", **habits),
            task("ingest", "clean", "lake.orders", **habits),
            task("mart", "sales", "lake.clean", "shop.users", **habits),
        ],
        "waits": [wait("mart.sales", "ingest.orders", 86_400 + 1_800)],
        "external_datasets": ["shop.orders", "shop.users"],
    }
