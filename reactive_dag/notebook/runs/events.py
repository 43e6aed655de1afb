"""One event, and what a publish gave, in words: what happened, of what, when, and what else it carries. O(fields)."""

from __future__ import annotations

from reactive_dag.engine.facts.receipts import Receipt
from reactive_dag.model.event import Event
from reactive_dag.model.text import one_line, seen
from reactive_dag.notebook.kit.markup import Content, Markup, tag
from reactive_dag.notebook.kit.states import state_shown
from reactive_dag.notebook.kit.theme import picture
from reactive_dag.notebook.kit.times import Zone
from reactive_dag.notebook.runs.run_lists import short_key

OF_TIME = frozenset({"tick", "absent", "missed"})


def headline(event: Event, tz: Zone) -> str:
    """What happened, in one line without when it was recorded. O(1)."""
    if event.kind == "completed":
        return f"completed {event.dag}{f'.{event.task}' if event.task else ''} {event.state}"
    if event.kind in OF_TIME:
        due = "" if event.time is None else f" {tz.text(event.time)}"
        return f"{event.kind}{due}"
    if event.kind == "start":
        return f"started by {event.task or 'hand'}"
    return f"{event.kind} {event.dataset}" if event.dataset else event.kind


def details(event: Event, tz: Zone) -> list[tuple[str, str]]:
    """What else it has, by name. O(fields)."""
    given = [
        ("partition", event.partition or ""),
        ("for", "" if event.kind == "tick" else tz.date(event.logical_date)),
        ("key", event.key or ""),
        ("run", short_key(event.run)),
        ("happened", "" if event.kind in OF_TIME else tz.text(event.time)),
        ("recorded", tz.text(event.at)),
        ("source", event.source or ""),
        ("extra", "" if event.extra is None else seen(event.extra)),
    ]
    return [(name, text) for name, text in given if text]


def line(event: Event, tz: Zone) -> str:
    """All of it in one line. O(fields)."""
    rest = [f"{name} {text}" for name, text in details(event, tz)]
    return one_line(", ".join([headline(event, tz), *rest]))


def name_list(names: list[tuple[str, str]]) -> Markup:
    """Names with their texts, below each other. O(length)."""
    entries = [(tag("dt", name), tag("dd", one_line(text), title=getattr(text, "whole", None))) for name, text in names]
    return tag("dl", entries)


def event_text(event: object) -> str:
    """An event as a line of text."""
    assert isinstance(event, Event)
    return f"{line(event, Zone())} (UTC)"


def receipt_text(receipt: object) -> str:
    """What a publish gave, as a line of text."""
    assert isinstance(receipt, Receipt)
    return f"{'duplicate, recorded before: ' if receipt.duplicate else ''}{event_text(receipt.event)}"


def draw_event(event: object) -> str:
    """An event: what happened, and below it what it has."""
    assert isinstance(event, Event)
    return picture(_event(event, None), label=headline(event, Zone()))


def draw_receipt(receipt: object) -> str:
    """What a publish gave: the event, and whether its key was there already."""
    assert isinstance(receipt, Receipt)
    word = (
        state_shown("skipped", "duplicate: recorded before") if receipt.duplicate else state_shown("there", "recorded")
    )
    return picture(_event(receipt.event, word), label=headline(receipt.event, Zone()))


def _event(event: Event, remark: Markup | None) -> Content:
    tz = Zone()
    title = tag("span", one_line(headline(event, tz)), class_="rd-title")
    beside = [tag("span", " · ", class_="rd-quiet"), remark] if remark else None
    return [tag("div", title, beside, tag("span", f" · {tz.note}", class_="rd-quiet")), name_list(details(event, tz))]
