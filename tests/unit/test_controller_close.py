"""The failover controller can be closed at any moment, in limited time, and ends its sessions."""

from __future__ import annotations

import asyncio

import pytest

from avatar_core.testing.clock import now
from avatar_core.testing.failover_harness import FailoverHarness, agent_tracks
from avatar_core.testing.link_spy import LinkSpy
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.scripted_provider import ScriptedProvider, each_released_once

pytestmark = pytest.mark.virtual_time


async def test_close_during_provision_ends_the_claimed_session(room: MemoryRoom) -> None:
    provider = ScriptedProvider(room)
    provider.provision_s, provider.claims_first = 10.0, True
    harness = FailoverHarness(room, provider)
    starting = asyncio.create_task(harness.controller.start())
    await asyncio.sleep(1.0)
    await harness.close()
    await starting
    assert len(provider.released) == 1
    assert each_released_once(provider)


async def test_close_before_the_join_ends_the_session(room: MemoryRoom) -> None:
    provider = ScriptedProvider(room)
    provider.join_s = 10.0
    harness = FailoverHarness(room, provider)
    await harness.controller.start()
    await harness.close()
    assert each_released_once(provider)


async def test_close_does_not_wait_for_a_release_that_hangs(room: MemoryRoom) -> None:
    provider = ScriptedProvider(room)
    provider.release_s = 60.0
    harness = FailoverHarness(room, provider)
    await harness.controller.start()
    await harness.controller.wait_until_settled()
    closing_at = now()
    await harness.close()
    assert now() - closing_at <= 4.1
    for worker in provider.workers.values():
        worker.cancel()


@pytest.mark.parametrize("hangs", [True, False])
async def test_provider_is_closed_after_its_sessions_ended(room: MemoryRoom, hangs: bool) -> None:
    class PoolingProvider(ScriptedProvider):
        """A provider that notes which sessions were released when it is closed."""

        released_at_close: list[str]

        async def aclose(self) -> None:
            self.released_at_close = [session for session, _ in self.released]
            if hangs:
                await asyncio.Event().wait()

    provider = PoolingProvider(room)
    harness = FailoverHarness(room, provider)
    await harness.controller.start()
    await harness.controller.wait_until_settled()
    closing_at = now()
    await harness.close()
    assert provider.released_at_close == provider.provisioned
    assert now() - closing_at <= 0.5


@pytest.mark.parametrize("hangs", [True, False])
async def test_close_does_not_wait_for_the_voice(room: MemoryRoom, hangs: bool) -> None:
    harness = FailoverHarness(room)
    spy = LinkSpy(harness.agent)
    spy.hang = {"audio"} if hangs else set()
    await harness.controller.start()
    over = harness.push_speech(1.0)
    await asyncio.sleep(0.3)
    closing_at = now()
    await harness.close()
    assert now() - closing_at < 0.1
    assert (await over)[1]
    assert agent_tracks(room) == set()


async def test_closed_controller_publishes_no_track(room: MemoryRoom) -> None:
    harness = FailoverHarness(room)
    await harness.controller.start()
    await harness.controller.aclose("the test is over")
    assert await harness.say(1.0) == (0.0, True)
    assert agent_tracks(room) == set()
    await harness.close()


async def test_second_close_of_the_controller_does_nothing(room: MemoryRoom) -> None:
    provider = ScriptedProvider(room)
    harness = FailoverHarness(room, provider)
    await harness.controller.start()
    await asyncio.gather(harness.close(), harness.close())
    assert each_released_once(provider)
