"""`run.log`: a logger whose lines the attempt keeps (R20). Owns nothing; a line costs what logging costs, and 2 µs."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from reactive_dag.engine.execute.current_body import BODY

LOGGER = logging.getLogger("reactive_dag.run")


class RunLog(logging.LoggerAdapter[logging.Logger]):
    """`reactive_dag.run`, with what the lines are about. What is of level INFO or above is kept, whoever hears it."""

    def __init__(self, about: Mapping[str, object], keep: Callable[[str, str], None]) -> None:
        super().__init__(LOGGER, about)
        self._keep = keep

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log a message, and keep it in the attempt's log."""
        if level >= logging.INFO or self.isEnabledFor(level):
            self._keep(logging.getLevelName(level), _text(msg, args, kwargs.get("exc_info")))
        outer = BODY.get()
        BODY.set((outer[0], outer[1], None))  # a handler that prints the line must not have it kept twice
        try:
            super().log(level, msg, *args, **{**kwargs, "stacklevel": kwargs.get("stacklevel", 1) + 1})
        finally:
            BODY.set(outer)


def _text(msg: object, args: tuple[object, ...], exc_info: object) -> str:
    try:
        given = args[0] if len(args) == 1 and isinstance(args[0], Mapping) and args[0] else args
        text = str(msg) % given if args else str(msg)
    except Exception as error:  # logging itself says so too, and goes on
        text = f"{msg!r} {args!r} ({type(error).__name__}: {error})"
    if isinstance(exc_info, BaseException):
        lines = traceback.format_exception(exc_info)
    else:
        lines = [traceback.format_exc()] if exc_info else []
    return "\n".join([text, *lines]).rstrip("\n")
