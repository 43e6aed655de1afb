"""The command line `reactive-dag`. The commands are loaded when the program starts."""

from __future__ import annotations


def main() -> None:
    """Run the command line; errors of ours are one line and an exit code, not a traceback."""
    from reactive_dag.cli.program import run

    run()
