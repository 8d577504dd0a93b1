"""Byte streams behave equally in a room in memory and on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.participants import RoomEvent
from avatar_core.contracts.streams import StreamReader
from tests.room_link.rooms import Body, EventLog, Rooms, join_pair


class Inbox:
    """Streams as they arrive, read to their ends."""

    def __init__(self, link: RoomLink, topic: str = "topic") -> None:
        self.streams: asyncio.Queue[tuple[str, StreamReader]] = asyncio.Queue()
        self.unsubscribe = link.on_stream(
            topic, lambda sender, reader: self.streams.put_nowait((sender, reader))
        )

    async def next(self) -> tuple[str, StreamReader]:
        return await self.streams.get()


def test_stream_arrives_in_order_with_its_attributes(in_both_rooms: Callable[[Body], None]) -> None:
    async def body(rooms: Rooms) -> None:
        here, there = await join_pair(rooms)
        inbox = Inbox(there)
        writer = await here.open_stream("topic", to=["there"], attributes={"rate": "24000"})
        sent = [bytes([number]) * 960 for number in range(50)]
        for piece in sent:
            await writer.write(piece)
        await writer.aclose()
        await writer.aclose()
        sender, reader = await inbox.next()
        assert sender == "here"
        assert reader.attributes == {"rate": "24000"}
        assert b"".join([piece async for piece in reader]) == b"".join(sent)

    in_both_rooms(body)


def test_stream_reaches_only_its_receivers(in_both_rooms: Callable[[Body], None]) -> None:
    async def body(rooms: Rooms) -> None:
        here, there = await join_pair(rooms)
        other = await rooms.join("other")
        inbox, foreign = Inbox(there), Inbox(other)
        writer = await here.open_stream("topic", to=["there"], attributes={})
        await writer.write(b"secret")
        await writer.aclose()
        _, reader = await inbox.next()
        assert [piece async for piece in reader] == [b"secret"]
        assert foreign.streams.empty()

    in_both_rooms(body)


def test_reader_raises_room_error_if_the_stream_ends_with_a_reason(
    in_both_rooms: Callable[[Body], None],
) -> None:
    async def body(rooms: Rooms) -> None:
        here, there = await join_pair(rooms)
        inbox = Inbox(there)
        writer = await here.open_stream("topic", to=["there"], attributes={})
        await writer.write(b"first")
        await writer.aclose("no more")
        _, reader = await inbox.next()
        with pytest.raises(RoomError):
            assert [piece async for piece in reader] == []

    in_both_rooms(body)


def test_closed_reader_stops_reading(in_both_rooms: Callable[[Body], None]) -> None:
    async def body(rooms: Rooms) -> None:
        here, there = await join_pair(rooms)
        inbox = Inbox(there)
        writer = await here.open_stream("topic", to=["there"], attributes={})
        await writer.write(b"one")
        _, reader = await inbox.next()
        pieces = aiter(reader)
        assert await anext(pieces) == b"one"
        reader.close()
        assert [piece async for piece in pieces] == []
        await writer.aclose()

    in_both_rooms(body)


def test_topic_accepts_at_most_one_handler(in_both_rooms: Callable[[Body], None]) -> None:
    async def body(rooms: Rooms) -> None:
        here, there = await join_pair(rooms)
        inbox = Inbox(there)
        with pytest.raises(ValueError, match="already set"):
            Inbox(there)
        inbox.unsubscribe()
        writer = await here.open_stream("topic", to=["there"], attributes={})
        await writer.write(b"to nobody")
        await writer.aclose()
        Inbox(there)

    in_both_rooms(body)


def test_full_reconnect_keeps_sids_and_breaks_streams(
    in_both_rooms: Callable[[Body], None],
) -> None:
    async def body(rooms: Rooms) -> None:
        here, there = await join_pair(rooms)
        inbox = Inbox(there)
        there.serve("still", lambda *_: "there")
        writer = await here.open_stream("topic", to=["there"], attributes={})
        await writer.write(b"first")
        _, reader = await inbox.next()
        events, sid = EventLog(here), here.remote_participants()["there"].sid
        await rooms.reconnect(here)
        await events.wait_for(RoomEvent.RECONNECTED)
        assert (await events.wait_for_participant("there")).sid == sid
        kinds = events.kinds
        assert kinds.index(RoomEvent.RECONNECTING) < kinds.index(RoomEvent.RECONNECTED)
        with pytest.raises(RoomError):
            assert [piece async for piece in reader] == []
        assert await here.call("there", "still", "", timeout_s=5) == "there"
        again = await here.open_stream("topic", to=["there"], attributes={})
        await again.write(b"again")
        await again.aclose()
        _, reader = await inbox.next()
        assert [piece async for piece in reader] == [b"again"]

    in_both_rooms(body)
