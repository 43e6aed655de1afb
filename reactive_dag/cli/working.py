"""Driving an engine for a command."""

from __future__ import annotations

import sys
from contextlib import nullcontext, redirect_stdout

import reactive_dag as rd
from reactive_dag.engine.inspect.summary import Summary


def work_off(engine: rd.Engine, timeout: str, *, json: bool) -> Summary:
    """Work until nothing is left to do. With `json` standard output is the data's: what bodies print goes to errors."""
    with redirect_stdout(sys.stderr) if json else nullcontext():
        return engine.run_until_idle(timeout=timeout)
