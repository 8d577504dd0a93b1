"""Leases whose provider or sink breaks: what was bought is ended once, and speech goes on."""

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
from avatar_core.testing.failover_harness import AGENT, Scene, Vendor
from avatar_core.testing.room.room import MemoryRoom

pytestmark = pytest.mark.virtual_time


class Broken(Vendor):
    """A vendor whose package has the defects of `breaks`, by the name of the call."""

    def __init__(self, room: MemoryRoom, name: str = "vendor", **breaks: Any) -> None:
        super().__init__(room, name)
        self.breaks = breaks
        self.claims = 1

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        if self.claims == 1:
            return await super().provision(request)
        avatar = ProvisionedAvatar(session_id=request.key, identity=request.identity)
        self.bought.append(request.key)
        for _ in range(self.claims):
            request.claim(avatar)
        await asyncio.sleep(0.1)
        self.broken("provision")
        return avatar

    async def watch(self, avatar: ProvisionedAvatar) -> str:
        self.broken("watch")
        return await super().watch(avatar)

    def create_sink(self, ctx: SinkContext) -> AudioSink:
        self.broken("create_sink")
        sink = ByteStreamSink(ctx)
        for call in ("open", "begin", "push", "end", "cut", "aclose"):
            if f"sink_{call}" in self.breaks:
                setattr(sink, call, self._breaking(f"sink_{call}", getattr(sink, call)))
        return sink

    def _breaking(self, name: str, whole: Any) -> Any:
        async def call(*args: Any) -> Any:
            if self.breaks.get(name) == "hang":
                await asyncio.Event().wait()
            self.broken(name)
            return await whole(*args)

        return call

    def broken(self, name: str) -> None:
        if isinstance(error := self.breaks.get(name), BaseException):
            raise error


def released_once(*vendors: Vendor) -> bool:
    return all(
        sorted(vendor.bought) == sorted(session for session, _ in vendor.released)
        for vendor in vendors
    )


async def started(*vendors: Vendor, room: MemoryRoom) -> Scene:
    scene = Scene(room, *vendors)
    await scene.controller.start()
    await scene.controller.settled()
    return scene


@pytest.mark.parametrize("fault", [ValueError("a defect"), RoomError("gone"), "hang"], ids=str)
async def test_a_sink_that_does_not_close_keeps_nobody_from_the_release(fault: object) -> None:
    room = MemoryRoom()
    vendor = Broken(room, sink_aclose=fault)
    scene = await started(vendor, room=room)
    began = now()
    await scene.close()
    assert released_once(vendor)
    assert now() - began <= 4.1


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        ("sink_open", KeyError("a defect")),
        ("sink_open", asyncio.CancelledError()),
        ("create_sink", KeyError("a defect")),
    ],
    ids=str,
)
async def test_a_road_that_breaks_as_it_opens_is_released(call: str, fault: BaseException) -> None:
    room = MemoryRoom()
    broken, second = Broken(room, "a", **{call: fault}), Vendor(room, "b")
    scene = await started(broken, second, room=room)
    assert scene.controller.lease is not None
    assert scene.controller.lease.provider is second
    assert isinstance(scene.controller.last_error, TransportError | ProtocolError)
    assert scene.controller.last_error.provider == "a"
    await scene.close()
    assert released_once(broken, second)


@pytest.mark.parametrize("fault", [KeyError("a defect"), asyncio.CancelledError()], ids=repr)
async def test_a_watch_that_breaks_ends_nothing(fault: BaseException) -> None:
    room = MemoryRoom()
    vendor = Broken(room, watch=fault)
    scene = await started(vendor, room=room)
    assert await scene.say(1.0) == (pytest.approx(1.0), False)
    assert scene.takes == [("vendor", "done")]
    await scene.close()
    assert released_once(vendor)


@pytest.mark.parametrize("claims", [0, 2])
@pytest.mark.parametrize("breaks", ["", "create_sink", "provision"])
async def test_what_was_bought_is_released_however_it_was_claimed(claims: int, breaks: str) -> None:
    room = MemoryRoom()
    vendor = Broken(room, **{breaks: ValueError("a defect")})
    vendor.claims, vendor.joins = claims, False
    scene = Scene(room, vendor, join_timeout_s=1.0)
    await scene.controller.start()
    assert await scene.controller.settled() is None
    await scene.close()
    assert len(vendor.bought) == 1
    if claims or breaks != "provision":
        assert released_once(vendor)


@pytest.mark.parametrize("call", ["sink_begin", "sink_push", "sink_end"])
@pytest.mark.parametrize("error", [RoomError("no"), ValueError("a defect")], ids=str)
async def test_a_road_that_breaks_in_use_is_replaced(call: str, error: Exception) -> None:
    room = MemoryRoom()
    broken, second = Broken(room, "a", **{call: error}), Vendor(room, "b")
    scene = await started(broken, second, room=room)
    assert await scene.say(1.0) == (pytest.approx(1.0), False)
    lease = await scene.controller.settled()
    await scene.say(0.5)
    lease = await scene.controller.settled()
    assert lease is not None
    assert lease.provider is second
    assert [failed.provider for failed in scene.told(AvatarFailed)] == ["a"]
    await scene.say(1.0)
    assert scene.takes[-1] == ("b", "done")
    assert room.recording.seconds() >= 2.5 - 0.01
    await scene.close()
    assert released_once(broken, second)


async def test_each_turn_of_the_session_is_told() -> None:
    room = MemoryRoom()
    first, second = Vendor(room, "a"), Vendor(room, "b")
    scene = await started(first, second, room=room)
    assert first.ended is not None
    first.ended.set_result("gone")
    await asyncio.sleep(0.01)
    await scene.controller.settled()
    await scene.close()
    turns = [(turn.state, turn.provider) for turn in scene.told(StateChanged)]
    assert turns == [
        (AvatarState.STARTING, "a"),
        (AvatarState.LIVE, "a"),
        (AvatarState.VOICE, "voice"),
        (AvatarState.LIVE, "b"),
        (AvatarState.CLOSING, "b"),
        (AvatarState.CLOSED, "voice"),
    ]


async def test_a_voice_that_broke_is_published_anew() -> None:
    room = MemoryRoom()
    scene = await started(room=room)
    await scene.say(0.5)
    voice = scene.controller._voice.transport
    assert voice is not None

    async def push(chunk: bytes) -> None:
        raise RoomError("the track broke")

    voice.sink.push = push  # type: ignore[method-assign]
    position_s, interrupted = await scene.say(0.5)
    assert (position_s, interrupted) == (0.0, True)
    assert len(scene.unspoken) == 1
    assert await scene.say(0.5) == (pytest.approx(0.5), False)
    await scene.close()
    assert "audio" not in room.members[AGENT].tracks


async def test_a_voice_that_cannot_be_published_is_tried_again() -> None:
    room = MemoryRoom()
    scene = Scene(room)
    publish = scene.agent.publish_audio

    async def refused(*_: Any, **__: Any) -> Any:
        raise RoomError("not now")

    scene.agent.publish_audio = refused  # type: ignore[method-assign]
    await scene.controller.start()
    position_s, interrupted = await scene.say(0.5)
    assert (position_s, interrupted) == (0.0, True)
    scene.agent.publish_audio = publish  # type: ignore[method-assign]
    assert await scene.say(0.5) == (pytest.approx(0.5), False)
    await scene.close()


@pytest.mark.parametrize("speaking", [True, False])
async def test_closing_while_the_voice_is_published_leaves_no_track(speaking: bool) -> None:
    room = MemoryRoom()
    scene = Scene(room)
    publish = scene.agent.publish_audio

    async def late(*args: Any, **more: Any) -> Any:
        await asyncio.sleep(0.3)
        return await publish(*args, **more)

    scene.agent.publish_audio = late  # type: ignore[method-assign]
    await scene.controller.start()
    over = scene.begin(1.0) if speaking else None
    await asyncio.sleep(0.1)
    await scene.close()
    await asyncio.sleep(2.0)
    assert "audio" not in room.members[AGENT].tracks
    assert over is None or over.done()


async def test_an_error_keeps_its_own_words() -> None:
    room = MemoryRoom()
    vendor = Broken(room, sink_open=AvatarError("as it is", hint="Do this."))
    scene = await started(vendor, room=room)
    assert scene.controller.last_error is vendor.breaks["sink_open"]
    await scene.close()


async def test_what_breaks_past_all_nets_keeps_nobody_from_the_next_of_the_chain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = MemoryRoom()
    broken, second = Vendor(room, "a"), Vendor(room, "b")

    def torn(vendor: Vendor) -> str:
        if vendor is broken:
            raise LookupError
        return ""

    monkeypatch.setattr(Vendor, "account", property(torn))
    scene = await started(broken, second, room=room)
    assert scene.controller.lease is not None
    assert scene.controller.lease.provider is second
    assert isinstance(scene.controller.last_error, ProtocolError)
    await scene.close()


async def test_a_session_may_have_a_format_of_its_own() -> None:
    room = MemoryRoom()
    format = AudioFormat(16_000)

    class Narrow(Vendor):
        async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
            avatar = replace(await super().provision(request), audio=format)
            request.claim(avatar)
            return avatar

    scene = await started(Narrow(room), room=room)
    assert scene.controller.lease is not None
    assert scene.controller.lease.transport.format == format
    await scene.close()


async def test_the_worker_of_a_road_that_was_lost_is_put_out_though_its_vendor_ends_sessions() -> (
    None
):
    room = MemoryRoom()
    vendor = Vendor(room)
    vendor.capabilities = replace(vendor.capabilities, ends_session=True)
    scene = await started(vendor, room=room)
    (identity,) = vendor.workers
    vendor.workers.clear()  # its vendor's end reaches it no more
    assert vendor.ended is not None
    vendor.ended.set_result("it said so")
    await scene.until(lambda: identity not in room.members, 1.0)
    await scene.close()
