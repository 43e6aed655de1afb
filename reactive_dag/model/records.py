"""The records of the log: what happened, and what was decided about it.

A record is a frozen msgspec struct, written as an array with a small number as its tag. `at` is always first: integer
nanoseconds since 1970 UTC, given with the offset when the record is appended (semantics I1). *Facts* come from
outside the decision logic, *decisions* follow from facts; both are applied in the order of their offsets.
Building one costs about 0.1 µs. A tag is never given to another kind, and fields are only ever added at the end.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from reactive_dag.model.recorded.backfills import BackfillAsked as BackfillAsked
from reactive_dag.model.recorded.backfills import BackfillDate as BackfillDate
from reactive_dag.model.recorded.backfills import BackfillEnded as BackfillEnded
from reactive_dag.model.recorded.backfills import BackfillRequested as BackfillRequested
from reactive_dag.model.recorded.decisions import Answers as Answers
from reactive_dag.model.recorded.decisions import DeadlineMissed as DeadlineMissed
from reactive_dag.model.recorded.decisions import Decided as Decided
from reactive_dag.model.recorded.decisions import Duplicate as Duplicate
from reactive_dag.model.recorded.decisions import Expired as Expired
from reactive_dag.model.recorded.decisions import FeedbackStopped as FeedbackStopped
from reactive_dag.model.recorded.decisions import ObserverFault as ObserverFault
from reactive_dag.model.recorded.decisions import RoundSettled as RoundSettled
from reactive_dag.model.recorded.decisions import RunRequested as RunRequested
from reactive_dag.model.recorded.decisions import TriggerFault as TriggerFault
from reactive_dag.model.recorded.shared import UNCHANGED as UNCHANGED
from reactive_dag.model.recorded.shared import GivenValue as GivenValue
from reactive_dag.model.recorded.shared import Item as Item
from reactive_dag.model.recorded.shared import Json as Json
from reactive_dag.model.recorded.shared import Mark as Mark
from reactive_dag.model.recorded.shared import MissingPartitions as MissingPartitions
from reactive_dag.model.recorded.shared import OutletEvent as OutletEvent
from reactive_dag.model.recorded.shared import Record as Record
from reactive_dag.model.recorded.shared import RollupFired as RollupFired
from reactive_dag.model.recorded.shared import RunDeadline as RunDeadline

# ------------------------------------------------------------------------------------------------- facts


class Published(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=1):
    """A dataset changed. From outside: number `n` (from 0) of the dataset's outside events, `run` is -1.

    From a task: `run` is the offset of the run's request and `n` counts (run, task, dataset).
    """

    dataset: str
    n: int
    partition: str | None = None
    logical_date: int | None = None
    extra: Json = None
    kind: str = "updated"
    key: str | None = None
    time: int | None = None
    source: str | None = None
    run: int = -1
    task: str = ""
    cascade: str = ""


class StartRequested(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=2):
    """Somebody asked for a run of `dag` by hand; number `n` of the DAG's starts.

    From a body: `run` is the offset of its run's request and `task` the task's; `cascade` is that run's (R3), and
    `depth` says how many starts out of bodies led to each other at this instant, this one included.
    """

    dag: str
    n: int
    key: str | None = None
    params: Json = None
    payload: Json = None
    logical_date: int | None = None
    partition: str | None = None
    run: int = -1
    task: str = ""
    cascade: str = ""
    depth: int = 0


class TaskPlan(msgspec.Struct, frozen=True, gc=False, array_like=True, omit_defaults=True):
    """What of a task decides how a log is read back; `needs` are the numbers of the tasks that it follows.

    `over` is the one of them whose items it is mapped over, -1 for a task that is not mapped.
    """

    id: str
    kind: str = "task"
    needs: tuple[int, ...] = ()
    rule: str = "all_success"
    retries: int = 0
    past: bool = False
    over: int = -1
    branch: bool = False
    teardown: bool = False


class PlanDeclared(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=18):
    """The tasks of a DAG, by number, of the runs that name this record (R11). Written once a definition."""

    dag: str
    digest: str
    tasks: list[TaskPlan]


class Republished(Published, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=39):
    """A dataset changed in a later round of a run: what an earlier round's event of that identity became (R10).

    It is a kind of its own, so that whoever hears events asks of none whether it is one of these.
    """


class RunStarted(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=3):
    """A queued run began; `run` is the offset of its `RunRequested`, `plan` that of its `PlanDeclared`.

    `sources` are the runs that made items among its causes.
    """

    run: int
    dag: str
    key: str
    logical_date: int | None = None
    partition: str | None = None
    cascade: str = ""
    round: int = 1
    plan: int = -1
    sources: tuple[int, ...] = ()


class TaskStarted(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=4):
    """An attempt was handed to the runner, or a wait began to watch for what it `awaits`: dates (ns), or partitions."""

    run: int
    task: str
    attempt: int = 1
    awaits: list[int | str] | None = None
    several: bool = False


class TaskFinished(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=5):
    """An attempt ended, or a task that never ran got its state (`attempt` 0).

    `publishes` is what the body published; None means one automatic event for each outlet. `values` are the shared
    values that it set (R22). Both are recorded when this record is applied (R3), so an attempt that was closed
    meanwhile publishes and sets nothing. With `saved` the output names the file that holds the value (R21).
    """

    run: int
    task: str
    state: str
    attempt: int = 1
    output: Json = None
    error: str | None = None
    began: int | None = None
    retry: bool = True
    retry_after: int | None = None
    publishes: list[OutletEvent] | None = None
    values: list[GivenValue] | None = None
    saved: bool = False


class TaskRetry(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=6):
    """The next attempt of a task is due at `due`."""

    run: int
    task: str
    attempt: int
    due: int


class Looked(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=26):
    """A wait made its `number`-th look in an attempt and goes on waiting (R27); `seen` is None where it saw the same.

    Looks that nobody was there for have numbers too.
    """

    run: int
    task: str
    attempt: int = 1
    number: int = 1
    seen: str | None = None


class RunFinished(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=7):
    """A run ended. It carries what a trigger on the DAG may ask, so that nobody has to look the run up.

    `error` says why it ended so where none of its tasks does (R6, R17).
    """

    run: int
    dag: str
    key: str
    state: str
    logical_date: int | None = None
    partition: str | None = None
    cascade: str = ""
    round: int = 1
    error: str | None = None

    @classmethod
    def of(cls, begun: RunStarted, state: str, at: int, error: str | None = None) -> RunFinished:
        """The end of a run. O(1)."""
        return cls(
            at, begun.run, begun.dag, begun.key, state, begun.logical_date, begun.partition, begun.cascade,
            begun.round, error,
        )  # fmt: skip


class Cancelled(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=8):
    """Somebody asked to cancel a run, another run takes its place (R6), or it took too long (R17).

    It ends in `state`; `replaced_by` is the key of the run that takes its place.
    """

    run: int
    reason: str = ""
    state: str = "cancelled"
    replaced_by: str = ""

    @property
    def error(self) -> str:
        """What the run's end says: why, if that is known (R5)."""
        if self.ends_by_itself:
            return self.reason
        return f"cancelled: {self.reason}" if self.reason else "cancelled"

    @property
    def ends_by_itself(self) -> bool:
        """Whether nobody asked for it to be cancelled."""
        return bool(self.replaced_by) or self.state != "cancelled"


class RerunRequested(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=20):
    """The next round of a run is to happen (R10): of these tasks with what follows them, of all without any.

    `only_failed` keeps recorded successes. `origin` is the request whose `downstream` this one follows from, -1 for
    one that somebody asked for. `replaced`: causes of the run, each with the item that took its place.
    """

    run: int
    tasks: tuple[str, ...] = ()
    only_failed: bool = False
    downstream: bool = False
    origin: int = -1
    replaced: tuple[tuple[int, int], ...] = ()


class Marked(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=21):
    """Somebody gave a task of a run, or the run itself (`task` is ""), a final state by hand (R19)."""

    run: int
    task: str
    state: str
    reason: str = ""


class Paused(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=9):
    """A DAG was paused."""

    dag: str


class Resumed(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=10):
    """A DAG was resumed."""

    dag: str


class Registered(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=11):
    """A trigger definition came into force (T11). `trigger` is its JSON, as text; "" for a DAG started by hand."""

    dag: str
    label: str
    digest: str
    trigger: str = ""
    options: Json = None


class Removed(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=12):
    """A DAG, or one named trigger of it, is no longer there."""

    dag: str
    label: str | None = None


class EngineStarted(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=13):
    """An engine opened the store; from `at` to `until` nobody was there (I8, R9). `lateness` misses no tick."""

    until: int
    version: str = ""
    lateness: int = 0


class Tick(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=14):
    """Time reached `at` and no other record said so (I1)."""


class Slept(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=19):
    """The machine slept, or the process was stopped: ticks between `at` and `until` were missed (R9)."""

    until: int


class OnceDone(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=15):
    """A `once` effect ended with `value`; `scope` is "" for `engine.once`, else the run's key and task (X2)."""

    scope: str
    name: str
    value: Json = None
    expires: int | None = None


class KeyConflict(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=16):
    """A caller used a key again with other content; record `first` stands (I5)."""

    scope: str
    key: str
    first: int


class FaultsRetried(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=17):
    """Parked items of a DAG are to be delivered again (T10)."""

    dag: str


class ValueSet(Record, frozen=True, gc=False, array_like=True, omit_defaults=True, tag=23):
    """A shared value was set (R22), until `expires`; None forgets it. `run` and `task` set it, -1 from outside."""

    name: str
    value: Json = None
    expires: int | None = None
    run: int = -1
    task: str = ""


FACTS = (
    Published, StartRequested, PlanDeclared, RunStarted, TaskStarted, TaskFinished, TaskRetry, RunFinished, Cancelled,
    Paused, Resumed, Registered, Removed, EngineStarted, Tick, Slept, OnceDone, KeyConflict, FaultsRetried,
    ValueSet, ObserverFault, RerunRequested, Republished, Marked,
    BackfillRequested, BackfillAsked, BackfillEnded, Looked,
)  # fmt: skip
DECISIONS = (
    RunRequested,
    Answers,
    TriggerFault,
    Expired,
    Decided,
    Duplicate,
    RoundSettled,
    DeadlineMissed,
    FeedbackStopped,
)

AnyRecord: TypeAlias = (
    Published | StartRequested | PlanDeclared | RunStarted | TaskStarted | TaskFinished | TaskRetry | RunFinished
    | Cancelled | Paused | Resumed | Registered | Removed | EngineStarted | Tick | Slept | OnceDone | KeyConflict
    | FaultsRetried | ValueSet | RunRequested | Answers | TriggerFault | Expired | Decided | ObserverFault | Duplicate
    | RerunRequested | Republished | RoundSettled | Marked | DeadlineMissed | BackfillRequested | BackfillAsked
    | BackfillEnded | Looked | FeedbackStopped
)  # fmt: skip

RUN_STATES = ("queued", "running", "success", "failed", "cancelled", "skipped")
FINAL_RUN_STATES = frozenset({"success", "failed", "cancelled", "skipped"})
TASK_STATES = (*RUN_STATES, "upstream_failed", "retrying", "waiting")
FINAL_TASK_STATES = FINAL_RUN_STATES | {"upstream_failed"}
