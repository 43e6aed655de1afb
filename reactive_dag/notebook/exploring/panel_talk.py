"""The what-if panel without its page: it hears messages, and shows answers as plain data.

Owns `PanelTalk`. A page sends its next message when the one before is answered, so at most one is on its way; what an
answer costs is paid on a thread (latest.py). Invariants: each answer is that of the newest state when it was begun, and
names the last message that it has heard of each page; landing times stop where something newer waits. O(1) to hear.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Literal, TypeAlias

from attrs import frozen

from reactive_dag.model.errors import InvalidValue
from reactive_dag.notebook.exploring.controls import dragged_of, picked_of
from reactive_dag.notebook.exploring.courses import BaseCourse, ScenarioCourse
from reactive_dag.notebook.exploring.exploration import Exploration
from reactive_dag.notebook.exploring.landings import Landings
from reactive_dag.notebook.exploring.latest import IsStale, LatestOnly
from reactive_dag.notebook.graphs.layout import layout
from reactive_dag.notebook.graphs.selection import FOLDS_ABOVE

if TYPE_CHECKING:
    from reactive_dag.notebook.exploring.exploration import Settings
    from reactive_dag.whatif.simulation import Simulation

PanelPart: TypeAlias = Literal["base", "near", "base_landing", "answer", "landing"]
"""What is shown, each in the place of the one before: the base once, the graph near a thing, landing times, answers."""
ShowPart: TypeAlias = "Callable[[PanelPart, dict[str, object]], None]"


QUICK = ("delay", "times")
"""Controls behind which the futures follow at once, where those of the base are known: they come with the answer."""


@frozen
class _Asked:
    """What is to be answered: a state, and the last message of each page that led there."""

    number: int
    settings: Settings
    heard: dict[str, int]
    focus: str = ""
    error: str = ""


class PanelTalk:
    """What the panel of one simulation says to its pages. Landing times are of `n` futures."""

    def __init__(self, base: Simulation, n: int, show: ShowPart) -> None:
        self.exploration = Exploration(base)
        self._course = BaseCourse(base)
        self._landings = Landings(self._course, n)
        self._show = show
        self._heard: dict[str, int] = {}
        self._summaries: dict[Settings, dict[str, object]] = {}
        self._opened = False
        self._focus, self._near = "", ""
        self._count, self._settings, self._landed = 1, self.exploration.settings, 0
        self._lock = Lock()
        self._latest = LatestOnly(self._work, "reactive_dag what-if panel")
        self._ask()

    def hear(self, message: object) -> None:
        """Do what a page says, and answer it later; what cannot be done is said in the answer. O(1).

        A message has `do` (choose, unset, undo, redo, reset, keep, restore, forget, look), the `page` and its `number`.
        """
        if not isinstance(message, Mapping):
            return
        with self._lock:
            error = ""
            try:
                self._do(message)
            except Exception as found:  # a page cannot be told otherwise
                error = f"{type(found).__name__}: {found}"
            page, number = message.get("page"), message.get("number")
            if isinstance(page, str) and isinstance(number, int):
                self._heard[page] = number
            self._ask(error)

    def _do(self, message: Mapping[str, object]) -> None:
        tried, do, name = self.exploration, message.get("do"), str(message.get("name") or "")
        if do == "choose":
            setting = dragged_of(message.get("kind"), message.get("subject"), message.get("value"))
            tried.choose(setting, str(message.get("gesture") or ""))
        elif do == "unset":
            tried.unset(str(message.get("kind")), picked_of(message.get("subject")))
        elif do == "keep":
            tried.keep(name)
        elif do in ("restore", "forget"):
            (tried.restore if do == "restore" else tried.forget)(name)
        elif do in ("undo", "redo", "reset"):
            {"undo": tried.undo, "redo": tried.redo, "reset": tried.reset}[do]()
        elif do == "look":
            self._focus = name
        else:
            raise InvalidValue(f"the panel cannot do {do!r}")

    def wait(self) -> None:
        """Wait until all is answered."""
        assert self._latest.wait(), "the panel still works"

    def close(self) -> None:
        """Answer nothing more. O(1)."""
        self._latest.close()

    # ------------------------------------------------------------------------------------- on the thread

    def _ask(self, error: str = "") -> None:
        settings = self.exploration.settings
        self._count += settings != self._settings
        self._settings = settings
        self._latest.put(_Asked(self._count, settings, dict(self._heard), self._focus, error))

    def _work(self, asked: _Asked, is_stale: IsStale) -> None:
        began = perf_counter()
        try:
            self._course.simulation._refuse_changed("so the panel cannot go on: simulate it anew and explore that")
            self._open(asked.focus)
            course = ScenarioCourse(self._course, self.exploration.simulation_of(asked.settings))
            answer = course.to_json()
            self._summaries[asked.settings] = self._summary(answer)
            coming = self._landings.of(course.simulation) if asked.settings else iter(())
            quick = self._landings.is_known and all(each.kind in QUICK for each in asked.settings)
            first = next(coming, None) if quick and self._landed != asked.number else None
            if first is not None:
                answer["landing"] = {**first, "answer": asked.number}
            self._show("answer", {**self._state(asked), **answer, "took_ms": round((perf_counter() - began) * 1e3, 1)})
            if not is_stale() and self._landed != asked.number:
                self._land(coming, asked, is_stale)
        except Exception as error:  # it has no other way to whoever looks
            text = f"{type(error).__name__}: {error}"
            self._show("answer", {**self._state(asked), "error": asked.error or text})

    def _open(self, focus: str) -> None:
        """ShowPart the base, once, and of a large graph what is near the thing that is looked at."""
        graph = self._course.simulation.graph
        if not self._opened:
            drawn = layout(graph, datasets=False, groups=False).to_json()
            base = {**self._course.to_json(), "choices": self.exploration.choices.to_json(), "layout": drawn}
            self._show("base", {**base, "folds": len(graph.dags) > FOLDS_ABOVE})
            self._opened = True
        if focus and focus != self._near and len(graph.dags) > FOLDS_ABOVE:
            self._near = focus
            self._show("near", {"of": focus, **layout(graph, focus=focus, datasets=False, groups=False).to_json()})

    def _land(self, coming: Iterator[dict[str, object]], asked: _Asked, is_stale: IsStale) -> None:
        for part in () if self._landings.is_known else self._landings.of_base():
            self._show("base_landing", part)
            if is_stale():
                return
        for part in coming:
            self._show("landing", {**part, "answer": asked.number})
            if is_stale():
                return
        self._landed = asked.number

    def _state(self, asked: _Asked) -> dict[str, object]:
        """What is set, kept, and can be undone. O(settings + kept)."""
        tried = self.exploration
        return {
            "number": asked.number, "heard": asked.heard, "error": asked.error,
            "settings": [each.to_json() for each in asked.settings],
            "can_undo": tried.can_undo, "can_redo": tried.can_redo, "code": tried.code, "name": tried.name,
            "kept": [
                {
                    "name": each.name, "settings": [setting.to_json() for setting in each.settings],
                    **self._summaries.get(each.settings, {}),
                }
                for each in tried.kept
            ],
        }  # fmt: skip

    def _summary(self, answer: dict[str, object]) -> dict[str, object]:
        return {key: answer[key] for key in ("count", "counts", "late", "missed", "over")}
