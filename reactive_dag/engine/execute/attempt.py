"""One attempt, from its arguments to its record (R3-R5): a body that raises fails its task, never the engine.

`AttemptExecutor` owns no state. An attempt costs what its body costs, and some microseconds.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import logging
import os
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from reactive_dag.declare.parameters import Binding
from reactive_dag.declare.settings.error_names import is_among, names_of_error
from reactive_dag.engine.execute.assignment import Assignment, CallBody, WorkerLost
from reactive_dag.engine.execute.context import OutletEvents, RunContext, briefing_of
from reactive_dag.engine.execute.current_body import BODY
from reactive_dag.engine.execute.event_loops import EventLoops
from reactive_dag.engine.execute.once import OnceCalls
from reactive_dag.engine.execute.stubs import Stubs, called
from reactive_dag.engine.facts.publish import Publishing, outlet_events
from reactive_dag.engine.host import Host
from reactive_dag.engine.inspect.run import Run
from reactive_dag.engine.outputs.files import write
from reactive_dag.engine.outputs.references import stem_of, value_of
from reactive_dag.engine.runs.choices import choice_of_branch
from reactive_dag.engine.runs.state import RunState
from reactive_dag.model.ctrl_c import raise_ctrl_c, traceback_of
from reactive_dag.model.errors import FailTask, InvalidValue, RetryTask, SkipTask, reason, said
from reactive_dag.model.payload import copied, plain
from reactive_dag.model.records import UNCHANGED, GivenValue, TaskFinished
from reactive_dag.model.times import SECOND, parse_duration, parse_time

Report = Callable[[int], TaskFinished]
"""Makes the attempt's record, given the instant of its append."""

LOGGER = logging.getLogger("reactive_dag.run")
LAST_FRAMES = 3
"""How many frames of a traceback an error text keeps."""
LONGEST_TEXT = 10_000
_HOME = Path(__file__).resolve().parents[2]
_OURS = tuple(str(_HOME / room) + os.sep for room in ("engine", "model", "triggers", "declare", "log", "streams"))
_FUTURES = tuple(str(Path(inspect.getfile(module)).parent) + os.sep for module in (asyncio, concurrent.futures))


class AttemptExecutor:
    """Executes attempts; `now` is the engine's clock."""

    def __init__(
        self, host: Host, now: Callable[[], int], event_loops: EventLoops, once_calls: OnceCalls,
        publishing: Publishing, stubs: Stubs | None,
    ) -> None:  # fmt: skip
        self._host = host
        self._now = now
        self._event_loops = event_loops
        self._once_calls = once_calls
        self._publishing = publishing
        self._stubs = stubs

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
        try:
            return self._call(assignment, began, call)
        except WorkerLost:
            return lost(assignment)
        except SkipTask as skip:
            return _report(assignment, began, "skipped", error=reason(skip) or None, retry=False)
        except BaseException as error:  # whatever a user's code raises fails that attempt, not the engine
            raise_ctrl_c(error)
            text = describe(error)
            say_failed(assignment, text, error)
            if isinstance(error, RetryTask):
                return _again(assignment, began, error, text)
            retry = not isinstance(error, FailTask)
            if retry and (retry_on := assignment.task.retry_on) is not None:
                retry = is_among(names_of_error(type(error)), retry_on)
            return _report(assignment, began, "failed", error=text, retry=retry)

    def _call(self, assignment: Assignment, began: int, call: CallBody | None) -> Report:
        """Call the body; the report of its success."""
        shape, index, events, values = assignment.arrays, assignment.index, None, dict[str, GivenValue]()
        task, name = shape.tasks[index], shape.names[index]
        arguments: dict[str, Any] = {}
        stub = None if self._stubs is None else self._stubs.of(name)
        if shape.bindings[index] or stub is not None:
            events = OutletEvents(task) if task.outlets else None
            context = RunContext(self._host, assignment, self._once_calls, events, values)
            arguments = self._arguments(assignment, shape.bindings[index], context)
            if stub is not None:
                arguments["run"] = context
        run, publishing = assignment.run.run, self._publishing
        if assignment.run.dag.outlets:  # recorded with the run's success, so they are judged before anything is done
            publishing.check_dated(assignment.run.started, outlet_events(assignment.run.dag.outlets))
        outer = BODY.get()
        try:
            BODY.set((self._host, name, assignment))
            if stub is not None:
                given = called(stub, arguments)
            else:
                given = task.fn(**arguments) if call is None else call(task.fn, arguments)
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
        if shape.branches[index]:
            given = choice_of_branch(given, name, [shape.ids[each] for each in shape.plan.followers[index]])
        id, number = shape.ids[index], assignment.attempt
        saves = None if given is None else shape.saves[index]
        if saves is None:
            output = None if given is None else plain(given, f"the output of {name}")
        else:
            begun = assignment.run.started
            output = write(given, saves, stem_of(begun.dag, id, begun.key, begun.round, number))
        sets, saved = list(values.values()) or None, saves is not None
        return lambda at: TaskFinished(
            at, run, id, "success", number, output, None, began, True, None, published, sets, saved
        )

    def briefing(self, assignment: Assignment) -> Mapping[str, object]:
        """What the body of an attempt may read of its run, by name. O(the run's causes)."""
        return briefing_of(RunContext(self._host, assignment, self._once_calls, None, {}))

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
                found[binding.name] = copied(self._host.params(assignment.run.run)[binding.ref])
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
        return copied(item) if wait is None else self._awaited(wait.dag, item)

    def _value_of(self, run: RunState, index: int) -> object:
        """What one task, or one instance, gave: a copy, or what its file holds."""
        done = run.results[index]
        if done is None:
            return None
        return value_of(self._host.graph, run.started.dag, run.plan.ids[index], done.output, done.saved)

    def _output_of(self, run: RunState, index: int) -> object:
        wait, output = run.tasks[index].wait, run.output(index)
        if wait is None:
            numbers = None if output is None else run.instances.get(index)
            return self._value_of(run, index) if numbers is None else [self._value_of(run, n) for n in numbers]
        awaited = [self._awaited(wait.dag, one) for one in (output if isinstance(output, list) else [output])]
        return awaited if isinstance(output, list) else awaited[0]

    def _awaited(self, dag: str, named: Any) -> Run | None:
        """The run that a wait's output names."""
        if not named:
            return None
        date = named["logical_date"]
        found = self._host.with_key(dag, named["key"], None if date is None else parse_time(date))
        return None if found is None else Run(self._host, found)


def _again(assignment: Assignment, began: int, again: RetryTask, text: str) -> Report:
    try:
        after = None if again.after is None else parse_duration(again.after, what="RetryTask(after=)", zero_ok=True)  # type: ignore[arg-type]
    except InvalidValue as error:
        return _report(assignment, began, "failed", error=f"{text}\n{error}", retry=False)
    return _report(assignment, began, "failed", error=text, retry_after=after)


def _report(
    assignment: Assignment, began: int, state: str, *, error: str | None = None, retry: bool = True,
    retry_after: int | None = None,
) -> Report:  # fmt: skip
    run, task, number = assignment.run.run, assignment.arrays.ids[assignment.index], assignment.attempt
    return lambda at: TaskFinished(at, run, task, state, number, None, error, began, retry, retry_after)


def lost(assignment: Assignment) -> Report:
    """The report of an attempt of which nothing is known any more: it uses no retry (R5)."""
    run, task, number = assignment.run.run, assignment.arrays.ids[assignment.index], assignment.attempt
    return lambda at: TaskFinished(at, run, task, "lost", number)


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


def describe(error: BaseException) -> str:
    """An exception as the text that is recorded: what, and the last of the user's own frames. O(frames)."""
    frames = [(frame.f_code, line) for frame, line in traceback.walk_tb(traceback_of(error))]
    users = [(code, line) for code, line in frames if not code.co_filename.startswith(_OURS)]
    while users and users[0][0].co_filename.startswith(_FUTURES):
        del users[0]
    where = "".join(f"\n  {code.co_filename}:{line} in {code.co_name}" for code, line in users[-LAST_FRAMES:])
    return said(error)[:LONGEST_TEXT] + where.encode(errors="replace").decode()
