"""The whole program: every command, and how its errors are told."""

from __future__ import annotations

import sys
from typing import Annotated, NoReturn

import typer
from rich.markup import escape

import reactive_dag as rd
from reactive_dag.cli import backfills, changes, commands
from reactive_dag.cli.options import err, out, program
from reactive_dag.cli.sources import BadSource
from reactive_dag.cli.wording import as_typed

COMMANDS = (commands, changes, backfills)
"""The modules that add their commands to the program, in the order in which help lists them."""


def _version(asked: bool) -> None:
    if asked:
        out.print(f"reactive-dag {rd.__version__}", highlight=False)
        raise typer.Exit


@program.callback()
def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Start DAGs from other DAGs and from data, exactly once, and ask what if before it happens."""


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
    of_graph = isinstance(error, rd.GraphError | BadSource) and not isinstance(error, rd.UnknownId)
    said = str(error) if of_graph else as_typed(str(error))
    err.print(f"[red]error:[/red] {escape(said)}", highlight=False, soft_wrap=True)
    sys.exit(2)
