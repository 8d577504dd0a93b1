"""The virtual loop runs its timers in order, and its time stops while a thread works."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from avatar_core.testing.clock import block, now, run

HOUR_S = 3600.0
TRUE_MONOTONIC = time.monotonic


def test_virtual_loops_in_two_threads_have_separate_times() -> None:
    inner_done = threading.Event()
    found: list[float] = []

    async def inner() -> None:
        await asyncio.sleep(HOUR_S)
        found.append(time.monotonic())

    def work() -> None:
        run(inner())
        inner_done.set()

    async def outer() -> float:
        thread = threading.Thread(target=work)
        thread.start()
        inner_done.wait(10)
        thread.join()
        await asyncio.sleep(1)
        return time.monotonic()

    assert run(outer()) == 1.0
    assert found == [HOUR_S]
    assert time.monotonic is TRUE_MONOTONIC


def test_virtual_time_stops_while_a_thread_works() -> None:
    hour_is_over = threading.Event()

    async def main() -> float:
        asyncio.get_running_loop().call_later(HOUR_S, hour_is_over.set)
        assert not await asyncio.to_thread(hour_is_over.wait, 0.1)
        return now()

    assert run(main()) == 0.0


def test_block_advances_virtual_time() -> None:
    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        called_at: list[float] = []
        loop.call_later(1.0, lambda: called_at.append(now()))
        block(3.0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return [*called_at, now()]

    assert run(main()) == [3.0, 3.0]
    with pytest.raises(RuntimeError, match="Mark the test"):
        asyncio.run(_block())


async def _block() -> None:
    block(1.0)


@pytest.mark.parametrize("delay_s", [1e-9, 4e-7, 1.4e-6, 0.1, 1e6])
def test_sleep_of_any_length_ends_on_time(delay_s: float) -> None:
    async def main() -> float:
        for _ in range(10):
            await asyncio.sleep(delay_s)
        return now()

    assert 10 * delay_s - 1e-9 <= run(main()) <= 10 * delay_s + 2e-5


def test_timers_run_in_order_and_at_their_times() -> None:
    async def main() -> list[float]:
        loop, called_at = asyncio.get_running_loop(), list[float]()
        for delay_s in (0.3, 0.1, 0.2, 0.1):
            loop.call_later(delay_s, lambda: called_at.append(now()))
        await asyncio.sleep(1)
        return called_at

    assert run(main()) == [0.1, 0.1, 0.2, 0.3]
