"""`rops.exactly_once`: the ledger first, then whoever listens."""

import threading

import reactivex as rx

import reactive_dag.operators as rops
from reactive_dag.log.ledger import Ledger
from reactive_dag.model.errors import InvalidValue
from reactive_dag.streams.scheduler import VirtualScheduler
from tests.support.marbles import START, Film, flow, hot

PATIENCE = 30


def test_what_was_seen_is_not_emitted_again():
    assert flow("abAcbC|", rops.exactly_once(key=str.lower)) == "0:a 1:b 3:c 6:|"


def test_each_subscription_without_a_ledger_has_its_own():
    operator = rops.exactly_once(key=str)
    assert flow("aab", operator) == flow("aab", operator) == "0:a 2:b"


def test_a_ledger_is_shared_by_all_that_use_it():
    ledger = Ledger()
    assert flow("ab", rops.exactly_once(key=str, ledger=ledger)) == "0:a 1:b"
    assert flow("abc", rops.exactly_once(key=str, ledger=ledger)) == "2:c"


def test_X1_a_ledger_on_a_file_outlives_the_process(tmp_path):
    store = f"sqlite:///{tmp_path / 'seen.db'}"
    for line, expected in (("ab", "0:a 1:b"), ("abc", "2:c"), ("abc", "")):
        with Ledger(store) as ledger:
            assert flow(line, rops.exactly_once(key=str, ledger=ledger)) == expected


def test_a_ttl_counts_on_the_subscriptions_scheduler():
    scheduler = VirtualScheduler(START)
    film = Film(hot("aa--a-a", scheduler).pipe(rops.exactly_once(key=str, ledger=Ledger(ttl="4s"))), scheduler)
    scheduler.advance("1m")
    assert str(film) == "0:a 4:a"


class Diary:
    """A ledger that notes when it was asked."""

    def __init__(self):
        self.notes, self.keys = [], set()

    def add(self, key, now=None):
        self.notes.append(("ledger", key))
        new = key not in self.keys
        self.keys.add(key)
        return new


def test_law_persist_before_emit():
    source, diary = rx.Subject(), Diary()
    source.pipe(rops.exactly_once(key=str, ledger=diary)).subscribe(lambda item: diary.notes.append(("emit", item)))
    source.on_next("a")
    source.on_next("a")
    assert diary.notes == [("ledger", "a"), ("emit", "a"), ("ledger", "a")]


def test_what_could_not_be_persisted_is_not_emitted():
    class Full:
        def add(self, key, now=None):
            raise OSError("disk full")

    source, seen = rx.Subject(), []
    source.pipe(rops.exactly_once(key=str, ledger=Full())).subscribe(
        seen.append, lambda error: seen.append(repr(error))
    )
    source.on_next("a")
    source.on_next("b")
    assert seen == ["OSError('disk full')"]
    assert source.observers == []


def test_a_key_that_is_no_plain_data_ends_the_stream():
    seen = []
    rx.of(1).pipe(rops.exactly_once(key=lambda item: object())).subscribe(seen.append, seen.append)
    assert [type(error) for error in seen] == [InvalidValue]


def test_law_one_request_per_key_with_many_threads():
    source, seen, gate = rx.Subject(), [], threading.Barrier(4)
    source.pipe(rops.exactly_once(key=lambda item: item)).subscribe(seen.append)

    def work():
        gate.wait()
        for number in range(500):
            source.on_next(number)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(seen) == list(range(500))


def test_law_constant_stack():
    source, seen = rx.Subject(), []

    def publish(number):
        seen.append(number)
        if number < 20_000:
            source.on_next(number + 1)

    source.pipe(rops.exactly_once(key=lambda item: item)).subscribe(publish)
    source.on_next(0)
    assert len(seen) == 20_001


def test_law_dispose_stops_everything():
    source, seen = rx.Subject(), []
    subscription = source.pipe(rops.exactly_once(key=str)).subscribe(seen.append)
    subscription.dispose()
    source.on_next("a")
    assert (seen, source.observers) == ([], [])


def test_the_tours_pipe():
    events = [{"id": number // 2} for number in range(6)]
    seen = []
    rx.from_iterable(events).pipe(
        rops.exactly_once(key=lambda e: e["id"], ledger=Ledger(ttl="30d")), rops.batch(count=3, max_wait="10s")
    ).subscribe(seen.append)
    assert seen == [[{"id": 0}, {"id": 1}, {"id": 2}]]
