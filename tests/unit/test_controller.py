"""The controller in virtual time: down the chain, never mute, and all that is bought is ended."""

from __future__ import annotations

import asyncio

import pytest

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
from avatar_core.testing.failover_harness import AGENT, Scene, Vendor, released_once
from avatar_core.testing.room.room import MemoryRoom

pytestmark = pytest.mark.virtual_time

ERRORS = [
    kind("no", provider="a")
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


async def test_a_speech_is_heard_from_the_avatar_and_nobody_else(room: MemoryRoom) -> None:
    vendor = Vendor(room)
    scene = Scene(room, vendor)
    await scene.controller.start()
    lease = await scene.controller.settled()
    assert lease is not None
    position_s, interrupted = await scene.say(3.0)
    assert (position_s, interrupted) == (pytest.approx(3.0), False)
    assert room.recording.seconds(lease.avatar.identity) == pytest.approx(3.0, abs=0.01)
    assert room.recording.seconds(AGENT) == 0
    await scene.close()
    assert released_once(vendor)
    assert scene.controller.state is AvatarState.CLOSED


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
async def test_a_fault_moves_down_the_chain(room: MemoryRoom, error: AvatarError) -> None:
    first, second = Vendor(room, "a"), Vendor(room, "b")
    first.fails = error
    scene = Scene(room, first, second)
    await scene.controller.start()
    lease = await scene.controller.settled()
    assert lease is not None
    assert lease.provider is second
    assert scene.controller.last_error is error
    assert [failed.error for failed in scene.told(AvatarFailed)] == [error]
    assert [joined.provider for joined in scene.told(AvatarJoined)] == ["b"]
    await scene.close()
    assert released_once(first)
    assert released_once(second)


async def test_a_raw_exception_becomes_an_error_of_ours(room: MemoryRoom) -> None:
    vendor = Vendor(room)
    vendor.fails = KeyError("token")
    vendor.claims_first = True
    scene = Scene(room, vendor)
    await scene.controller.start()
    assert await scene.controller.settled() is None
    assert isinstance(scene.controller.last_error, ProtocolError)
    assert scene.controller.state is AvatarState.VOICE
    assert released_once(vendor)
    assert await scene.say(1.0) == (pytest.approx(1.0), False)
    assert room.recording.seconds(AGENT) == pytest.approx(1.0, abs=0.02)
    await scene.close()


async def test_a_provision_that_hangs_has_a_deadline_and_is_released(room: MemoryRoom) -> None:
    vendor = Vendor(room)
    vendor.provision_s, vendor.claims_first = 1e6, True
    scene = Scene(room, vendor)
    await scene.controller.start()
    assert now() == pytest.approx(20.0, abs=0.1)
    assert isinstance(scene.controller.last_error, UnavailableError)
    await scene.controller.settled()
    assert released_once(vendor)
    assert len(vendor.bought) == 1
    await scene.close()


async def test_an_avatar_that_never_joins_is_released(room: MemoryRoom) -> None:
    vendor = Vendor(room)
    vendor.joins = False
    scene = Scene(room, vendor)
    await scene.controller.start()
    assert now() < 1.0
    assert await scene.controller.settled() is None
    assert now() == pytest.approx(30.1, abs=0.1)
    assert isinstance(scene.controller.last_error, JoinTimeoutError)
    await scene.close()
    assert released_once(vendor)


async def test_a_session_that_ends_while_joining_is_not_waited_for(room: MemoryRoom) -> None:
    vendor = Vendor(room)
    vendor.joins = False
    scene = Scene(room, vendor)
    await scene.controller.start()
    await scene.until(lambda: vendor.ended is not None, 1.0)
    assert vendor.ended is not None
    vendor.ended.set_result("out of credit")
    assert await scene.controller.settled() is None
    assert now() < 1.0
    assert "out of credit" in str(scene.controller.last_error)
    await scene.close()
    assert released_once(vendor)


@pytest.mark.parametrize(("expected_s", "hold_s"), [(0.5, 1.0), (2.0, 4.0), (60.0, 8.0)])
async def test_a_greeting_is_held_once_and_not_for_ever(
    room: MemoryRoom, expected_s: float, hold_s: float
) -> None:
    vendor = Vendor(room)
    vendor.join_s = 20.0
    vendor.capabilities = type(vendor).capabilities.__class__(
        audio=vendor.capabilities.audio, expected_join_s=expected_s
    )
    scene = Scene(room, vendor)
    await scene.controller.start()
    asked_at = now()
    first = scene.begin(1.0)
    await scene.until(lambda: bool(room.recording.runs), 15.0)
    assert now() - asked_at == pytest.approx(hold_s, abs=0.3)
    assert await first == (pytest.approx(1.0), False)
    again_at = now()
    assert await scene.say(1.0) == (pytest.approx(1.0), False)
    assert now() - again_at < 1.3, "held twice"
    await scene.controller.settled()
    await scene.say(1.0)
    assert [provider for provider, _ in scene.takes] == ["voice", "voice", "vendor"]
    await scene.close()


async def test_the_voice_is_at_once_and_gone_when_the_next_avatar_speaks(room: MemoryRoom) -> None:
    first, second = Vendor(room, "a"), Vendor(room, "b")
    second.provision_s = 2.0
    scene = Scene(room, first, second)
    await scene.controller.start()
    await scene.controller.settled()
    speaking = scene.begin(4.0)
    await asyncio.sleep(1.5)
    crashed_at = now()
    first.crash()
    await scene.until(lambda: room.recording.seconds(AGENT) > 0, 2.0)
    assert now() - crashed_at < 0.6
    assert await speaking == (pytest.approx(4.0), False)
    assert scene.takes == [("a", "lost"), ("voice", "done")]
    assert 4.0 <= room.recording.seconds() <= 4.0 + 0.75
    assert isinstance(scene.controller.last_error, AvatarLostError)
    lease = await scene.controller.settled()
    assert lease is not None
    assert lease.provider is second
    await scene.say(1.0)
    assert scene.takes[-1] == ("b", "done")
    await scene.until(lambda: "audio" not in room.members[AGENT].tracks, 1.0)
    await scene.close()
    assert released_once(first)
    assert released_once(second)


async def test_the_providers_word_is_enough(room: MemoryRoom) -> None:
    vendor = Vendor(room)
    scene = Scene(room, vendor)
    await scene.controller.start()
    await scene.controller.settled()
    assert vendor.ended is not None
    vendor.ended.set_result("the session expired")
    await scene.until(lambda: scene.controller.state is AvatarState.VOICE, 1.0)
    assert "the session expired" in str(scene.controller.last_error)
    await scene.close()
    assert released_once(vendor)


async def test_who_leaves_is_missed_at_once(room: MemoryRoom) -> None:
    vendor = Vendor(room)
    scene = Scene(room, vendor)
    await scene.controller.start()
    lease = await scene.controller.settled()
    assert lease is not None
    left_at = now()
    room.remove(lease.avatar.identity)
    await scene.until(lambda: scene.controller.state is AvatarState.VOICE, 3.0)
    assert now() - left_at < 0.1
    await scene.close()
    assert released_once(vendor)


async def test_a_reconnect_of_the_agent_is_no_loss(room: MemoryRoom) -> None:
    vendor = Vendor(room)
    scene = Scene(room, vendor)
    await scene.controller.start()
    await scene.controller.settled()
    speaking = scene.begin(3.0)
    await asyncio.sleep(1.0)
    room.reconnect(AGENT)
    assert await speaking == (pytest.approx(3.0, abs=0.01), False)
    assert scene.told(AvatarFailed) == []
    assert {provider for provider, _ in scene.takes} == {"vendor"}
    assert room.recording.seconds() == pytest.approx(3.0, abs=0.2)
    await scene.close()
    assert released_once(vendor)


async def test_where_nobody_can_speak_the_speech_ends(room: MemoryRoom) -> None:
    scene = Scene(room)
    await scene.controller.start()
    room.remove(AGENT)
    scene.controller._voice.transport = None  # the track went with the room
    position_s, interrupted = await scene.say(1.0)
    assert (position_s, interrupted) == (0.0, True)
    assert len(scene.unspoken) == 1
    await scene.close()
