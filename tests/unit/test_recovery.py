"""The face comes back after a loss: the same avatar if it is alive, or another session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from avatar_core.contracts.errors import AuthError, CapacityError
from avatar_core.contracts.events import AvatarFailed, AvatarState
from avatar_core.failover.retries import RetryBudget
from avatar_core.provisioning.lease import Lease
from avatar_core.testing.clock import now
from avatar_core.testing.failover_harness import FailoverHarness
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.scripted_provider import AGENT, ScriptedProvider, each_released_once

pytestmark = pytest.mark.virtual_time

Fault = Callable[[MemoryRoom, ScriptedProvider, str], None]


async def start(room: MemoryRoom, *providers: ScriptedProvider, retries: int) -> FailoverHarness:
    """Return a harness whose first avatar is live."""
    harness = FailoverHarness(room, *providers, retries=retries)
    await harness.controller.start()
    assert await harness.controller.wait_until_settled() is not None
    return harness


async def lose(harness: FailoverHarness, provider: ScriptedProvider) -> Lease | None:
    """Crash the worker in the middle of a segment, and return the next lease."""
    speaking = harness.push_speech(3.0)
    await asyncio.sleep(1.0)
    provider.crash()
    assert await speaking == (pytest.approx(3.0), False)
    return await harness.controller.wait_until_settled()


async def test_lost_avatar_is_provisioned_again_by_the_same_provider(room: MemoryRoom) -> None:
    provider, other = ScriptedProvider(room, "a"), ScriptedProvider(room, "b")
    harness = await start(room, provider, other, retries=2)
    lease = await lose(harness, provider)
    assert lease is not None
    assert lease.provider is provider
    await harness.say(1.0)
    assert harness.takes == [("a", "lost"), ("voice", "done"), ("a", "done")]
    assert len(provider.provisioned) == 2
    await harness.close()
    assert each_released_once(provider)


async def test_next_provider_is_used_after_the_retry_budget_is_spent(room: MemoryRoom) -> None:
    provider, other = ScriptedProvider(room, "a"), ScriptedProvider(room, "b")
    harness = await start(room, provider, other, retries=2)
    names = []
    for _ in range(3):
        lease = await lose(harness, provider)
        assert lease is not None
        names.append(lease.provider.name)
    assert names == ["a", "a", "b"]
    await harness.close()
    assert each_released_once(provider)
    assert each_released_once(other)


async def test_avatar_returns_after_each_of_twenty_crashes(room: MemoryRoom) -> None:
    provider = ScriptedProvider(room)
    harness = await start(room, provider, retries=30)
    for _ in range(20):
        lease = await lose(harness, provider)
        assert lease is not None
        heard_s = room.recording.seconds(AGENT)
        assert await harness.say(1.0) == (pytest.approx(1.0), False)
        assert room.recording.seconds(AGENT) == heard_s, "the voice spoke instead of the avatar"
    assert len(provider.provisioned) == 21
    await harness.close()
    assert each_released_once(provider)


async def test_retry_that_fails_temporarily_is_repeated(room: MemoryRoom) -> None:
    provider = ScriptedProvider(room)
    harness = await start(room, provider, retries=2)
    provider.provision_error = CapacityError("full.", provider="vendor")
    lost = asyncio.create_task(lose(harness, provider))
    await harness.wait_until(lambda: len(harness.events_of(AvatarFailed)) == 2, 40.0)
    provider.provision_error = None
    assert await lost is not None
    await harness.close()
    assert each_released_once(provider)


async def test_retry_that_is_refused_is_not_repeated(room: MemoryRoom) -> None:
    provider = ScriptedProvider(room)
    harness = await start(room, provider, retries=9)
    provider.provision_error = AuthError("refused.", provider="vendor")
    assert await lose(harness, provider) is None
    assert len(harness.events_of(AvatarFailed)) == 2
    assert harness.controller.state is AvatarState.VOICE
    await harness.close()


async def test_retry_of_the_application_provisions_the_chain_again(room: MemoryRoom) -> None:
    provider = ScriptedProvider(room)
    harness = await start(room, provider, retries=0)
    assert await lose(harness, provider) is None
    lease = await harness.controller.retry()
    assert lease is not None
    assert lease.provider is provider
    assert await harness.controller.retry() is lease
    await harness.close()
    assert each_released_once(provider)


async def test_worker_that_returns_with_a_new_sid_is_used_again(room: MemoryRoom) -> None:
    provider = ScriptedProvider(room)
    harness = await start(room, provider, retries=2)
    lease = harness.controller.lease
    assert lease is not None
    speaking = harness.push_speech(3.0)
    await asyncio.sleep(1.0)
    room.reconnect(lease.avatar.identity, 0.7, new_sid=True)
    assert await speaking == (pytest.approx(3.0), False)
    assert await harness.controller.wait_until_settled() is lease
    await harness.say(1.0)
    assert [provider for provider, _ in harness.takes][-1] == "vendor"
    assert len(provider.provisioned) == 1
    await harness.close()
    assert each_released_once(provider)


async def test_session_that_closes_while_an_avatar_may_return_releases_the_avatar(
    room: MemoryRoom,
) -> None:
    provider = ScriptedProvider(room)
    harness = await start(room, provider, retries=2)
    lease = harness.controller.lease
    assert lease is not None
    room.reconnect(lease.avatar.identity, 60.0)
    await harness.wait_until(lambda: harness.controller.state is AvatarState.VOICE, 3.0)
    await asyncio.sleep(0.5)
    await harness.close()
    assert each_released_once(provider)


async def test_frozen_worker_is_replaced_within_a_second(room: MemoryRoom) -> None:
    provider = ScriptedProvider(room)
    harness = await start(room, provider, retries=2)
    lease = harness.controller.lease
    assert lease is not None
    speaking = harness.push_speech(3.0)
    await asyncio.sleep(1.0)
    member = room.member(lease.avatar.identity)
    assert member is not None
    member.link.freeze()
    frozen_at = now()
    await harness.wait_until(lambda: len(provider.provisioned) == 2, 3.0)
    assert now() - frozen_at < 1.2
    assert await speaking == (pytest.approx(3.0), False)
    await harness.close()
    assert each_released_once(provider)


def test_retry_budget_delays_retries_and_ignores_old_retries() -> None:
    budget = RetryBudget(3)
    assert [budget.take(at_s) for at_s in (0.0, 1.0, 2.0, 3.0)] == [0.0, 0.5, 1.0, None]
    assert budget.take(600.5) == 1.0
    assert budget.take(5000.0) == 0.0
    assert RetryBudget(0).take(0.0) is None
