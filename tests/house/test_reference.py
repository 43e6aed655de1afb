"""The naive models share with the product what people declare and what is data, and nothing that decides."""

from __future__ import annotations

from tests.house.source import imports, read
from tests.support.places import ROOT

DATA = (
    "model",
    "triggers.base",
    "triggers.leaves",
    "triggers.joins",
    "triggers.windows",
    "triggers.functions",
    "triggers.keys",
)
SHARED = {
    "run_key": "the hash that is a run's key (I4)",
    "mark_identity": "what of a cause is in that hash (I3)",
    "SUSPECT": "how many lost attempts in a row fail a task (R5)",
    "JoinKey": "how completions join by themselves, as the graph fixed it (T8)",
    "CallableFault": "the error that a callable's failure becomes",
}
"""What the models take besides, and what it is; each has tests of its own."""


def test_the_models_are_independent() -> None:
    taken = {name for module in read(ROOT / "tests" / "reference").values() for name, _ in imports(module)}
    ours = {name.removeprefix("reactive_dag.") for name in taken if name.startswith("reactive_dag.")}
    assert ours
    other = {name.rpartition(".")[2] for name in ours if not name.startswith(DATA)}
    assert other <= set(SHARED)
    assert not [name for name in ours if name.endswith("Cell")]
