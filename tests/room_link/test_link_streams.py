"""Byte streams, which both links treat alike: what the real server does decides."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.link import RoomEvent, RoomLink, StreamReader
from tests.room_link.rooms import Body, Rooms, Watch, two


class Inbox:
    """Streams as they arrive, read to their ends."""

    def __init__(self, link: RoomLink, topic: str = "topic") -> None:
        self.streams: asyncio.Queue[tuple[str, StreamReader]] = asyncio.Queue()
        self.leave = link.on_stream(
            topic, lambda sender, reader: self.streams.put_nowait((sender, reader))
        )

    async def next(self) -> tuple[str, StreamReader]:
        return await self.streams.get()


def test_a_stream_arrives_in_order_with_its_attributes(both: Callable[[Body], None]) -> None:
    async def body(rooms: Rooms) -> None:
        here, there = await two(rooms)
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

    both(body)


def test_a_stream_reaches_nobody_else(both: Callable[[Body], None]) -> None:
    async def body(rooms: Rooms) -> None:
        here, there = await two(rooms)
        other = await rooms.join("other")
        inbox, foreign = Inbox(there), Inbox(other)
        writer = await here.open_stream("topic", to=["there"], attributes={})
        await writer.write(b"secret")
        await writer.aclose()
        _, reader = await inbox.next()
        assert [piece async for piece in reader] == [b"secret"]
        assert foreign.streams.empty()

    both(body)


def test_a_stream_with_a_reason_breaks_off(both: Callable[[Body], None]) -> None:
    async def body(rooms: Rooms) -> None:
        here, there = await two(rooms)
        inbox = Inbox(there)
        writer = await here.open_stream("topic", to=["there"], attributes={})
        await writer.write(b"begun")
        await writer.aclose("no more")
        _, reader = await inbox.next()
        with pytest.raises(RoomError):
            assert [piece async for piece in reader] == []

    both(body)


def test_a_reader_that_is_closed_reads_no_more(both: Callable[[Body], None]) -> None:
    async def body(rooms: Rooms) -> None:
        here, there = await two(rooms)
        inbox = Inbox(there)
        writer = await here.open_stream("topic", to=["there"], attributes={})
        await writer.write(b"one")
        _, reader = await inbox.next()
        pieces = aiter(reader)
        assert await anext(pieces) == b"one"
        reader.close()
        assert [piece async for piece in pieces] == []
        await writer.aclose()

    both(body)


def test_a_topic_has_one_handler_and_one_without_is_ignored(both: Callable[[Body], None]) -> None:
    async def body(rooms: Rooms) -> None:
        here, there = await two(rooms)
        inbox = Inbox(there)
        with pytest.raises(ValueError, match="already set"):
            Inbox(there)
        inbox.leave()
        writer = await here.open_stream("topic", to=["there"], attributes={})
        await writer.write(b"to nobody")
        await writer.aclose()
        Inbox(there)

    both(body)


def test_a_full_reconnect_keeps_sids_and_breaks_streams(both: Callable[[Body], None]) -> None:
    async def body(rooms: Rooms) -> None:
        here, there = await two(rooms)
        inbox = Inbox(there)
        there.serve("still", lambda *_: "there")
        writer = await here.open_stream("topic", to=["there"], attributes={})
        await writer.write(b"begun")
        _, reader = await inbox.next()
        watch, sid = Watch(here), here.remote_participants()["there"].sid
        await rooms.reconnect(here)
        await watch.until(lambda: bool(watch.told(RoomEvent.RECONNECTED)))
        assert (await watch.sees("there")).sid == sid
        changes = [event for event, _ in watch.changes]
        assert changes.index(RoomEvent.RECONNECTING) < changes.index(RoomEvent.RECONNECTED)
        with pytest.raises(RoomError):
            assert [piece async for piece in reader] == []
        assert await here.call("there", "still", "", timeout_s=5) == "there"
        again = await here.open_stream("topic", to=["there"], attributes={})
        await again.write(b"anew")
        await again.aclose()
        _, reader = await inbox.next()
        assert [piece async for piece in reader] == [b"anew"]

    both(body)
