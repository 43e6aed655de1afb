"""The whole program: every command, and how its errors are told."""

from __future__ import annotations

import sys
from typing import NoReturn

from rich.markup import escape

import reactive_dag as rd
from reactive_dag.cli import backfills, changes, commands
from reactive_dag.cli.options import err, program

COMMANDS = (commands, changes, backfills)
"""The modules that add their commands to the program, in the order in which help lists them."""


def run() -> None:
    """Run the command line. Errors of ours and of files: one line on standard error and exit code 2."""
    try:
        program()
    except rd.ReactiveDagError as error:
        _refuse(error)
    except BrokenPipeError:
        sys.exit(0)
    except OSError as error:
        _refuse(error)


def _refuse(error: Exception) -> NoReturn:
    err.print(f"[red]error:[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
    sys.exit(2)
