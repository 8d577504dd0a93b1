"""Work that is cancelled before it runs leaves no coroutine behind that was never awaited."""

from __future__ import annotations

import asyncio
import gc
import random
import warnings
from collections.abc import Iterator

import pytest

from avatar_core.playback.send_loop import SendLoop
from avatar_core.tasks import BackgroundTasks, call_provider, close_quietly
from avatar_core.testing.clock import run
from avatar_core.testing.player_harness import PlayerHarness


@pytest.fixture(autouse=True)
def unawaited() -> Iterator[None]:
    """Fail if a coroutine of the test was never awaited."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
        gc.collect()
    texts = [str(one.message) for one in caught]
    assert [text for text in texts if "never awaited" in text] == []


async def storm(seed: int) -> None:
    """Interrupt, pause and restart speech at random steps of the event loop."""
    choose = random.Random(seed)
    harness = PlayerHarness()
    actions = (
        harness.pause,
        harness.resume,
        harness.clear,
        lambda: (harness.pause(), harness.resume()),
        lambda: harness.player.restart(harness.avatar.transport),
        lambda: (harness.pause(), harness.resume(), harness.clear()),
    )
    for _ in range(20):
        harness.say(1.0)
        for _ in range(choose.randrange(8)):
            await asyncio.sleep(choose.choice([0.001, 0.02, 0.04, 0.0]))
            for _ in range(choose.randrange(4)):
                await asyncio.sleep(0)
            choose.choice(actions)()
        harness.resume()
    if seed % 2:
        harness.lose()
    await harness.aclose()


@pytest.mark.parametrize("seed", range(12))
def test_many_interruptions_and_pauses_leave_no_unawaited_coroutine(seed: int) -> None:
    run(storm(seed))


async def work() -> None:
    await asyncio.sleep(1.0)


class Part:
    async def aclose(self) -> None:
        await work()


@pytest.mark.virtual_time
async def test_cancelled_call_of_a_provider_leaves_no_unawaited_coroutine() -> None:
    for task in (
        asyncio.ensure_future(call_provider(work)),
        asyncio.ensure_future(close_quietly(Part())),
        BackgroundTasks().start(work(), "work"),
    ):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.virtual_time
async def test_cancelled_background_work_of_the_send_loop_leaves_no_unawaited_coroutine() -> None:
    async def idle() -> None:
        await asyncio.sleep(0)

    loop = SendLoop(idle, name="idle")
    loop.run_in_background(work())
    for task in loop._background:
        task.cancel()
    await loop.aclose()
