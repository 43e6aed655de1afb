"""What a change costs: one intervention on a day of 157 DAGs, whose day was asked before, in 1 and in 500 futures.

Run it with `python benchmarks/bench_change.py`. Each DAG of the estate in turn comes two hours late, and each takes
1.3 times as long. A figure is the time of that in percent of the same evaluated anew: for one future the evaluators
alone (`evaluator`) and the whole question (`what_if`), for many what `.futures(500)` does after it. Below that what is
asked after such a change, in the time of a day of SimPy's AllOf model (bench_simulate.py): `what_if()`, `compare()`,
`timeline()` and `critical_path()` printed, `futures(500)` and `finish().quantile()`. Processor time, all threads
together; each the best of three.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from functools import partial

from bench_simulate import START, flat, with_all_of
from harness import Line, machine, quantile, show

import reactive_dag as rd
from reactive_dag.interop.examples import open_example
from reactive_dag.whatif.futures.future_ends import EndsInWindow
from reactive_dag.whatif.futures.window_futures import WindowFutures
from reactive_dag.whatif.loops.answering import window_of
from reactive_dag.whatif.loops.window_tools import tools_of
from reactive_dag.whatif.question.interventions import Intervention
from reactive_dag.whatif.simulation import Simulation
from reactive_dag.whatif.window.incremental import evaluate_again
from reactive_dag.whatif.window.one_pass import one_pass

FUTURES, BEST_OF = 500, 3
SHARES = {"median": 0.5, "p90": 0.9, "max": 1.0}
GOALS = {"p90": 10.0, "max": 100.0}
"""In percent of the same evaluated anew."""
ANSWERS_GOAL = 0.5
"""Of SimPy's days: all answers together."""


def took(job: Callable[[], object], rounds: int = BEST_OF) -> float:
    """The processor time of a job (s), best of the rounds."""
    best = 1e9
    for _ in range(rounds):
        began = time.process_time()
        job()
        best = min(best, time.process_time() - began)
    return best


def lines_of(job: str, by: str, taken: list[float], whole: float, goals: dict[str, float]) -> Iterator[Line]:
    """The quantiles of what was taken, in percent of the whole."""
    for name, share in SHARES.items():
        found = quantile(taken, share)
        note = f"{found * 1e3:.2f} ms of {whole * 1e3:.2f}"
        yield Line(job, f"{by}, {name}", found / whole * 100, "% of all", goals.get(name), more=False, note=note)


def in_one(base: rd.Simulation, changes: list[Intervention]) -> Iterator[Line]:
    """In one future: the evaluators alone, and the whole question."""
    window, known = window_of(base.question), base.answer
    assert known is not None
    alone, whole = [], []
    for change in changes:
        asked = known.asked.further(base.what_if(change).effects)
        alone.append(took(partial(evaluate_again, window, asked.values, known.passed, asked.changed)))
        whole.append(took(partial(base.what_if, change)))
    one = "one change, 1 future"
    yield from lines_of(one, "evaluator", alone, took(partial(one_pass, window, known.asked.values), 10), GOALS)
    anew = took(partial(Simulation, base.what_if(changes[0]).question), 10)
    yield from lines_of(one, "what_if", whole, anew, GOALS)


def in_many(base: rd.Simulation, changes: list[Intervention], by: str) -> Iterator[Line]:
    """In 500 futures, those of the question before known."""
    tools = tools_of(base.graph, window_of(base.question))

    def asked(late: rd.Simulation, before: EndsInWindow | None) -> EndsInWindow:
        futures = WindowFutures(tools, late.effects, 0, lambda future, why: {})
        return EndsInWindow(futures, FUTURES, before=None if before is None else (before, late.effects.touched))

    anew, before = took(partial(asked, base, None), 5), asked(base, None)
    before.rows  # noqa: B018  # put together once, for all that follows
    lates = [base.what_if(change) for change in changes]
    taken = [took(partial(asked, late, before)) for late in lates]
    yield from lines_of(f"one change, {FUTURES} futures", by, taken, anew, GOALS)


def answers(base: rd.Simulation, day: float) -> Iterator[Line]:
    """What somebody asks after a change: everything that shows it."""
    base.futures(FUTURES)
    base.what_if(rd.delay(base.runs[0].dag, "1h")).futures(FUTURES)

    def ask(dag: str) -> None:
        late = base.what_if(rd.delay(dag, "2h"))
        for answer in (late.compare(), late.timeline(), late.critical_path(dag)):
            str(answer)
        late.futures(FUTURES).finish(dag).quantile([0.5, 0.95])

    taken = [took(partial(ask, dag)) / day for dag in sorted({run.dag for run in base.runs})]
    for name, share in SHARES.items():
        found = quantile(taken, share)
        goal = ANSWERS_GOAL if name != "max" else None
        note = f"{found * day * 1e3:.1f} ms"
        yield Line("a change, and all answers", name, found, "SimPy days", goal, more=False, note=note)


def main() -> list[Line]:
    """Measure, print, and give the lines."""
    estate = open_example("mozilla").graph
    medians = {dag: rd.lognormal("15m", 0.4) for dag in estate.dags}
    base = rd.simulate(estate, start=START, until="1d", durations=medians)
    day = took(partial(with_all_of, flat(base)), 10)
    ran = sorted({run.dag for run in base.runs})
    working = [dag for dag in ran if any(not task.wait for task in estate.dags[dag].tasks.values())]
    changes = [*(rd.delay(dag, "2h") for dag in ran), *(rd.duration(dag, times=1.3) for dag in working)]
    gc.collect()
    gc.freeze()
    lines = [*in_one(base, changes), *in_many(base, changes, "NumPy"), *answers(base, day)]
    import reactive_dag.whatif.loops.compiled_levels  # noqa: F401  # once it is loaded, it is used

    lines += in_many(base, changes, "compiled")
    show(machine(), lines)
    return lines


if __name__ == "__main__":
    main()
