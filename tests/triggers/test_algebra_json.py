"""Triggers as JSON and as a hash: G5, I7 and the law that a definition is data."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from functools import partial
from hashlib import blake2b

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactive_dag.model.calendar import day
from reactive_dag.model.errors import GraphError, InvalidValue
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.functions.by import By
from reactive_dag.triggers.joins.all_of import all_of
from reactive_dag.triggers.keys import JoinKey
from reactive_dag.triggers.leaves.absent import absent
from reactive_dag.triggers.leaves.completed import completed
from reactive_dag.triggers.leaves.dataset import Dataset, updated
from reactive_dag.triggers.leaves.schedule import at, cron, every
from reactive_dag.triggers.walks import walk
from tests.support.places import ROOT
from tests.support.profiles import examples
from tests.support.strategies import ALL_FEATURES, third, total, triggers

a, b = updated("a"), updated("b")

SAMPLES = """
from datetime import timedelta
from reactive_dag.model.calendar import day
from reactive_dag.triggers.leaves.absent import absent
from reactive_dag.triggers.joins.all_of import all_of
from reactive_dag.triggers.joins.at_least import at_least
from reactive_dag.triggers.leaves.schedule import cron, every
from reactive_dag.triggers.leaves.completed import completed
from reactive_dag.triggers.leaves.dataset import updated
from reactive_dag.triggers.joins.sequence import sequence
import operator
a, b = updated("a", kinds={"deleted", "created", "updated"}), updated("b")
least = 3
SAMPLES = [
    a & b | completed("x", states="any") | completed("*", states={"failed", "cancelled"}, tags={"t1", "t2", "t3"}),
    all_of(a, b, consume="each").within("1h").by("partition", day("Europe/Berlin"), max_keys=7, ttl="1d"),
    (cron("0 2 * * *", tz="Europe/Berlin") | every("15m")).throttle("1h").debounce("1m"),
    absent(sequence(a, b, a), at=cron("0 6 * * *"), after=b.batch(count=3, max_wait="5m")),
    at_least(2, a, b, completed("y", task="t", states="upstream_failed")),
    a.where(lambda e: e.extra["rows"] > least and e.kind in {"created", "updated", "x", "y"}),
    a.map(operator.attrgetter).by(lambda e, sep="/": e.partition.split(sep)[0]),
]
"""


@attrs.frozen
class Above:
    """A predicate that is a value."""

    least: int

    def __call__(self, event: object) -> bool:
        return total(event) > self.least


# ------------------------------------------------------------------------------------------------- law


def digests(*, seed: str) -> list[str]:
    code = SAMPLES + "import json; print(json.dumps([t.digest for t in SAMPLES]))"
    env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True, cwd=ROOT)
    return list(json.loads(ran.stdout))


def test_law_definition_is_data():
    one, other = digests(seed="1"), digests(seed="4711")
    assert one == other
    assert len(set(one)) == len(one)
    here: dict[str, list[Trigger]] = {}
    exec(SAMPLES, {}, here)
    assert [trigger.digest for trigger in here["SAMPLES"][:5]] == one[:5]


@settings(max_examples=examples(80))
@given(triggers(), triggers())
def test_law_definition_is_data_equal_means_equal_digest(one, other):
    assert (one == other) == (one.digest == other.digest)
    assert one != other or hash(one) == hash(other)


def test_law_definition_is_data_a_digest_stays_what_it_was():
    """Written down: a digest in an old log must still be that of the same definition."""
    assert (a & b).digest == "14bb351c82575864b6a1f7495ed15aa3"
    assert (
        completed("x", states="failed").by("logical_date").batch(count=2, max_wait="5m").digest
        == "4f5b073f1e44e2f13d5c8e7fcf08cacc"
    )


# -------------------------------------------------------------------------------------------------- I7


def scaled(event, by):
    return total(event) * by


def test_I7_functions_count_by_what_they_say():
    least = 3
    assert a.where(lambda e: e.extra > least) == a.where(lambda e: e.extra > least)
    assert a.where(lambda e: e.extra > 3) != a.where(lambda e: e.extra > 4)
    assert a.where(third) == a.where(third) != a.where(total)
    assert a.where(partial(scaled, by=1)) == a.where(partial(scaled, by=1)) != a.where(partial(scaled, by=2))
    assert a.where(Above(3)) == a.where(Above(3)) != a.where(Above(4))
    assert len({a.where(third), a.where(third), a.map(third)}) == 2


def test_I7_a_dataset_in_a_closure_counts_by_its_uri():
    def of(dataset):
        return a.where(lambda e: e.dataset == dataset.uri)

    assert of(Dataset("x")) == of(Dataset("x")) != of(Dataset("y"))


def test_I7_callable_objects_without_a_value_are_refused():
    class Loose:
        def __call__(self, event):
            return True

    with pytest.raises(InvalidValue):
        a.where(Loose())


# -------------------------------------------------------------------------------------------------- G5


@pytest.mark.parametrize("uri", ["plain", "größer", "a\x7fb", 'tab\t"quoted"', "a\u2028"])
def test_I7_a_digest_is_of_plain_ascii_json_whatever_the_names(uri):
    for trigger in (updated(uri).batch(count=3), (updated(uri) & b).batch(count=10**30)):
        text = json.dumps(trigger.to_json(), sort_keys=True, separators=(",", ":"))
        assert trigger.digest == blake2b(text.encode(), digest_size=16, person=b"rd.trigger").hexdigest()


@settings(max_examples=examples(120))
@given(triggers(features=ALL_FEATURES))
def test_G5_json_round_trip_keeps_the_digest(trigger):
    text = json.dumps(trigger.to_json())
    again = Trigger.from_json(json.loads(text))
    assert again == trigger
    assert again.digest == trigger.digest
    assert json.dumps(again.to_json()) == text
    assert type(again) is type(trigger)


def test_G5_every_field_survives():
    for trigger in (
        absent(a, at=cron("0 6 * * *", tz="Europe/Berlin"), after=b),
        at("2026-11-23T06:00:00.000000001Z") | every("90s", anchor="2026-01-01T00:00Z"),
        all_of(a, b, consume="latest").by("partition", day("Asia/Tokyo"), third, max_keys=3, ttl="1h"),
        By(completed("x") & completed("y"), (JoinKey("date"),)),
        completed("x", task="t", states="any") | completed("*", tags={"u", "v"}, states="failed"),
        a.where(Above(3)).map(lambda payload: len(payload)),
    ):
        again = Trigger.from_json(trigger.to_json())
        assert (again, again.digest) == (trigger, trigger.digest)


def test_G5_callables_are_references_and_loading_imports_nothing():
    data = a.where(third).to_json()
    assert data["fn"] == {"call": {"ref": "tests.support.strategies:third"}}
    data["fn"]["call"]["ref"] = "no_such_module:third"
    loaded = Trigger.from_json(data)
    assert loaded.fn.bound is False
    assert "no_such_module" not in sys.modules
    assert repr(loaded) == "rd.updated('a').where(third)"
    with pytest.raises(GraphError, match="no_such_module:third"):
        loaded.fn.fn(None)
    unnamed = a.map(lambda payload: payload[0])
    assert unnamed.to_json()["fn"]["call"].keys() == {"digest", "source"}
    assert Trigger.from_json(unnamed.to_json()) == unnamed
    assert repr(Trigger.from_json(unnamed.to_json())) == repr(unnamed)


def test_G5_the_graph_gives_datasets_their_calendars():
    known = Dataset("a", partitions=day("Europe/Berlin"))
    loaded = Trigger.from_json((a & b).to_json(), {"a": known, "b": Dataset("b")}.__getitem__)
    assert loaded.parts[0].dataset is known


def test_G5_what_is_at_its_default_is_left_out():
    assert a.to_json() == {"kind": "updated", "dataset": "a"}
    assert completed("x").to_json() == {"kind": "completed", "dag": "x"}
    assert (a & b).to_json() == {"kind": "all_of", "parts": [a.to_json(), b.to_json()]}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (None, ["trigger", "kind"]),
        ({"kind": 3}, ["kind"]),
        ({"kind": "al_of"}, ["'al_of'", "did you mean 'all_of'?"]),
        ({"kind": "all_of"}, ["trigger: all_of needs 'parts'"]),
        ({"kind": "all_of", "parts": []}, ["trigger: ", "no triggers"]),
        ({"kind": "all_of", "parts": [{"kind": "updated", "dataset": ""}]}, ["trigger.parts[0]"]),
        ({"kind": "all_of", "parts": {"kind": "updated", "dataset": "a"}}, ["trigger: "]),
        ({"kind": "updated", "dataset": "a", "kind_": 1}, ["'kind_'", "did you mean 'kinds'?"]),
        ({"kind": "updated", "dataset": 3}, ["trigger: ", "3"]),
        ({"kind": "completed", "dag": 3}, ["trigger: ", "3"]),
        ({"kind": "completed", "dag": "x", "states": ["gone"]}, ["'gone'"]),
        ({"kind": "batch", "part": {"kind": "updated", "dataset": "a"}, "count": "2"}, ["count of .batch()"]),
        ({"kind": "where", "part": {"kind": "updated", "dataset": "a"}, "fn": {"call": 3}}, ["trigger.fn"]),
        ({"kind": "where", "part": {"kind": "updated", "dataset": "a"}, "fn": "f"}, ["trigger: ", "called"]),
        ({"kind": "clock", "schedule": {"cron": "0 25 * * *"}}, ["trigger.schedule"]),
        ({"kind": "clock", "schedule": {"solar": "noon"}}, ["trigger.schedule", "solar"]),
        ({"kind": "by", "part": {"kind": "updated", "dataset": "a"}, "keys": [{"join": "x"}]}, ["keys[0]", "'x'"]),
        ({"kind": "by", "part": {"kind": "updated", "dataset": "a"}, "keys": "partition"}, ["keys"]),
    ],
)
def test_G5_bad_json_is_refused_with_its_place(data, words):
    with pytest.raises(InvalidValue) as caught:
        Trigger.from_json(data)
    for word in words:
        assert word in str(caught.value)


def test_G5_json_without_an_end_is_refused():
    data = a.to_json()
    for _ in range(5000):
        data = {"kind": "batch", "part": data, "count": 2}
    with pytest.raises(InvalidValue, match="too deeply"):
        Trigger.from_json(data)


def _places(data, path=()):
    yield path
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield from _places(value, (*path, key))


def _put(data, path, value):
    if not path:
        return value
    copied = copy.copy(data)
    copied[path[0]] = _put(data[path[0]], path[1:], value)
    return copied


@settings(max_examples=examples(150))
@given(st.data(), triggers(2))
def test_G5_damaged_json_is_refused_or_means_a_trigger(data, trigger):
    whole = trigger.to_json()
    path = data.draw(st.sampled_from(list(_places(whole))))
    odd = [None, True, 0, -1, 2.5, "", "x", [], [[]], {}, {"kind": "by"}, {"at": "x"}, {"cron": 3}, {"every": 5}]
    damaged = _put(whole, path, data.draw(st.sampled_from([*odd, whole, {"call": {}}, {"calendar": {"unit": "x"}}])))
    try:
        found = Trigger.from_json(damaged)
    except InvalidValue as error:
        assert str(error).startswith("trigger")
    else:
        assert Trigger.from_json(found.to_json()).digest == found.digest


def test_every_class_has_a_kind_of_its_own():
    assert all(cls.kind == kind for kind, cls in Trigger.by_kind.items())
    assert {type(found).kind for found in walk(a & b)} <= Trigger.by_kind.keys()
