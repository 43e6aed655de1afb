"""`rd.aiter`: order, errors, ends and back pressure. No event loop waits for a clock here."""

import asyncio
import gc
import threading

import pytest
import reactivex as rx
from reactivex import operators as ops

from reactive_dag.model.errors import InvalidValue, Overflow
from reactive_dag.streams.aiter import aiter

PATIENCE = 30


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, PATIENCE))


async def gather(items):
    return [item async for item in items]


def test_it_gives_what_is_emitted_in_order():
    async def main():
        return await gather(aiter(rx.range(0, 100)))

    assert run(main()) == list(range(100))


def test_it_is_subscribed_at_once():
    async def main():
        source = rx.Subject()
        items = aiter(source)
        source.on_next("early")
        source.on_completed()
        return await gather(items)

    assert run(main()) == ["early"]


def test_an_error_comes_after_the_items_before_it():
    async def main():
        seen = []
        with pytest.raises(LookupError):
            async for item in aiter(rx.concat(rx.of(1, 2), rx.throw(LookupError()))):
                seen.append(item)
        return seen

    assert run(main()) == [1, 2]


def test_it_waits_for_what_comes_from_another_thread():
    async def main():
        source = rx.Subject()
        items = aiter(source)
        task = asyncio.create_task(gather(items))
        await asyncio.sleep(0)
        await asyncio.to_thread(lambda: [source.on_next(n) for n in range(5)] and source.on_completed())
        return await task

    assert run(main()) == list(range(5))


def test_X4_a_full_buffer_makes_the_emitting_thread_wait():
    async def main():
        source, emitted = rx.Subject(), []

        def emit():
            for number in range(100):
                source.on_next(number)
                emitted.append(number)
            source.on_completed()

        items, seen = aiter(source, buffer=3), []
        thread = threading.Thread(target=emit)
        thread.start()
        async for item in items:
            assert len(emitted) - len(seen) <= 5  # three wait, one is under way at each end
            seen.append(item)
        thread.join(PATIENCE)
        return seen

    assert run(main()) == list(range(100))


def test_X4_the_loops_own_thread_is_told():
    async def main():
        source = rx.Subject()
        items, seen = aiter(source, buffer=2), []
        for number in range(5):
            source.on_next(number)
        with pytest.raises(Overflow, match="2 items waiting already"):
            async for item in items:
                seen.append(item)
        assert source.observers == []
        return seen

    assert run(main()) == [0, 1]


def test_X4_overflow_error_never_waits():
    async def main():
        source = rx.Subject()
        items = aiter(source, buffer=2, overflow="error")
        await asyncio.to_thread(lambda: [source.on_next(n) for n in range(5)])
        with pytest.raises(Overflow):
            await gather(items)

    run(main())


def test_closing_ends_the_subscription_and_lets_a_waiting_thread_go():
    async def main():
        source = rx.Subject()
        items = aiter(source, buffer=1)
        thread = threading.Thread(target=lambda: [source.on_next(n) for n in range(10)])
        thread.start()
        assert await anext(items) == 0
        await items.aclose()
        await asyncio.to_thread(thread.join, PATIENCE)
        assert not thread.is_alive()
        assert source.observers == []
        with pytest.raises(StopAsyncIteration):
            await anext(items)

    run(main())


def test_leaving_the_block_ends_the_subscription():
    async def main():
        source = rx.Subject()
        async with aiter(source) as items:
            source.on_next(1)
            assert await anext(items) == 1
        return source.observers

    assert run(main()) == []


def test_law_dispose_stops_everything_when_nobody_holds_the_iterator():
    async def main():
        source = rx.Subject()
        source.on_next(0)
        async for item in aiter(source.pipe(ops.start_with(1))):
            assert item == 1
            break
        gc.collect()
        return source.observers

    assert run(main()) == []


def test_a_cancelled_wait_loses_nothing():
    async def main():
        source = rx.Subject()
        items = aiter(source)
        waiting = asyncio.ensure_future(anext(items))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        source.on_next("kept")
        return await anext(items)

    assert run(main()) == "kept"


@pytest.mark.parametrize("wrong", [{"buffer": 0}, {"buffer": True}, {"buffer": 1.5}, {"overflow": "drop"}])
def test_R15_nonsense_is_refused(wrong):
    with pytest.raises(InvalidValue):
        aiter(rx.never(), **wrong)


def test_outside_a_loop_it_says_so():
    with pytest.raises(RuntimeError):
        aiter(rx.never())
