"""What if: questions about a day of 157 DAGs, beside SimPy and a plain heap that play the same instances.

Run it with `python benchmarks/bench_whatif.py`. The peers get bare nodes (bench_simulate.py): which attempt of which
task of which run waits for which; they resolve no trigger, no tick and no date, and know no pool and no failure. A
figure is how often a job is done in the time of one day of SimPy's AllOf model, taken in the same turns. Processor time
of the process, all threads together; best of the rounds.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from random import Random

import numpy as np
from attrs import evolve
from bench_simulate import SPANS, START, flat, with_all_of, with_heap
from harness import Line, machine, show

import reactive_dag as rd
from reactive_dag.declare.internals import analysis_of
from reactive_dag.interop.examples import open_example
from reactive_dag.whatif.course.player import CoursePlayer
from reactive_dag.whatif.course.prepared import PreparedGraph
from reactive_dag.whatif.futures.window_futures import WindowFutures
from reactive_dag.whatif.loops.answering import window_of
from reactive_dag.whatif.loops.attempts import AttemptLists
from reactive_dag.whatif.loops.compiled_play import CompiledPlan
from reactive_dag.whatif.loops.event_loop import EventLoop
from reactive_dag.whatif.loops.window_tools import WORTH_LOADING, tools_of
from reactive_dag.whatif.outcome.window_outcome import WindowOutcome
from reactive_dag.whatif.parts.answering import answer_in_parts
from reactive_dag.whatif.parts.static_part import StaticPart
from reactive_dag.whatif.question.draws import future_keys
from reactive_dag.whatif.records.written import WrittenRecords
from reactive_dag.whatif.window.compile import compile_window
from reactive_dag.whatif.window.node_values import QuestionValues
from reactive_dag.whatif.window.one_pass import one_pass
from reactive_dag.whatif.window.white_list import NotStatic

FUTURES, CHUNK, ROUNDS = 500, 128, 12
SLOTS, WORKERS = (40, 24, 12), 120
GOALS = {
    "first question": 1.2,
    "further question": 15.0,
    "further question, failures": 15.0,
    "further question, 40 workers": 15.0,
    "all its records": 3.0,
    "event loop": 3.5,
    "event loop, compiled": 60,
    "500 futures": 1 / 3,
    "500 futures, compiled": 1 / 1.5,
}
"""How often each is to be done in a day of SimPy; 500 futures in three of its days, with numba in one and a half."""


def first(base: rd.Simulation, graphs: list[rd.Graph]) -> Callable[[], object]:
    """Checking a graph that nobody asked anything before, compiling its window and evaluating it."""
    asked, effects = base.question, base.effects

    def ask() -> object:
        graph = graphs.pop()
        graph.check()
        window = compile_window(graph, asked.start, asked.until, asked.sources)
        return one_pass(window, QuestionValues.of(window, effects, asked.seed).values)

    return ask


def further(base: rd.Simulation) -> Callable[[], object]:
    """One DAG after the other comes two hours late."""
    late = [rd.delay(dag.id, "2h") for dag in base.graph.dags.values() if dag.triggers]
    draw = Random(1)
    return lambda: base.what_if(draw.choice(late))


def failing(base: rd.Simulation) -> Callable[[], object]:
    """Sixty tasks fail at times, and one DAG after the other comes two hours late; machine code where it is there."""
    draw = Random(5)
    tasks = [f"{dag.id}.{task.id}" for dag in base.graph.dags.values() for task in dag.tasks.values() if not task.wait]
    asked = base.what_if(*[rd.fail(task, 0.3) for task in draw.sample(tasks, 60)])
    return further(asked)


def records(base: rd.Simulation) -> Callable[[], object]:
    """All records of a further question that was evaluated."""
    late = base.what_if(rd.delay(next(dag.id for dag in base.graph.dags.values() if dag.triggers), "2h"))
    assert isinstance(late.outcome, WindowOutcome)
    outcome, prepared = late.outcome, PreparedGraph.of(base.graph)
    return lambda: WrittenRecords(late.question, prepared, outcome)


def looped(base: rd.Simulation) -> tuple[Callable[[], object], Callable[[], object]]:
    """The event loop, plain and compiled: a tenth of the tasks fail at times and are tried again, pools, workers."""
    draw = Random(2)
    tasks = [f"{dag.id}.{task.id}" for dag in base.graph.dags.values() for task in dag.tasks.values() if not task.wait]
    asked = base.what_if(*[rd.fail(task, 0.3) for task in draw.sample(tasks, len(tasks) // 10)])
    tools = tools_of(base.graph, window_of(base.question))
    futures = WindowFutures(tools, asked.effects, 0, lambda future, why: {})
    window, plan = futures.window, tools.loop_plan
    pool = [draw.randrange(len(SLOTS) + 1) for _ in window.tasks]
    lines = [pool[at] if run >= 0 else 0 for at, run in zip(plan.subject, plan.counted_in)]
    plan = evolve(plan, line=lines)
    keys = future_keys(0, range(1))
    drawn = futures.draws.attempts(keys)
    attempts = AttemptLists.of(drawn, tools.drawn.nodes, window.size)
    starts, delays = window.base.tolist(), futures.draws.delays(keys).of(0)

    def play() -> object:
        loop = EventLoop(plan, starts, delays, attempts, SLOTS, WORKERS)
        loop.play()
        return loop

    compiled, late = CompiledPlan(plan), np.array(delays)
    return play, lambda: compiled.play(late, drawn, tools.drawn.nodes, 0, SLOTS, WORKERS)


def many(base: rd.Simulation) -> tuple[Callable[[], object], Callable[[], object]]:
    """Futures with lognormal durations, drawn and evaluated by levels on one thread: by NumPy, and compiled."""
    medians = {task: rd.lognormal("15m", 0.4) for task in base.graph.dags}
    asked = rd.simulate(base.graph, start=START, until="1d", durations=medians)
    tools = tools_of(base.graph, window_of(asked.question))
    plain, compiled = [WindowFutures(tools, asked.effects, 0, lambda future, why: {}) for _ in range(2)]
    plain.prepare()
    compiled.prepare(WORTH_LOADING)

    def by(futures: WindowFutures) -> Callable[[], object]:
        return lambda: [futures.chunk(range(at, min(at + CHUNK, FUTURES))) for at in range(0, FUTURES, CHUNK)]

    return by(plain), by(compiled)


def in_parts() -> tuple[Callable[[], object], Callable[[], object], Callable[[], object]]:
    """The estate with alarms on the silence of some of its DAGs: asked first, asked on, and played as a whole."""
    estate = open_example("mozilla").graph
    draw = Random(3)
    dags = sorted(dag.id for dag in estate.dags.values() if dag.triggers)
    for number in range(4):
        heard = rd.any_of(*[rd.completed(dag) for dag in draw.sample(dags, 3)])
        estate.dag(f"alarm{number}", on=rd.absent(heard, for_="30h")).add(lambda: None, id="tell")
    base = rd.simulate(estate, start=START, until="1d", default_duration=SPANS)
    asked, effects, prepared = base.question, base.effects, PreparedGraph.of(estate)
    late = [rd.delay(dag, "2h") for dag in dags]

    def first() -> object:
        analysis_of(estate).kept.pop(StaticPart.__name__, None)
        return answer_in_parts(asked, effects, prepared, None, lambda: base.trace, NotStatic(""))

    def whole() -> object:
        return CoursePlayer(asked, prepared, effects).run()

    return first, lambda: base.what_if(draw.choice(late)), whole


def main() -> list[Line]:
    """Measure, print, and give the lines."""
    graphs = [open_example("mozilla").graph for _ in range(ROUNDS)]
    base = rd.simulate(open_example("mozilla").graph, start=START, until="1d", default_duration=SPANS)
    nodes = flat(base)
    plain, compiled = looped(base)
    futures, compiled_futures = many(base)
    parts_first, parts_further, parts_whole = in_parts()
    jobs: dict[str, Callable[[], object]] = {
        "SimPy, AllOf": lambda: with_all_of(nodes), "a plain heap": lambda: with_heap(nodes),
        "first question": first(base, graphs), "further question": further(base),
        "further question, failures": failing(base),
        "further question, 40 workers": lambda: base.what_if(rd.workers(40)), "all its records": records(base),
        "event loop": plain, "event loop, compiled": compiled, "500 futures": futures,
        "500 futures, compiled": compiled_futures, "static in part: first question": parts_first,
        "static in part: further question": parts_further, "static in part: the reference alone": parts_whole,
    }  # fmt: skip
    best: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, job in jobs.items():
            gc.collect()
            began = time.process_time()
            job()
            best[name] = min(best.get(name, 1e9), time.process_time() - began)
    day = best["SimPy, AllOf"]
    lines = [
        Line("the estate's day", name, day / took, "a SimPy day", GOALS.get(name), note=f"{took * 1e3:.2f} ms")
        for name, took in best.items()
    ]
    show(machine(), lines)
    return lines


if __name__ == "__main__":
    main()
