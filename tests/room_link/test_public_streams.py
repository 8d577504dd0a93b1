"""A link whose livekit cannot address streams: it opens none, unless the application allows it."""

from __future__ import annotations

import asyncio
import logging

import pytest

from avatar_core.contracts.errors import RoomError
from avatar_core.rtc import message_link, private_ffi
from avatar_core.rtc.link import RtcLink
from avatar_core.testing.server import DevServer
from tests.room_link.rooms import Rooms, join_pair, on_the_server

pytestmark = pytest.mark.livekit


def test_stream_is_opened_only_if_public_streams_are_allowed(
    server: DevServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for module in (message_link, private_ffi):
        monkeypatch.setattr(module, "find_missing", lambda: "FfiRequest.send_stream_chunk")

    async def body(rooms: Rooms) -> None:
        here, there = await join_pair(rooms)
        assert isinstance(here, RtcLink)
        received: asyncio.Queue[bytes] = asyncio.Queue()

        async def read(sender: str, reader: object) -> None:
            async for data in reader:  # type: ignore[attr-defined]
                received.put_nowait(data)

        reading: list[asyncio.Task[None]] = []
        there.on_stream("topic", lambda *stream: reading.append(asyncio.create_task(read(*stream))))
        with pytest.raises(RoomError, match="send_stream_chunk is missing"):
            await here.open_stream("topic", to=["there"], attributes={})
        here.allow_public_streams = True
        for _ in range(2):
            writer = await here.open_stream("topic", to=["there"], attributes={})
            await writer.write(b"audio")
            await writer.aclose()
            assert await received.get() == b"audio"
        await asyncio.gather(*reading)

    with caplog.at_level(logging.WARNING, "avatar_core.rtc"):
        on_the_server(body, server)
    assert caplog.text.count("Every participant of the room receives") == 1


def test_request_that_livekit_refuses_is_a_room_error(
    server: DevServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avatar_core.rtc.streams.FfiClient", object())

    async def body(rooms: Rooms) -> None:
        here, _ = await join_pair(rooms)
        with pytest.raises(RoomError, match="refused the request for a byte stream"):
            await here.open_stream("topic", to=["there"], attributes={})

    on_the_server(body, server)
