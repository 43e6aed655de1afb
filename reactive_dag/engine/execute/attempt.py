"""One attempt, from its arguments to its record (R3-R5): a body that raises fails its task, never the engine.

`AttemptExecutor` owns no state. An attempt costs what its body costs, and some microseconds.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from reactive_dag.declare.internals import params_of
from reactive_dag.declare.parameters import Binding
from reactive_dag.declare.settings.error_names import is_among
from reactive_dag.declare.wait import Wait
from reactive_dag.engine.execute.assignment import Assignment, CallBody, WorkerLost
from reactive_dag.engine.execute.context import OutletEvents, RunContext, StartChild, briefing_of
from reactive_dag.engine.execute.current_body import BODY
from reactive_dag.engine.execute.endings import Ending, Finish, RaisedElsewhere, ending_of, output_of
from reactive_dag.engine.execute.event_loops import EventLoops
from reactive_dag.engine.execute.once import OnceCalls
from reactive_dag.engine.execute.stubs import Stubs, called
from reactive_dag.engine.facts.publish import Publishing, outlet_events
from reactive_dag.engine.host import Host
from reactive_dag.engine.inspect.run import Run
from reactive_dag.engine.items.events import event_from
from reactive_dag.engine.outputs.references import stem_of, value_of
from reactive_dag.engine.runs.state import RunState
from reactive_dag.model.ctrl_c import raise_ctrl_c
from reactive_dag.model.errors import InvalidValue, said
from reactive_dag.model.event import Event
from reactive_dag.model.payload import copied
from reactive_dag.model.records import UNCHANGED, GivenValue, Json, Looked, TaskFinished
from reactive_dag.model.times import SECOND, parse_duration, parse_time

Report = Callable[[int], TaskFinished | Looked]
"""Makes the attempt's record, given the instant of its append."""

LONGEST_SIGHT = 100
"""So many characters of what a function gave that looks."""

LOGGER = logging.getLogger("reactive_dag.run")


class AttemptExecutor:
    """Executes attempts; `now` is the engine's clock."""

    def __init__(
        self, host: Host, now: Callable[[], int], event_loops: EventLoops, once_calls: OnceCalls,
        publishing: Publishing, stubs: Stubs | None, start_child: StartChild,
    ) -> None:  # fmt: skip
        self._host = host
        self._now = now
        self._event_loops = event_loops
        self._once_calls = once_calls
        self._publishing = publishing
        self._stubs = stubs
        self._start_child = start_child

    def execute(self, assignment: Assignment, call: CallBody | None) -> Report | None:
        """Execute one attempt, its body here or by `call`; what it reports, None if its end is not due yet (R23).

        Raises nothing but the user's Ctrl-C.
        """
        began = self._now()
        if self._stubs is not None:
            if not self._stubs.is_due(assignment, began):
                return None
            if assignment.held_until is not None and assignment.stopped:
                return lost(assignment)
            began = began if assignment.began is None else assignment.began
        if assignment.arrays.untils[assignment.index] is not None:
            began = assignment.run.open.get(assignment.index, began)
        try:
            return self._call(assignment, began, call)
        except WorkerLost as gone:
            return lost(assignment, said(gone))
        except BaseException as error:  # whatever a user's code raises fails that attempt, not the engine
            raise_ctrl_c(error)
            return _raised(assignment, began, error)

    def _call(self, assignment: Assignment, began: int, call: CallBody | None) -> Report:
        """Call the body; the report of its success."""
        shape, index, events, values = assignment.arrays, assignment.index, None, dict[str, GivenValue]()
        task, name = shape.tasks[index], shape.names[index]
        arguments: dict[str, Any] = {}
        stub = None if self._stubs is None else self._stubs.of(assignment)
        if shape.bindings[index] or stub is not None:
            events = OutletEvents(task) if task.outlets else None
            context = RunContext(self._host, assignment, self._once_calls, events, values, self._start_child)
            arguments = self._arguments(assignment, shape.bindings[index], context)
            if stub is not None:
                arguments["run"] = context
        run, publishing = assignment.run.run, self._publishing
        if assignment.run.dag.outlets:  # recorded with the run's success, so they are judged before anything is done
            publishing.check_dated(assignment.run.started, outlet_events(assignment.run.dag.outlets))
        branch, saves, stem, id, number = None, shape.saves[index], "", shape.ids[index], assignment.attempt
        if saves is not None:
            begun = assignment.run.started
            stem = stem_of(begun.dag, id, begun.key, begun.round, number)
        if shape.branches[index]:
            branch = [shape.ids[each] for each in shape.plan.followers[index]]
        output: Json = None
        outer = BODY.get()
        try:
            BODY.set((self._host, name, assignment))
            if stub is not None:
                given = called(stub, arguments)
            elif call is None:
                given = task.fn(**arguments)
            else:
                output, given = call(assignment, arguments, Finish(name, branch, saves, stem)), None
            if given is not None and inspect.iscoroutine(given):
                timeout = None if task.timeout is None else task.timeout / SECOND
                given = self._event_loops.run(given, timeout, assignment.stop_by)
        finally:
            BODY.set(outer)
        published = None if events is None else events.to_record()
        if task.outlets:
            wanted = outlet_events(task.outlets) if published is None else published
            wanted = [event for event in wanted if event.kind != UNCHANGED]
            publishing.check_dated(assignment.run.started, wanted)
        if given is not None:
            output = output_of(given, name, branch, saves, stem)
        if shape.untils[index] is not None and not output:
            return _looked(assignment, output)
        sets, saved = list(values.values()) or None, saves is not None and output is not None
        return lambda at: TaskFinished(
            at, run, id, "success", number, output, None, began, True, None, published, sets, saved
        )

    def briefing(self, assignment: Assignment) -> Mapping[str, object]:
        """What the body of an attempt may read of its run, by name. O(the run's causes)."""
        return briefing_of(RunContext(self._host, assignment, self._once_calls, None, {}, self._start_child))

    def _arguments(self, assignment: Assignment, bindings: Iterable[Binding], context: RunContext) -> dict[str, Any]:
        """The arguments of a body, by the bindings of its parameters. O(parameters)."""
        found: dict[str, Any] = {}
        for binding in bindings:
            if binding.kind == "run":
                found[binding.name] = context
            elif binding.kind == "task":
                found[binding.name] = self._output_of(assignment.run, assignment.run.plan.index[binding.ref])
            elif binding.kind == "item":
                found[binding.name] = self._item(assignment)
            elif binding.kind == "param":
                value = copied(self._host.params(assignment.run.run)[binding.ref])
                found[binding.name] = params_of(assignment.run.dag).typed_one(binding.ref, value)
        return found

    def _item(self, assignment: Assignment) -> object:
        """The item of an instance: of a mapped task what the instance of its place gave (R7)."""
        run = assignment.run
        mapped, place = run.instance(assignment.index)
        over = assignment.arrays.overs[mapped]
        above, wait = run.instances.get(over), run.tasks[over].wait
        if above is not None:
            return self._value_of(run, above[place])
        item = run.output(over)[place]
        return copied(item) if wait is None else self._awaited(wait, item)

    def _value_of(self, run: RunState, index: int) -> object:
        """What one task, or one instance, gave: a copy, or what its file holds."""
        done = run.results[index]
        if done is None:
            return None
        return value_of(self._host.graph, run.started.dag, run.plan.ids[index], done.output, done.saved)

    def _output_of(self, run: RunState, index: int) -> object:
        wait, output = run.tasks[index].wait, run.output(index)
        if wait is None:
            gathers = output is not None or run.states[index] == "failed"  # of which those that failed gave None
            numbers = run.instances.get(index) if gathers else None
            return self._value_of(run, index) if numbers is None else [self._value_of(run, n) for n in numbers]
        awaited = [self._awaited(wait, one) for one in (output if isinstance(output, list) else [output])]
        return awaited if isinstance(output, list) else awaited[0]

    def _awaited(self, wait: Wait, named: Any) -> Run | Event | None:
        """The run or the event that a wait's output names."""
        if not named:
            return None
        if wait.dataset is not None:
            return event_from(named)
        date = named["logical_date"]
        found = self._host.with_key(wait.dag, named["key"], None if date is None else parse_time(date))
        return None if found is None else Run(self._host, found)


def _looked(assignment: Assignment, output: Json) -> Report:
    """The report of a look that goes on waiting (R29)."""
    run, index, number = assignment.run, assignment.index, assignment.attempt
    until, first = assignment.arrays.untils[index], run.open.get(index)
    poll, seen = 1 if until is None else until.poll, f"it gave {output!r}"[:LONGEST_SIGHT]
    task = assignment.arrays.ids[index]
    return lambda at: Looked(at, run.run, task, number, (at - (at if first is None else first)) // poll + 1, seen)


def _raised(assignment: Assignment, began: int, error: BaseException) -> Report:
    """The report of a body that raised."""
    ended = ending_of(error)
    if ended.kind == "skip":
        return _report(assignment, began, "skipped", error=ended.text or None, retry=False)
    say_failed(assignment, ended.text, None if isinstance(error, RaisedElsewhere) else error)
    if ended.kind == "retry":
        return _again(assignment, began, ended)
    retry = ended.kind != "fail" and is_among(ended.names, assignment.task.retry_on)
    return _report(assignment, began, "failed", error=ended.text, retry=retry)


def _again(assignment: Assignment, began: int, ended: Ending) -> Report:
    what, *where = ended.text.split("\n")
    text = ended.text if assignment.task.retries else "\n".join([f"{what} (the task has no retries=)", *where])
    try:
        after = None if ended.after is None else parse_duration(ended.after, what="RetryTask(after=)", zero_ok=True)  # type: ignore[arg-type]
    except InvalidValue as error:
        return _report(assignment, began, "failed", error=f"{ended.text}\n{error}", retry=False)
    return _report(assignment, began, "failed", error=text, retry_after=after)


def _report(
    assignment: Assignment, began: int, state: str, *, error: str | None = None, retry: bool = True,
    retry_after: int | None = None,
) -> Report:  # fmt: skip
    run, task, number = assignment.run.run, assignment.arrays.ids[assignment.index], assignment.attempt
    return lambda at: TaskFinished(at, run, task, state, number, None, error, began, retry, retry_after)


def lost(assignment: Assignment, error: str | None = None) -> Report:
    """The report of an attempt of which nothing is known any more, maybe why: it uses no retry (R5)."""
    run, task, number = assignment.run.run, assignment.arrays.ids[assignment.index], assignment.attempt
    return lambda at: TaskFinished(at, run, task, "lost", number, error=error)


def say_failed(assignment: Assignment, text: str, error: BaseException | None = None) -> None:
    """Log a failed attempt: a warning, and the traceback at debug. A handler that raises changes nothing.

    That a cancelled body stops is no failure.
    """
    if assignment.run.cancelled and not assignment.arrays.teardowns[assignment.index]:
        return
    key, task = assignment.run.started.key, assignment.arrays.ids[assignment.index]
    about = {"dag": assignment.run.dag.id, "task": task, "run": key, "attempt": assignment.attempt}
    name = f"{about['dag']}.{about['task']}"
    try:
        LOGGER.warning("%s failed in attempt %d (run %s): %s", name, assignment.attempt, key[:8], text, extra=about)
        if error is not None:
            LOGGER.debug("%s, attempt %d (run %s)", name, assignment.attempt, key[:8], exc_info=error, extra=about)
    except BaseException as second:
        raise_ctrl_c(second)
