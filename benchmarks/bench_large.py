"""What if, at a large scale: a generated estate of 1M tasks in 10,000 DAGs, one day, beside SimPy.

Run it with `python benchmarks/bench_large.py`; it takes two to three minutes. A tenth of the DAGs starts by a clock,
each other when one or two before it complete; a DAG has 100 tasks, which need up to three of the ten before them. The
first question checks the graph, compiles its window and evaluates it; declaring is not in it. SimPy gets the same tasks
as bare nodes (bench_simulate.py), in a process of its own; its time is that of building its processes and running them,
and all must end at the same instants. Processor time, once; of further questions the median of 20 and the largest.
"""

from __future__ import annotations

import pickle
import resource
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from bench_simulate import START, Node, nothing, with_all_of
from harness import Line, machine, quantile, show

import reactive_dag as rd

DAGS, TASKS, CLOCKED = 10_000, 100, 10
FURTHER = 20
GOALS = {"first question": 1 / 3, "memory": 4.0, "further question": 15.0}
"""How often in the time of SimPy's day; the memory in GB."""

Plan = tuple[list[list[int]], list[list[list[int]]]]
"""Which DAGs each follows, none of one with a clock; which of its tasks each of its tasks needs."""


def plan(dags: int = DAGS) -> Plan:
    """The estate, as numbers."""
    draw = Random(11)
    follows = [
        sorted({draw.randrange(max(0, d - 3000), d) for _ in range(draw.choice([1, 1, 2]))}) if d % CLOCKED else []
        for d in range(dags)
    ]
    needs = [
        [sorted({draw.randrange(max(0, t - 10), t) for _ in range(3)}) if t else [] for t in range(TASKS)]
        for _ in range(dags)
    ]
    return follows, needs


def declared(estate: Plan) -> rd.Graph:
    """The estate as a graph."""
    graph = rd.Graph("large")
    for d, (follows, needs) in enumerate(zip(*estate)):
        parts = [rd.completed(f"d{other}") for other in follows]
        clock = rd.cron("0 2 * * *")
        dag = graph.dag(f"d{d}", on=clock if not parts else parts[0] if len(parts) == 1 else rd.all_of(*parts))
        for t, row in enumerate(needs):
            dag.add(nothing, id=f"t{t}", after=[f"t{m}" for m in row])
    return graph


def bare(estate: Plan, base: rd.Simulation) -> tuple[list[Node], list[int]]:
    """The estate as nodes for SimPy, with the instants at which ours end; whole nanoseconds."""
    assert base.answer is not None
    window, ends = base.answer.window, base.answer.passed.end
    spans, nodes = base.answer.asked.values.span, list[Node]()
    last = [[t for t in range(TASKS) if t not in {m for row in needs for m in row}] for needs in estate[1]]
    ours: list[int] = []
    for d, (follows, needs) in enumerate(zip(*estate)):
        awaited = [other * TASKS + t for other in follows for t in last[other]]
        begin = 0 if follows else int(window.base[window.starts_of_dag(f"d{d}")[0]]) - window.begin
        of_task = [int(window.nodes_of_task((f"d{d}", f"t{t}"))[0]) for t in range(TASKS)]
        for t, row in enumerate(needs):
            nodes.append((0 if row else begin, spans[of_task[t]], [d * TASKS + m for m in row] if row else awaited))
            ours.append(ends[of_task[t]] - window.begin)
    return nodes, sorted(ours)


def with_simpy(nodes: list[Node], ours: list[int]) -> float:
    """The processor time of SimPy's day, in a process of its own."""
    with TemporaryDirectory(prefix="reactive-dag-bench-") as folder:
        given = Path(folder) / "nodes"
        given.write_bytes(pickle.dumps((nodes, ours)))
        done = subprocess.run([sys.executable, __file__, str(given)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def play(given: Path) -> None:
    """What that process does."""
    nodes, ours = pickle.loads(given.read_bytes())
    began = time.process_time()
    ends = with_all_of(nodes)
    took = time.process_time() - began
    assert ends == ours
    print(took)


def main() -> list[Line]:
    """Measure, print, and give the lines."""
    estate = plan()
    graph = declared(estate)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    began = time.process_time()
    base = rd.simulate(graph, start=START, until="1d", default_duration=rd.spread_durations("5m", "40m"))
    first = time.process_time() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    draw, further = Random(5), list[float]()
    for _ in range(FURTHER):
        change = rd.delay(f"d{draw.randrange(DAGS)}", "2h")
        began = time.process_time()
        base.what_if(change)
        further.append(time.process_time() - began)
    assert base.method.evaluator == "one pass", base.method
    day = with_simpy(*bare(estate, base))
    job = "1M tasks in 10,000 DAGs"
    lines = [
        Line(job, "SimPy, AllOf", 1, "a SimPy day", note=f"{day:.1f} s"),
        Line(job, "first question", day / first, "a SimPy day", GOALS["first question"], note=f"{first:.1f} s"),
        Line(job, "memory", memory, "GB", GOALS["memory"], more=False, note=f"{held:.2f} GB once it is declared"),
    ]
    for name, share in {"median": 0.5, "max": 1.0}.items():
        took = quantile(further, share)
        goal = GOALS["further question"]
        lines.append(Line(job, f"further, {name}", day / took, "a SimPy day", goal, note=f"{took * 1e3:.1f} ms"))
    show(machine(), lines)
    return lines


if __name__ == "__main__":
    play(Path(sys.argv[1])) if len(sys.argv) > 1 else main()
