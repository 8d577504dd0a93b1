"""The failover controller: the chain, the voice after a loss, and the end of every session."""

from __future__ import annotations

import asyncio

import pytest

from avatar_core.contracts.capabilities import Capabilities
from avatar_core.contracts.errors import (
    AuthError,
    AvatarError,
    AvatarLostError,
    CapacityError,
    JoinTimeoutError,
    PaymentError,
    ProtocolError,
    RejectedError,
    UnavailableError,
    WorkerError,
)
from avatar_core.contracts.events import AvatarFailed, AvatarJoined, AvatarState
from avatar_core.testing.clock import now
from avatar_core.testing.failover_harness import FailoverHarness
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.scripted_provider import AGENT, ScriptedProvider, each_released_once

pytestmark = pytest.mark.virtual_time

ERRORS = [
    kind("refused.", provider="a")
    for kind in (
        AuthError,
        PaymentError,
        CapacityError,
        RejectedError,
        UnavailableError,
        ProtocolError,
        WorkerError,
    )
]


async def test_segment_is_heard_only_from_the_avatar(room: MemoryRoom) -> None:
    provider = ScriptedProvider(room)
    harness = FailoverHarness(room, provider)
    await harness.controller.start()
    lease = await harness.controller.wait_until_settled()
    assert lease is not None
    position_s, interrupted = await harness.say(3.0)
    assert (position_s, interrupted) == (pytest.approx(3.0), False)
    assert room.recording.seconds(lease.avatar.identity) == pytest.approx(3.0, abs=0.01)
    assert room.recording.seconds(AGENT) == 0
    await harness.close()
    assert each_released_once(provider)
    assert harness.controller.state is AvatarState.CLOSED


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_provision_error_selects_the_next_provider_of_the_chain(
    room: MemoryRoom, error: AvatarError
) -> None:
    first, second = ScriptedProvider(room, "a"), ScriptedProvider(room, "b")
    first.provision_error = error
    harness = FailoverHarness(room, first, second)
    await harness.controller.start()
    lease = await harness.controller.wait_until_settled()
    assert lease is not None
    assert lease.provider is second
    assert harness.controller.last_error is error
    assert [failed.error for failed in harness.events_of(AvatarFailed)] == [error]
    assert [joined.provider for joined in harness.events_of(AvatarJoined)] == ["b"]
    await harness.close()
    assert each_released_once(first)
    assert each_released_once(second)


async def test_unexpected_exception_becomes_a_protocol_error(room: MemoryRoom) -> None:
    provider = ScriptedProvider(room)
    provider.provision_error = KeyError("token")
    provider.claims_first = True
    harness = FailoverHarness(room, provider)
    await harness.controller.start()
    assert await harness.controller.wait_until_settled() is None
    assert isinstance(harness.controller.last_error, ProtocolError)
    assert harness.controller.state is AvatarState.VOICE
    assert each_released_once(provider)
    assert await harness.say(1.0) == (pytest.approx(1.0), False)
    assert room.recording.seconds(AGENT) == pytest.approx(1.0, abs=0.02)
    await harness.close()


async def test_provision_that_hangs_fails_at_its_deadline_and_is_released(room: MemoryRoom) -> None:
    provider = ScriptedProvider(room)
    provider.provision_s, provider.claims_first = 1e6, True
    harness = FailoverHarness(room, provider)
    await harness.controller.start()
    assert now() == pytest.approx(20.0, abs=0.1)
    assert isinstance(harness.controller.last_error, UnavailableError)
    await harness.controller.wait_until_settled()
    assert each_released_once(provider)
    assert len(provider.provisioned) == 1
    await harness.close()


async def test_avatar_that_never_joins_is_released(room: MemoryRoom) -> None:
    provider = ScriptedProvider(room)
    provider.joins = False
    harness = FailoverHarness(room, provider)
    await harness.controller.start()
    assert now() < 1.0
    assert await harness.controller.wait_until_settled() is None
    assert now() == pytest.approx(30.1, abs=0.1)
    assert isinstance(harness.controller.last_error, JoinTimeoutError)
    await harness.close()
    assert each_released_once(provider)


async def test_session_that_ends_before_the_join_is_not_awaited(room: MemoryRoom) -> None:
    provider = ScriptedProvider(room)
    provider.joins = False
    harness = FailoverHarness(room, provider)
    await harness.controller.start()
    await harness.wait_until(lambda: provider.session_end is not None, 1.0)
    assert provider.session_end is not None
    provider.session_end.set_result("out of credit")
    assert await harness.controller.wait_until_settled() is None
    assert now() < 1.0
    assert "out of credit" in str(harness.controller.last_error)
    await harness.close()
    assert each_released_once(provider)


@pytest.mark.parametrize(("expected_s", "hold_s"), [(0.5, 1.0), (2.0, 4.0), (60.0, 8.0)])
async def test_only_the_first_segment_waits_for_the_avatar_up_to_a_limit(
    room: MemoryRoom, expected_s: float, hold_s: float
) -> None:
    provider = ScriptedProvider(room)
    provider.join_s = 20.0
    provider.capabilities = Capabilities(
        audio=provider.capabilities.audio, expected_join_s=expected_s
    )
    harness = FailoverHarness(room, provider)
    await harness.controller.start()
    pushed_at = now()
    first = harness.push_speech(1.0)
    await harness.wait_until(lambda: bool(room.recording.runs), 15.0)
    assert now() - pushed_at == pytest.approx(hold_s, abs=0.3)
    assert await first == (pytest.approx(1.0), False)
    next_at = now()
    assert await harness.say(1.0) == (pytest.approx(1.0), False)
    assert now() - next_at < 1.3, "the second segment was held too"
    await harness.controller.wait_until_settled()
    await harness.say(1.0)
    assert [provider for provider, _ in harness.takes] == ["voice", "voice", "vendor"]
    await harness.close()


async def test_voice_continues_after_a_crash_until_the_next_avatar_speaks(room: MemoryRoom) -> None:
    first, second = ScriptedProvider(room, "a"), ScriptedProvider(room, "b")
    second.provision_s = 2.0
    harness = FailoverHarness(room, first, second)
    await harness.controller.start()
    await harness.controller.wait_until_settled()
    speaking = harness.push_speech(4.0)
    await asyncio.sleep(1.5)
    crashed_at = now()
    first.crash()
    await harness.wait_until(lambda: room.recording.seconds(AGENT) > 0, 2.0)
    assert now() - crashed_at < 0.6
    assert await speaking == (pytest.approx(4.0), False)
    assert harness.takes == [("a", "lost"), ("voice", "done")]
    assert 4.0 <= room.recording.seconds() <= 4.0 + 0.75
    assert isinstance(harness.controller.last_error, AvatarLostError)
    lease = await harness.controller.wait_until_settled()
    assert lease is not None
    assert lease.provider is second
    await harness.say(1.0)
    assert harness.takes[-1] == ("b", "done")
    await harness.wait_until(lambda: "audio" not in room.members[AGENT].tracks, 1.0)
    await harness.close()
    assert each_released_once(first)
    assert each_released_once(second)


async def test_avatar_is_lost_if_its_provider_reports_the_session_end(room: MemoryRoom) -> None:
    provider = ScriptedProvider(room)
    harness = FailoverHarness(room, provider)
    await harness.controller.start()
    await harness.controller.wait_until_settled()
    assert provider.session_end is not None
    provider.session_end.set_result("the session expired")
    await harness.wait_until(lambda: harness.controller.state is AvatarState.VOICE, 1.0)
    assert "the session expired" in str(harness.controller.last_error)
    await harness.close()
    assert each_released_once(provider)


async def test_avatar_that_leaves_is_lost_at_once(room: MemoryRoom) -> None:
    provider = ScriptedProvider(room)
    harness = FailoverHarness(room, provider)
    await harness.controller.start()
    lease = await harness.controller.wait_until_settled()
    assert lease is not None
    left_at = now()
    room.remove(lease.avatar.identity)
    await harness.wait_until(lambda: harness.controller.state is AvatarState.VOICE, 3.0)
    assert now() - left_at < 0.1
    await harness.close()
    assert each_released_once(provider)


async def test_reconnect_of_the_agent_keeps_the_avatar(room: MemoryRoom) -> None:
    provider = ScriptedProvider(room)
    harness = FailoverHarness(room, provider)
    await harness.controller.start()
    await harness.controller.wait_until_settled()
    speaking = harness.push_speech(3.0)
    await asyncio.sleep(1.0)
    room.reconnect(AGENT)
    assert await speaking == (pytest.approx(3.0, abs=0.01), False)
    assert harness.events_of(AvatarFailed) == []
    assert {provider for provider, _ in harness.takes} == {"vendor"}
    assert room.recording.seconds() == pytest.approx(3.0, abs=0.2)
    await harness.close()
    assert each_released_once(provider)


async def test_segment_ends_if_no_transport_is_left(room: MemoryRoom) -> None:
    harness = FailoverHarness(room)
    await harness.controller.start()
    room.remove(AGENT)
    harness.controller._voice.transport = None  # the track ended with the room
    position_s, interrupted = await harness.say(1.0)
    assert (position_s, interrupted) == (0.0, True)
    assert len(harness.unplayable_errors) == 1
    await harness.close()
