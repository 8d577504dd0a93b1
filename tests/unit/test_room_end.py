"""A room that closes ends its avatar session with one log line and without false errors."""

from __future__ import annotations

import asyncio
import logging

import pytest

from avatar_core.contracts.errors import AvatarLostError
from avatar_core.contracts.events import AvatarFailed, AvatarState
from avatar_core.playback.room_closed import RoomClosedError
from avatar_core.testing.clock import now
from avatar_core.testing.failover_harness import FailoverHarness
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.scripted_provider import AGENT, ScriptedProvider, each_released_once

pytestmark = pytest.mark.virtual_time

END_S = 1.0
"""The longest time from the end of the room to the end of the session."""


@pytest.fixture(autouse=True)
def _record_messages(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "avatar_core")


def delete(room: MemoryRoom) -> None:
    """Remove everybody, as a server does when it deletes the room."""
    for identity in [AGENT, *(room.members.keys() - {AGENT})]:
        room.remove(identity)


def check_one_line(caplog: pytest.LogCaptureFixture, harness: FailoverHarness) -> None:
    """Check that the end of the room is the only message, and no provider has failed."""
    assert [record.getMessage() for record in caplog.records] == [
        "The agent's connection to the room memory closed. avatar-core ends the session."
    ]
    assert caplog.records[0].exc_info is None
    assert harness.events_of(AvatarFailed) == []
    assert harness.controller.last_error is None


async def start(room: MemoryRoom, *providers: ScriptedProvider) -> FailoverHarness:
    """Start a session, and wait until it is settled."""
    harness = FailoverHarness(room, *providers)
    await harness.controller.start()
    await harness.controller.wait_until_settled()
    return harness


@pytest.mark.parametrize("speaks", [True, False])
async def test_closed_room_ends_the_session_once(
    speaks: bool, room: MemoryRoom, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = ScriptedProvider(room, "a"), ScriptedProvider(room, "b")
    harness = await start(room, first, second)
    if speaks:
        speaking = harness.push_speech(4.0)
        await harness.wait_until(lambda: bool(harness.started), 3.0)
        await asyncio.sleep(1.0)
    delete(room)
    await harness.wait_until(lambda: harness.controller.state is AvatarState.CLOSED, END_S)
    if speaks:
        position_s, interrupted = await speaking
        assert interrupted
        assert 0.8 < position_s < 1.3
    check_one_line(caplog, harness)
    assert len(first.released) == 1
    assert second.provisioned == []
    await harness.close()


@pytest.mark.parametrize("earlier_s", [0.0, 0.005, 0.05])
@pytest.mark.parametrize("event", ["left", "unpublished", "ended"])
async def test_avatar_that_leaves_just_before_the_room_closes_logs_no_loss(
    event: str, earlier_s: float, room: MemoryRoom, caplog: pytest.LogCaptureFixture
) -> None:
    provider = ScriptedProvider(room)
    harness = await start(room, provider)
    speaking = harness.push_speech(4.0)
    await harness.wait_until(lambda: bool(harness.started), 3.0)
    await asyncio.sleep(1.0)
    lease = harness.controller.lease
    assert lease is not None
    if event == "left":
        room.remove(lease.avatar.identity)
    elif event == "unpublished":
        room.published(lease.avatar.identity, "audio", unpublished=True)
    else:
        assert provider.session_end is not None
        provider.session_end.set_result("its worker exited")
    if earlier_s:
        await asyncio.sleep(earlier_s)
    delete(room)
    assert (await speaking)[1]
    await harness.wait_until(lambda: harness.controller.state is AvatarState.CLOSED, END_S)
    check_one_line(caplog, harness)
    assert len(provider.provisioned) == 1
    assert each_released_once(provider)
    await harness.close()


async def test_session_that_closes_right_after_a_loss_releases_the_avatar_and_reports_the_loss(
    room: MemoryRoom,
) -> None:
    provider = ScriptedProvider(room)
    harness = await start(room, provider)
    lease = harness.controller.lease
    assert lease is not None
    lease.transport.lose(AvatarLostError("the avatar froze."))
    await harness.controller.aclose("the job ended")  # before the recovery has begun
    assert each_released_once(provider)
    assert "froze" in str(harness.controller.last_error)
    await harness.close()


@pytest.mark.parametrize("provision_s", [0.1, 10.0])
async def test_room_that_closes_before_the_join_ends_the_session_at_once(
    provision_s: float, room: MemoryRoom, caplog: pytest.LogCaptureFixture
) -> None:
    provider = ScriptedProvider(room)
    provider.provision_s, provider.joins, provider.claims_first = provision_s, False, True
    harness = FailoverHarness(room, provider)
    starting = asyncio.create_task(harness.controller.start())
    await asyncio.sleep(0.05)
    speaking = harness.push_speech(4.0)
    await asyncio.sleep(0.5)
    assert len(provider.provisioned) == 1
    delete(room)
    await starting
    assert await speaking == (0.0, True)
    await harness.wait_until(lambda: each_released_once(provider), 3.0)
    await harness.wait_until(lambda: harness.controller.state is AvatarState.CLOSED, 3.0)
    check_one_line(caplog, harness)
    await harness.close()


async def test_voice_stops_when_the_room_closes(
    room: MemoryRoom, caplog: pytest.LogCaptureFixture
) -> None:
    harness = await start(room)
    speaking = harness.push_speech(60.0)
    await harness.wait_until(lambda: bool(harness.started), 3.0)
    await asyncio.sleep(1.0)
    deleted_at = now()
    delete(room)
    position_s, interrupted = await speaking
    assert interrupted
    assert 0.8 < position_s < 1.3
    assert now() - deleted_at < END_S
    check_one_line(caplog, harness)
    await harness.close()


async def test_speech_after_the_end_of_the_room_ends_at_once_without_a_log_message(
    room: MemoryRoom, caplog: pytest.LogCaptureFixture
) -> None:
    harness = await start(room, ScriptedProvider(room))
    delete(room)
    for _ in range(3):
        assert await harness.say(2.0) == (0.0, True)
    assert [type(error) for error in harness.unplayable_errors] == [RoomClosedError] * 3
    check_one_line(caplog, harness)
    await harness.close()


async def test_close_waits_for_the_sessions_that_the_room_ended(room: MemoryRoom) -> None:
    provider = ScriptedProvider(room)
    provider.release_s = 2.0
    harness = await start(room, provider)
    deleted_at = now()
    delete(room)
    await asyncio.sleep(0.1)
    await harness.controller.aclose("the job ended")
    assert now() - deleted_at == pytest.approx(provider.release_s, abs=0.1)
    assert each_released_once(provider)
    await harness.close()


async def test_room_that_closes_after_the_session_logs_nothing(
    room: MemoryRoom, caplog: pytest.LogCaptureFixture
) -> None:
    harness = await start(room, ScriptedProvider(room))
    await harness.close()
    delete(room)
    await asyncio.sleep(1.0)
    assert caplog.records == []
