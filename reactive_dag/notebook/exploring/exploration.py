"""What somebody tries in the what-if panel: settings with an undo, kept scenarios, each as a simulation and as code.

Owns `Exploration`, which knows no widget. Invariant: a state is a tuple of settings, one a control, none at its usual
value; it is replaced as a whole, so any thread may read it. O(settings) a step; a simulation costs what it costs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from attrs import frozen

from reactive_dag.model.errors import InvalidValue
from reactive_dag.notebook.exploring.choices import Choices
from reactive_dag.whatif.question.names import GraphNames

if TYPE_CHECKING:
    from reactive_dag.notebook.exploring.controls import Dragged, Subject
    from reactive_dag.whatif.simulation import Simulation

Settings: TypeAlias = "tuple[Dragged, ...]"
MOST_UNDONE = 200
"""So many steps can be undone."""


@frozen
class KeptScenario:
    """A scenario that somebody kept: its name, and its settings."""

    name: str
    settings: Settings


@frozen
class _Book:
    """The state now, those before it and those that were undone; `gesture` names the drag that is going on."""

    now: Settings = ()
    before: tuple[Settings, ...] = ()
    undone: tuple[Settings, ...] = ()
    gesture: str = ""


class Exploration:
    """What is tried of one simulation, the base."""

    def __init__(self, base: Simulation) -> None:
        self.base = base
        self.choices = Choices.of(base)
        self.kept: tuple[KeptScenario, ...] = ()
        self._names = GraphNames(base.graph)
        self._book = _Book()
        self._known: tuple[Settings, str, Simulation] = (), "", base

    # ------------------------------------------------------------------------------------- what is tried

    @property
    def settings(self) -> Settings:
        """The settings now, in the order in which they were first made. O(1)."""
        return self._book.now

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo. O(1)."""
        return bool(self._book.before)

    @property
    def can_redo(self) -> bool:
        """Whether a step was undone last. O(1)."""
        return bool(self._book.undone)

    def choose(self, setting: Dragged, gesture: str = "") -> None:
        """Set a control. All that one `gesture` (a drag) does is one step to undo; "" is a step by itself. O(settings).

        Raises InvalidValue for what is not there, and for a value that cannot be.
        """
        setting.intervention(self._names)
        new = self._with(setting)
        book = self._book
        if gesture and gesture == book.gesture:
            self._book = _Book(new, book.before, (), gesture)
        elif new != book.now:
            self._book = _Book(new, (*book.before, book.now)[-MOST_UNDONE:], (), gesture)

    def unset(self, kind: str, subject: Subject) -> None:
        """Take the setting of a control away: a step that can be undone. O(settings)."""
        self._go_to(tuple(each for each in self._book.now if each.about != (kind, subject)))

    def _with(self, setting: Dragged) -> Settings:
        """The settings with one more, in the place of the one of its control."""
        now = self._book.now
        if self.choices.is_usual(setting):
            return tuple(each for each in now if each.about != setting.about)
        if any(each.about == setting.about for each in now):
            return tuple(setting if each.about == setting.about else each for each in now)
        return (*now, setting)

    def undo(self) -> None:
        """Take the last step back; without one nothing happens. O(1)."""
        book = self._book
        if book.before:
            self._book = _Book(book.before[-1], book.before[:-1], (*book.undone, book.now))

    def redo(self) -> None:
        """Take the step again that was undone last. O(1)."""
        book = self._book
        if book.undone:
            self._book = _Book(book.undone[-1], (*book.before, book.now), book.undone[:-1])

    def reset(self) -> None:
        """Back to the base: a step that can be undone. O(1)."""
        self._go_to(())

    def _go_to(self, settings: Settings) -> None:
        book = self._book
        if settings != book.now:
            self._book = _Book(settings, (*book.before, book.now)[-MOST_UNDONE:])

    # ------------------------------------------------------------------------------------- what is kept

    def keep(self, name: str = "") -> KeptScenario:
        """Keep the settings as a scenario, under a name of its own; one of the same name is replaced. O(kept)."""
        found = KeptScenario(name.strip() or self._free_name(), self.settings)
        others = [each for each in self.kept if each.name != found.name]
        self.kept = (*others, found)
        return found

    def _free_name(self) -> str:
        taken = {each.name for each in self.kept}
        return next(name for n in range(1, len(taken) + 2) if (name := f"scenario {n}") not in taken)

    def restore(self, name: str) -> None:
        """Go to a scenario that was kept: a step that can be undone. O(kept). Raises InvalidValue."""
        self._go_to(self._kept(name).settings)

    def forget(self, name: str) -> None:
        """Keep a scenario no longer. O(kept). Raises InvalidValue."""
        gone = self._kept(name)
        self.kept = tuple(each for each in self.kept if each is not gone)

    def _kept(self, name: str) -> KeptScenario:
        found = next((each for each in self.kept if each.name == name), None)
        if found is None:
            raise InvalidValue(f"no scenario {name!r} is kept; there are {[each.name for each in self.kept]}")
        return found

    # ------------------------------------------------------------------------------------- what it means

    @property
    def name(self) -> str:
        """That of the kept scenario which has these settings, else "". O(kept)."""
        return next((each.name for each in self.kept if each.settings == self.settings and self.settings), "")

    @property
    def simulation(self) -> Simulation:
        """The base with these settings; the base itself where there are none. O(what they reach) once."""
        settings, name = self.settings, self.name
        if (settings, name) != self._known[:2]:
            self._known = settings, name, self.simulation_of(settings, name)
        return self._known[2]

    def simulation_of(self, settings: Settings, name: str = "") -> Simulation:
        """The base with some settings. O(what they reach). Raises InvalidValue, UnknownId."""
        if not settings:
            return self.base
        return self.base.what_if(*[each.intervention(self._names) for each in settings], name=name)

    @property
    def code(self) -> str:
        """The Python of this simulation, of a base that is called `simulation`. O(settings).

        >>> from reactive_dag import Graph, simulate
        >>> from reactive_dag.notebook.exploring.controls import Dragged, Subject
        >>> graph = Graph("sales")
        >>> task = graph.dag("ingest", schedule="0 2 * * *").add(lambda: None, id="load")
        >>> base = simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration="5m")
        >>> tried = Exploration(base)
        >>> tried.choose(Dragged("delay", Subject("dag", "ingest"), 7200))
        >>> tried.code
        "simulation.what_if(rd.delay('ingest', '2h'))"
        """
        return self.code_of(self.settings, self.name)

    def code_of(self, settings: Settings, name: str = "") -> str:
        """The Python of some settings. O(settings)."""
        parts = [each.code(self._names) for each in settings]
        if not parts:
            return "simulation"
        parts += [f"name={name!r}"] if name else []
        line = f"simulation.what_if({', '.join(parts)})"
        if len(line) <= LINE:
            return line
        return "\n".join(["simulation.what_if(", *[f"    {part}," for part in parts], ")"])


LINE = 100
"""A longer call is written an argument a line."""
