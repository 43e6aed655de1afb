"""The live view without its page: it hears an engine's records and what pages say, and shows frames as plain data.

Owns `LiveTalk`. Each record only changes a state; ten times a second at most that is shown (frames.py), so a view never
falls behind. Invariants: the engine is held by nobody here; while no page looks nothing is heard; what a page asked to
publish or start is done in its order, and what came of it is told. O(1) a record, O(DAGs that ran) a frame.
"""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

from reactive_dag.declare.analysis.zones import zone_of
from reactive_dag.declare.internals import version_of
from reactive_dag.model.errors import EngineClosed, InvalidValue
from reactive_dag.model.times import from_datetime
from reactive_dag.notebook.graphs.layout import layout
from reactive_dag.notebook.widgets.frames import Frames
from reactive_dag.notebook.widgets.live_state import LiveState

if TYPE_CHECKING:
    from reactive_dag.engine.engine import Engine
    from reactive_dag.engine.inspect.pending import Pending
    from reactive_dag.engine.inspect.queries import Entry

LivePart: TypeAlias = Literal["base", "frame"]
SHOWN_NOTICES, SHOWN_PENDING = 4, 12
COSTS_AT_MOST = 20
"""What triggers hold is looked at again after so many times what looking took, so it costs a twentieth at most."""


class LiveTalk:
    """What the view of one engine says to its pages."""

    def __init__(self, engine: Engine, show: Callable[[LivePart, dict[str, object]], None]) -> None:
        self._engine = weakref.ref(engine)
        self._show = show
        self._lock = Lock()
        self._state = LiveState(0)
        self._subscription: Any = None
        self._pages: set[str] = set()
        self._notices: deque[dict[str, object]] = deque(maxlen=SHOWN_NOTICES)
        self._pending: list[list[str]] = []
        self._undecided = 0
        self._look_again = 0.0
        self._version: object = None
        self._number, self._shown_at, self._settled = 0, -1, False
        self._is_over = self._closed = False
        self._frames = Frames(self._draw, "reactive_dag view")
        self._doing = ThreadPoolExecutor(1, "reactive_dag view")
        self._look()

    # ------------------------------------------------------------------------------------- what pages say

    def hear(self, message: object) -> None:
        """Do what a page says; what came of it stands in a frame. O(1).

        A message has `do`: "look" and "leave" with the `page`; "publish" and "start" with what those take, as text.
        """
        if not isinstance(message, Mapping):
            return
        do, page = message.get("do"), str(message.get("page") or "")
        if do == "look":
            self._pages.add(page)
            self._look()
        elif do == "leave":
            self._pages.discard(page)
            if not self._pages:
                self._stop()
        elif not self._closed:
            self._doing.submit(self._done, dict(message))

    def _done(self, message: dict[str, object]) -> None:
        """Do it, and tell what came of it."""
        try:
            engine = self._engine()
            if engine is None:
                raise EngineClosed("the engine of this view is gone")
            text = _act(engine, message)
            error = False
        except Exception as found:  # nobody else would hear of it
            text, error = f"{type(found).__name__}: {found}", True
        self._notices.appendleft({"text": text, "error": error, "number": message.get("number")})
        self._frames.change()

    def close(self) -> None:
        """Hear and show nothing more. O(1)."""
        self._closed = True
        self._stop()
        self._frames.close()
        self._doing.shutdown(wait=False)

    def wait(self) -> None:
        """Wait until what was asked for is done, and the newest is shown."""
        self._doing.submit(int).result(60)
        assert self._frames.wait(), "the view still draws"

    # ------------------------------------------------------------------------------------- what the engine says

    def _look(self) -> None:
        """Hear the records from now on, and what was before."""
        engine = self._engine()
        with self._lock:
            if self._closed or self._is_over or self._subscription is not None or engine is None:
                self._frames.change()
                return
            state = LiveState(engine._parts.log.committed)
            self._state, self._settled = state, False
            self._subscription = engine.records.subscribe(self._heard, on_completed=self._over)
        for id in engine.graph.dags:
            for run in engine.runs(id, state=("success", "failed", "cancelled", "skipped"), limit=1):
                if run.ended is not None:
                    state.set_last(id, run.state, from_datetime(run.ended))
        self._version = None
        self._frames.change()

    def _stop(self) -> None:
        with self._lock:
            subscription, self._subscription = self._subscription, None
        if subscription is not None:
            subscription.dispose()

    def _heard(self, entry: Entry) -> None:
        with self._lock:
            self._state.hear(entry.offset, entry.record)
        self._settled = False
        self._frames.change()

    def _over(self) -> None:
        self._is_over = True
        self._frames.change()

    # ------------------------------------------------------------------------------------- frames

    def _draw(self) -> None:
        engine = self._engine()
        over = self._is_over or engine is None or engine._parts.closed
        if engine is not None and not over:
            try:
                self._refresh(engine)
            except EngineClosed:
                over = True
        with self._lock:
            state = self._state
            frame: dict[str, object] = {
                "records": state.heard, "dags": state.dags(), "datasets": state.datasets(), "last": state.last(),
                "undecided": self._undecided,
            }  # fmt: skip
        self._number += 1
        self._show("frame", {
            "number": self._number, "over": over, **frame, "pending": self._pending, "notices": list(self._notices),
        })  # fmt: skip

    def _refresh(self, engine: Engine) -> None:
        """What records do not tell: the graph where it changed, once calm which runs live, what triggers hold."""
        state = self._state
        version = version_of(engine.graph)
        if version != self._version:
            self._version = version
            self._show("base", _base(engine))
        calm = state.heard == self._shown_at
        self._shown_at = state.heard
        began = perf_counter()
        if calm and not self._settled:
            self._settled = True
            with self._lock:
                state.set_live(engine.runs(state=("queued", "running")))
        if began >= self._look_again or calm:
            pending = [engine.pending(id) for id in list(engine.graph.dags)]
            self._undecided = max((each.undecided for each in pending), default=0)
            self._pending = [found for each in pending if (found := _held(each))][:SHOWN_PENDING]
            self._look_again = perf_counter() + COSTS_AT_MOST * (perf_counter() - began)
        if not calm or not self._settled:
            self._frames.change()  # once more, when it is calm


def _base(engine: Engine) -> dict[str, object]:
    graph = engine.graph
    return {
        "graph": graph.id, "zone": zone_of(graph), "dags": list(graph.dags), "datasets": list(graph.datasets),
        "read_only": engine._parts.read_only, "layout": layout(graph, groups=False).to_json(),
    }  # fmt: skip


def _held(pending: Pending) -> list[str]:
    """What a DAG waits for, in lines, its id first; nothing where its triggers hold nothing."""
    lines = [f"{part.text}: {part.pending} pending" for part in pending.parts if part.pending]
    lines += [str(each) for each in (*pending.gathering, *pending.waits)]
    lines += [f"{pending.held} held by the pause"] if pending.held else []
    return [pending.dag, *lines] if lines else []


def _act(engine: Engine, message: dict[str, object]) -> str:
    """Publish, or start a run; what was done. Raises as the engine does, InvalidValue for what is no JSON."""
    do, what = message.get("do"), str(message.get("what") or "")
    partition, data = str(message.get("partition") or "") or None, _json(message.get("data"))
    if do == "publish":
        receipt = engine.publish(what, partition=partition, extra=data)
        return f"published {what}{f' {partition}' if partition else ''}" + (" (was there)" if receipt.duplicate else "")
    if do == "start":
        date = str(message.get("date") or "") or None
        run = engine.start(what, params=data, partition=partition, logical_date=date)
        return f"started {what}: run {run.key[:8]}"
    raise InvalidValue(f"the view cannot do {do!r}")


def _json(text: object) -> object:
    if not isinstance(text, str) or not text.strip():
        return None
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise InvalidValue(f'{text!r} is no JSON ({error}); write such as {{"rows": 10}}') from None
