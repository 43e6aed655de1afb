"""What becomes of attempts in a course: each takes what arrays draw for it."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

import reactive_dag as rd
from reactive_dag.whatif.course.player import CoursePlayer
from reactive_dag.whatif.course.prepared import PreparedGraph
from reactive_dag.whatif.question.draws import DURATION, draw_keys, future_keys, text_key
from reactive_dag.whatif.question.duration_table import DurationTable


def test_W2_each_attempt_takes_what_arrays_draw_for_it() -> None:
    graph = rd.Graph("drawn")
    dag = graph.dag("job", schedule="0 */3 * * *")
    dag.add(lambda: None, "list")
    dag.add(lambda: None, "each", after=["list"], map_over="list")
    dag.add(lambda: None, "fixed", after=["list"], retries=2, retry_delay="1m")
    dag.add(lambda: None, "shared", after=["fixed"], trigger_rule="all_done")
    dag.add(lambda: None, "slow", after=["shared"])
    graph.dag("plain", on=rd.completed("job", states="any")).add(lambda: None, "t")
    base = rd.simulate(
        graph, start="2026-11-23T00:00Z", until="1d", outputs={"list": [1, 2]}, seed=7,
        durations={
            "list": rd.lognormal("15m", 0.4), "each": rd.exponential("4m"), "fixed": "3m", "plain": "1m",
            "shared": rd.uniform("1m", "9m"), "slow": rd.empirical(["1m", "2m", "7m"]),
        },
    )  # fmt: skip
    course = base.what_if(
        rd.shared("warehouse", rd.lognormal(1, 0.3), tasks=["shared", "fixed"]), rd.duration("slow", times=1.5),
        rd.fail("fixed", p=0.6),
    )  # fmt: skip
    player = CoursePlayer(course.question, PreparedGraph.of(graph), course.effects)
    fold = player.run()
    future, seen = future_keys(7, range(1)), 0
    for row in fold.log.runs():
        for task in row.tasks:
            for each in (task, *(task.instances or ())):
                for number, began, ended, *_ in each.attempts:
                    table = DurationTable.of([(row.dag, task.task)], course.effects)
                    identity = player.draws.identity_of(row.run)
                    keys = draw_keys(identity, text_key(each.task), DURATION, number)
                    assert began is not None
                    assert ended - began == table.spans(np.array([0]), keys, future)[0, 0]
                    seen += 1
    assert seen > 60
    spans = {task.ended - task.started for run in course.runs_of("job") for task in run.tasks["list"].attempts}
    assert len(spans) == 8 and all(timedelta(0) < span < timedelta(hours=2) for span in spans)
