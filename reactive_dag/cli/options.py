"""The program `reactive-dag` that the commands are added to, where they print, and the options that several take."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

program = typer.Typer(name="reactive-dag", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
out = Console()
err = Console(stderr=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Plain JSON for scripts.")]
GraphArgument = Annotated[str, typer.Argument(help="FILE.py[:graph], a saved graph, an estate, or 'mozilla'.")]
StoreOption = Annotated[str, typer.Option("--store", help="The store: a path, or sqlite:///file.db.")]
ChangedOption = Annotated[
    str, typer.Option("--store", help="The store: a path, or sqlite:///file.db. No engine may be open on it meanwhile.")
]
DagArgument = Annotated[str, typer.Argument(help="A DAG's id.")]
RunArgument = Annotated[str, typer.Argument(help="A run's key (its first digits will do), or a start's key.")]

# of what is recorded
DateOption = Annotated[str | None, typer.Option("--date", help="The logical date; for a start also 'now'.")]
PartitionOption = Annotated[str | None, typer.Option("--partition", help="The partition.")]
KeyOption = Annotated[str | None, typer.Option("--key", help="What comes again under the same key counts once.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, for those who read the log.")]
WorkOption = Annotated[
    str, typer.Option("--graph", help="FILE.py[:graph]: not only record it, but work until nothing is left to do.")
]
TimeoutOption = Annotated[str, typer.Option("--timeout", help="Give up working after so long.")]

# of virtual time
BeginOption = Annotated[
    str, typer.Option("--from", help="Start of virtual time: an ISO time with an offset, or a date.")
]
UntilOption = Annotated[str, typer.Option("--until", help="How long: 1d, 36h, or an ISO time.")]
SourceOption = Annotated[
    list[str] | None,
    typer.Option("--source", help="DATASET=CRON (UTC): when outside publishes a dataset; again for more."),
]
ShortestOption = Annotated[str, typer.Option("--shortest", help="The shortest duration assumed for a task.")]
LongestOption = Annotated[str, typer.Option("--longest", help="The longest duration assumed for a task.")]
SeedOption = Annotated[int, typer.Option("--seed", help="The seed of what is drawn.")]
