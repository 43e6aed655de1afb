"""What theory knows: queues with c servers (Erlang C), networks of drawn durations (PERT), maxima of lognormals.

Each simulation has one seed, so each test gives the same figures each time; the bounds are some four standard errors.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from heapq import heappop, heappush
from itertools import accumulate
from math import factorial, sqrt
from random import Random
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

import reactive_dag as rd

Floats: TypeAlias = npt.NDArray[np.float64]
START = datetime(2026, 11, 23, tzinfo=UTC)


def minutes(span: timedelta | None) -> float:
    assert span is not None
    return span / timedelta(minutes=1)


# ----------------------------------------------------------------------------------------------------------- Erlang C


def erlang_c(servers: int, load: float) -> float:
    """The chance that who arrives waits, at `load` servers' worth of work (Erlang 1917)."""
    waits = load**servers / factorial(servers) * servers / (servers - load)
    return waits / (sum(load**n / factorial(n) for n in range(servers)) + waits)


def attempts(servers: int, load: float, arrivals: int, limit: str) -> Floats:
    """When each task came, began and ended, in minutes; arrivals are Poisson, a task takes 10 minutes on average."""
    draw = Random(f"{servers} {load}")
    gaps = accumulate(draw.expovariate(load / 10) for _ in range(arrivals))
    graph = rd.Graph("queue")
    graph.pool("servers", servers)
    dag = graph.dag("job", on=rd.at([START + timedelta(minutes=gap) for gap in gaps]))
    dag.add(lambda: None, "t", pool="servers" if limit == "pool" else None)
    course = rd.simulate(graph, start=START, until=f"{100 * arrivals}m", default_duration=rd.exponential("10m"), seed=1)
    if limit == "workers":
        course = course.what_if(rd.workers(servers))
    found = [(run.requested, run.tasks["t"].attempts[0].started, run.ended) for run in course.runs]
    assert len(found) == arrivals
    return np.array([[minutes(at - START) for at in each] for each in found])


QUEUES = [(1, 0.5, "workers"), (4, 2.2, "pool"), (8, 5.0, "workers")]


@pytest.mark.parametrize(("servers", "load", "limit"), QUEUES)
def test_who_comes_is_served_by_the_server_that_is_free_first(servers: int, load: float, limit: str) -> None:
    """Each task waits as Kiefer and Wolfowitz have it ("On the theory of queues with many servers", 1955)."""
    came, began, ended = attempts(servers, load, 500, limit).T
    free, waited = [0.0] * servers, []
    for at, span in zip(came, ended - began):
        start = max(at, heappop(free))
        waited.append(start - at)
        heappush(free, start + span)
    assert max(waited) > 0
    assert np.allclose(began - came, waited, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("servers", "load", "limit"), QUEUES)
def test_a_queue_with_c_servers_waits_as_erlang_says(servers: int, load: float, limit: str) -> None:
    came, began, _ = attempts(servers, load, 3200, limit).T
    chance = erlang_c(servers, load)
    batches = (began - came)[200:].reshape(10, -1)  # waits that follow each other are not independent, these nearly are
    for found, known in ((batches > 0, chance), (batches, chance * 10 / (servers - load))):
        means = found.mean(axis=1)
        assert abs(means.mean() - known) < 4 * means.std(ddof=1) / sqrt(10) < known


# --------------------------------------------------------------------------------------------------------------- PERT

Network = dict[str, tuple[str, ...]]

NETWORKS: dict[str, Network] = {
    "series": {"a": (), "b": ("a",), "c": ("b",)},
    "parallel": {"a": (), "b": (), "c": (), "d": ()},
    "bridge": {"a": (), "b": (), "c": ("a",), "d": ("a", "b"), "e": ("c", "d")},
    "crossed": {"a": (), "b": (), "c": ("a", "b"), "d": ("b",), "e": ("c",), "f": ("c", "d")},
}
RATES = {"a": 1 / 10, "b": 1 / 15, "c": 1 / 5, "d": 1 / 20, "e": 1 / 8, "f": 1 / 12}
"""Ends a minute."""


def moments(network: Network) -> tuple[float, float]:
    """The mean and the variance of how long a network of exponential durations takes, exactly.

    Which tasks have ended is a Markov chain (Kulkarni and Adlakha, "Markov and Markov-regenerative PERT networks",
    Operations Research 34, 1986).
    """

    @lru_cache
    def left(ended: frozenset[str]) -> tuple[float, float]:
        going = [task for task, needs in network.items() if task not in ended and ended.issuperset(needs)]
        if not going:
            return 0.0, 0.0
        total = sum(RATES[task] for task in going)
        later = [(RATES[task] / total, *left(ended | {task})) for task in going]
        mean = 1 / total + sum(share * first for share, first, _ in later)
        second = 2 / total**2 + sum(share * (2 * first / total + square) for share, first, square in later)
        return mean, second

    mean, second = left(frozenset())
    return mean, second - mean**2


def lengths(network: Network, durations: dict[str, object], runs: int) -> Floats:
    """How long each of so many runs of a network took, in minutes."""
    graph = rd.Graph("network")
    dag = graph.dag("job", on=rd.every("1h"))
    for task, needs in network.items():
        dag.add(lambda: None, task, after=list(needs))
    course = rd.simulate(graph, start=START, until=f"{runs}h", durations=durations, seed=3)  # type: ignore[arg-type]
    trace = course.trace
    assert [trace.ended(run) for run in trace.runs] == [course.outcome.ended(run) for run in course.outcome.runs]
    return np.array([minutes(run.ended - run.requested) for run in course.runs])


def test_known_moments_of_simple_networks() -> None:
    """The chain of states agrees with what is known otherwise."""
    assert moments(NETWORKS["series"]) == pytest.approx((30, 100 + 225 + 25))
    two = moments({"a": (), "b": ()})[0]
    assert two == pytest.approx(10 + 15 - 1 / (1 / 10 + 1 / 15))


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_exponential_durations_have_their_moments(name: str) -> None:
    network, runs = NETWORKS[name], 1200
    found = lengths(network, {f"job.{task}": rd.exponential(f"{round(60 / RATES[task])}s") for task in network}, runs)
    mean, variance = moments(network)
    assert len(found) == runs
    assert abs(found.mean() - mean) < 4 * sqrt(variance / runs)
    fourth = ((found - found.mean()) ** 4).mean()
    assert abs(found.var(ddof=1) - variance) < 4 * sqrt((fourth - variance**2) / runs)


def test_the_longest_of_lognormals_is_distributed_as_scipy_says() -> None:
    """Of eight at once; the chance that such a sample differs more is not below 1 in 1,000."""
    network: Network = {f"t{n}": () for n in range(8)}
    found = lengths(network, {"job": rd.lognormal("15m", 0.4)}, 1500)
    one = stats.lognorm(0.4, scale=15)
    assert stats.kstest(found, lambda x: one.cdf(x) ** 8).pvalue > 0.001
    for q in (0.5, 0.95):
        spread = sqrt(q * (1 - q) / 1500)
        low, high = np.quantile(found, [q - 4 * spread, q + 4 * spread])
        assert low < one.ppf(q ** (1 / 8)) < high
