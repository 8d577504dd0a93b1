"""Leases of faulty providers and sinks: each session ends once, and speech continues."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import AvatarError, ProtocolError, RoomError, TransportError
from avatar_core.contracts.events import AvatarFailed, AvatarState, StateChanged
from avatar_core.contracts.provider import SinkContext
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest
from avatar_core.contracts.sink import AudioSink
from avatar_core.playback.byte_stream import ByteStreamSink
from avatar_core.testing.clock import now
from avatar_core.testing.failover_harness import FailoverHarness
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.scripted_provider import AGENT, ScriptedProvider, each_released_once

pytestmark = pytest.mark.virtual_time


class FaultyProvider(ScriptedProvider):
    """A provider whose calls raise or hang, by the name of the call in `faults`."""

    def __init__(self, room: MemoryRoom, name: str = "vendor", **faults: Any) -> None:
        super().__init__(room, name)
        self.faults = faults
        self.claim_count = 1

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        if self.claim_count == 1:
            return await super().provision(request)
        avatar = ProvisionedAvatar(session_id=request.key, identity=request.identity)
        self.provisioned.append(request.key)
        for _ in range(self.claim_count):
            request.claim(avatar)
        await asyncio.sleep(0.1)
        self.raise_fault("provision")
        return avatar

    async def watch(self, avatar: ProvisionedAvatar) -> str:
        self.raise_fault("watch")
        return await super().watch(avatar)

    def create_sink(self, ctx: SinkContext) -> AudioSink:
        self.raise_fault("create_sink")
        sink = ByteStreamSink(ctx)
        for call in ("open", "begin", "push", "end", "cut", "aclose"):
            if f"sink_{call}" in self.faults:
                setattr(sink, call, self._with_fault(f"sink_{call}", getattr(sink, call)))
        return sink

    def _with_fault(self, name: str, original: Any) -> Any:
        async def call(*args: Any) -> Any:
            if self.faults.get(name) == "hang":
                await asyncio.Event().wait()
            self.raise_fault(name)
            return await original(*args)

        return call

    def raise_fault(self, name: str) -> None:
        if isinstance(error := self.faults.get(name), BaseException):
            raise error


async def start_harness(
    *providers: ScriptedProvider, room: MemoryRoom, monitor: bool = True
) -> FailoverHarness:
    harness = FailoverHarness(room, *providers, monitor=monitor)
    await harness.controller.start()
    await harness.controller.wait_until_settled()
    return harness


@pytest.mark.parametrize(
    "fault", [ValueError("a bug"), RoomError("the room closed."), "hang"], ids=str
)
async def test_sink_that_cannot_be_closed_does_not_prevent_the_release(fault: object) -> None:
    room = MemoryRoom()
    provider = FaultyProvider(room, sink_aclose=fault)
    harness = await start_harness(provider, room=room)
    began = now()
    await harness.close()
    assert each_released_once(provider)
    assert now() - began <= 4.1


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        ("sink_open", KeyError("a bug")),
        ("sink_open", asyncio.CancelledError()),
        ("create_sink", KeyError("a bug")),
    ],
    ids=str,
)
async def test_session_whose_transport_cannot_be_opened_is_released(
    call: str, fault: BaseException
) -> None:
    room = MemoryRoom()
    faulty, second = FaultyProvider(room, "a", **{call: fault}), ScriptedProvider(room, "b")
    harness = await start_harness(faulty, second, room=room)
    assert harness.controller.lease is not None
    assert harness.controller.lease.provider is second
    assert isinstance(harness.controller.last_error, TransportError | ProtocolError)
    assert harness.controller.last_error.provider == "a"
    await harness.close()
    assert each_released_once(faulty, second)


@pytest.mark.parametrize("fault", [KeyError("a bug"), asyncio.CancelledError()], ids=repr)
async def test_avatar_stays_in_use_if_watch_raises(fault: BaseException) -> None:
    room = MemoryRoom()
    provider = FaultyProvider(room, watch=fault)
    harness = await start_harness(provider, room=room)
    assert await harness.say(1.0) == (pytest.approx(1.0), False)
    assert harness.takes == [("vendor", "done")]
    await harness.close()
    assert each_released_once(provider)


@pytest.mark.parametrize("claims", [0, 2])
@pytest.mark.parametrize("faulty", ["", "create_sink", "provision"])
async def test_session_is_released_once_after_any_number_of_claims(
    claims: int, faulty: str
) -> None:
    room = MemoryRoom()
    provider = FaultyProvider(room, **{faulty: ValueError("a bug")})
    provider.claim_count, provider.joins = claims, False
    harness = FailoverHarness(room, provider, join_timeout_s=1.0)
    await harness.controller.start()
    assert await harness.controller.wait_until_settled() is None
    await harness.close()
    assert len(provider.provisioned) == 1
    if claims or faulty != "provision":
        assert each_released_once(provider)


@pytest.mark.parametrize("call", ["sink_begin", "sink_push", "sink_end"])
@pytest.mark.parametrize("error", [RoomError("refused."), ValueError("a bug")], ids=str)
async def test_transport_whose_sink_raises_in_use_is_replaced(call: str, error: Exception) -> None:
    room = MemoryRoom()
    faulty, second = FaultyProvider(room, "a", **{call: error}), ScriptedProvider(room, "b")
    harness = await start_harness(faulty, second, room=room)
    assert await harness.say(1.0) == (pytest.approx(1.0), False)
    lease = await harness.controller.wait_until_settled()
    await harness.say(0.5)
    lease = await harness.controller.wait_until_settled()
    assert lease is not None
    assert lease.provider is second
    assert [failed.provider for failed in harness.events_of(AvatarFailed)] == ["a"]
    await harness.say(1.0)
    assert harness.takes[-1] == ("b", "done")
    assert room.recording.seconds() >= 2.5 - 0.01
    await harness.close()
    assert each_released_once(faulty, second)


async def test_controller_emits_an_event_for_each_state() -> None:
    room = MemoryRoom()
    first, second = ScriptedProvider(room, "a"), ScriptedProvider(room, "b")
    harness = await start_harness(first, second, room=room)
    assert first.session_end is not None
    first.session_end.set_result("it expired")
    await asyncio.sleep(0.01)
    await harness.controller.wait_until_settled()
    await harness.close()
    states = [(event.state, event.provider) for event in harness.events_of(StateChanged)]
    assert states == [
        (AvatarState.STARTING, "a"),
        (AvatarState.LIVE, "a"),
        (AvatarState.VOICE, "voice"),
        (AvatarState.LIVE, "b"),
        (AvatarState.CLOSING, "b"),
        (AvatarState.CLOSED, "voice"),
    ]


async def test_failed_voice_is_published_again_for_the_next_segment() -> None:
    room = MemoryRoom()
    harness = await start_harness(room=room)
    await harness.say(0.5)
    voice = harness.controller._voice.transport
    assert voice is not None

    async def push(chunk: bytes) -> None:
        raise RoomError("the track closed.")

    voice.sink.push = push  # type: ignore[method-assign]
    position_s, interrupted = await harness.say(0.5)
    assert (position_s, interrupted) == (0.0, True)
    assert len(harness.unplayable_errors) == 1
    assert await harness.say(0.5) == (pytest.approx(0.5), False)
    await harness.close()
    assert "audio" not in room.members[AGENT].tracks


async def test_failed_publication_of_the_voice_is_retried() -> None:
    room = MemoryRoom()
    harness = FailoverHarness(room)
    publish = harness.agent.publish_audio

    async def refuse(*_: Any, **__: Any) -> Any:
        raise RoomError("refused.")

    harness.agent.publish_audio = refuse  # type: ignore[method-assign]
    await harness.controller.start()
    position_s, interrupted = await harness.say(0.5)
    assert (position_s, interrupted) == (0.0, True)
    harness.agent.publish_audio = publish  # type: ignore[method-assign]
    assert await harness.say(0.5) == (pytest.approx(0.5), False)
    await harness.close()


@pytest.mark.parametrize("speaking", [True, False])
async def test_close_while_the_voice_is_published_leaves_no_track(speaking: bool) -> None:
    room = MemoryRoom()
    harness = FailoverHarness(room)
    publish = harness.agent.publish_audio

    async def publish_late(*args: Any, **more: Any) -> Any:
        await asyncio.sleep(0.3)
        return await publish(*args, **more)

    harness.agent.publish_audio = publish_late  # type: ignore[method-assign]
    await harness.controller.start()
    over = harness.push_speech(1.0) if speaking else None
    await asyncio.sleep(0.1)
    await harness.close()
    await asyncio.sleep(2.0)
    assert "audio" not in room.members[AGENT].tracks
    assert over is None or over.done()


async def test_avatar_error_of_a_sink_is_reported_unchanged() -> None:
    room = MemoryRoom()
    provider = FaultyProvider(room, sink_open=AvatarError("a message.", hint="Do this."))
    harness = await start_harness(provider, room=room)
    assert harness.controller.last_error is provider.faults["sink_open"]
    await harness.close()


async def test_unexpected_exception_selects_the_next_provider(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = MemoryRoom()
    faulty, second = ScriptedProvider(room, "a"), ScriptedProvider(room, "b")

    def account(provider: ScriptedProvider) -> str:
        if provider is faulty:
            raise LookupError
        return ""

    monkeypatch.setattr(ScriptedProvider, "account", property(account))
    harness = await start_harness(faulty, second, room=room)
    assert harness.controller.lease is not None
    assert harness.controller.lease.provider is second
    assert isinstance(harness.controller.last_error, ProtocolError)
    await harness.close()


async def test_audio_format_of_a_session_overrides_the_capabilities() -> None:
    room = MemoryRoom()
    format = AudioFormat(16_000)

    class NarrowbandProvider(ScriptedProvider):
        """A provider whose sessions need another audio format than its capabilities say."""

        async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
            avatar = replace(await super().provision(request), audio=format)
            request.claim(avatar)
            return avatar

    harness = await start_harness(NarrowbandProvider(room), room=room)
    assert harness.controller.lease is not None
    assert harness.controller.lease.transport.format == format
    await harness.close()


async def test_participant_of_a_lost_avatar_is_removed_at_once() -> None:
    room = MemoryRoom()
    provider = ScriptedProvider(room)
    provider.capabilities = replace(provider.capabilities, ends_session=True)
    harness = await start_harness(provider, room=room)
    (identity,) = provider.workers
    provider.workers.clear()  # so that the release does not stop the worker
    assert provider.session_end is not None
    provider.session_end.set_result("it expired")
    await harness.wait_until(lambda: identity not in room.members, 1.0)
    await harness.close()
