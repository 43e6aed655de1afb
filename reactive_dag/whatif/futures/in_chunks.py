"""Futures in chunks, on all cores, with progress, until Ctrl-C: what is done by then counts.

Owns no state. Chunks are of the same futures whatever the number of threads or processes, so results are the same.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from functools import cached_property
from typing import TypeVar, cast

Result = TypeVar("Result")
ChunkWork = Callable[[range], Result]

LONG = 4
"""From so many chunks on progress is shown, unless it is said."""

_inherited: dict[int, Callable[[range], object]] = {}
"""What worker processes do: they are forked, so nothing of it needs to be sent to them."""


def cores() -> int:
    """How many cores this process may use. O(1)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_chunks(
    work: ChunkWork[Result], n: int, size: int, *, processes: bool = False, workers: int | None = None,
    progress: bool | None = None,
) -> list[Result]:  # fmt: skip
    """The results of the chunks of `size` that were done in order from the first, all unless Ctrl-C came. O(n)."""
    chunks = [range(first, min(first + size, n)) for first in range(0, n, size)]
    workers = min(workers or cores(), len(chunks))
    found: dict[int, Result] = {}
    with _shown(n, progress, len(chunks)) as advance:
        try:
            if workers <= 1 or (processes and "fork" not in multiprocessing.get_all_start_methods()):
                for at, chunk in enumerate(chunks):
                    found[at] = work(chunk)
                    advance(len(chunk))
            else:
                _spread(work, chunks, workers, processes, found, advance)
        except KeyboardInterrupt:
            pass  # what is done counts, and how many says so
    done = next((at for at in range(len(chunks)) if at not in found), len(chunks))
    return [found[at] for at in range(done)]


def _spread(
    work: ChunkWork[Result], chunks: list[range], workers: int, processes: bool, found: dict[int, Result],
    advance: Callable[[int], None],
) -> None:  # fmt: skip
    key = id(work)
    _inherited[key] = work
    pool = _pool(workers, processes)
    try:
        waiting = {pool.submit(_inherited_work, key, chunk): at for at, chunk in enumerate(chunks)}
        for each in as_completed(waiting):
            found[waiting[each]] = cast("Result", each.result())
            advance(len(chunks[waiting[each]]))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        _inherited.pop(key, None)


def _pool(workers: int, processes: bool) -> Executor:
    if processes:
        return ProcessPoolExecutor(workers, multiprocessing.get_context("fork"), initializer=_unlock_properties)
    return ThreadPoolExecutor(workers)


def _unlock_properties() -> None:
    """Give the cached properties new locks: where a thread worked one out as this process was forked, its stays locked.

    Up to Python 3.11 such a lock is the class's, so the same property of another object waits for ever. O(classes).
    """
    modules = [module for name, module in list(sys.modules.items()) if name.startswith("reactive_dag.")]
    classes = {each for module in modules for each in vars(module).values() if isinstance(each, type)}
    for each in classes:
        for name, value in vars(each).items():
            if isinstance(value, cached_property):
                value.__init__(value.func)  # type: ignore[misc]
                value.__set_name__(each, name)


def _inherited_work(key: int, chunk: range) -> object:
    return _inherited[key](chunk)


@contextmanager
def _shown(n: int, progress: bool | None, chunks: int) -> Iterator[Callable[[int], None]]:
    """Shows how many futures are done, where somebody looks."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True)
    wanted = (chunks >= LONG and (console.is_terminal or console.is_jupyter)) if progress is None else progress
    if not wanted:
        yield lambda done: None
        return
    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("futures", total=n)
        yield lambda done: bar.advance(task, done)
