"""The notebook wing: how graphs, runs, answers and what else there is show themselves in Jupyter.

Owns `register_pictures`, the one place where the wings below get what leads up to this one. It loads nothing: a drawing
is imported when it is first shown.
"""

from __future__ import annotations

import sys
from importlib import import_module

from reactive_dag.model import pictures

PICTURES = (
    ("Graph", "text/html", "graphs.picture:draw_graph"),
    ("Graph", pictures.DRAWN, "graphs.picture:picture_of"),
    ("Dag", "text/html", "graphs.picture:draw_dag"),
    ("Dag", pictures.DRAWN, "graphs.picture:picture_of_dag"),
    ("Trigger", "text/html", "graphs.picture:draw_trigger"),
    ("Table", "text/html", "answers.answer_tables:draw_table"),
    ("Simulation", "text/html", "answers.answer_tables:draw_simulation"),
    ("Runs", "text/html", "runs.run_lists:draw_runs"),
    ("Runs", "text/plain", "runs.run_lists:runs_text"),
    ("Partitions", "text/html", "runs.run_lists:draw_partitions"),
    ("Run", "text/html", "runs.runs:draw_run"),
    ("Run", "text/plain", "runs.runs:run_text"),
    ("Event", "text/html", "runs.events:draw_event"),
    ("Event", "text/plain", "runs.events:event_text"),
    ("Receipt", "text/html", "runs.events:draw_receipt"),
    ("Receipt", "text/plain", "runs.events:receipt_text"),
    ("Why", "text/html", "runs.causes:draw_why"),
    ("Why", "text/plain", "runs.causes:why_text"),
    ("Pending", "text/html", "runs.waiting:draw_pending"),
    ("Problems", "text/html", "runs.problems:draw_problems"),
    ("Problems", "text/plain", "runs.problems:problems_text"),
    ("Marbles", "text/html", "streams.marbles_picture:draw_marbles"),
)
"""What draws which kind of thing, as what."""


def register_pictures() -> None:
    """Let everything draw itself, and Tab complete names where IPython runs. O(pictures).

    A module that draws is loaded when it is first needed.
    """
    for kind, mime, place in PICTURES:
        pictures.register(kind, mime, f"reactive_dag.notebook.{place}")
    pictures.register_view("Engine", "reactive_dag.notebook.widgets.view:live_view")
    if "IPython" in sys.modules:
        import_module("reactive_dag.notebook.completion").complete_names()
