"""Byte streams whose every packet names its destination.

The public writer of `livekit.rtc` addresses the header alone, so the server brings chunks
to everyone in the room. The three FFI requests used here address chunks and trailer too.
They are private: `addressed_streams_work` looks for them once, and the link falls back to
the public writer, with one warning, where they have changed.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import cache
from typing import Any

from livekit import rtc
from livekit.rtc._ffi_client import FfiClient
from livekit.rtc._proto import ffi_pb2, room_pb2

from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.link import StreamReader, StreamWriter

log = logging.getLogger("avatar_core.rtc")

_REQUESTS = ("send_stream_header", "send_stream_chunk", "send_stream_trailer")


@cache
def addressed_streams_work() -> bool:
    """Whether the installed livekit has the requests that addressed streams need."""
    works = all(
        name in ffi_pb2.FfiRequest.DESCRIPTOR.fields_by_name
        and name in ffi_pb2.FfiEvent.DESCRIPTOR.fields_by_name
        for name in _REQUESTS
    ) and hasattr(room_pb2, "DataStream")
    if not works:
        log.warning(
            "This livekit release has no addressed byte streams: everyone in the room "
            "receives the agent's audio as data. Install the release livekit-agents pins."
        )
    return works


class Acknowledgements:
    """Answers to FFI requests, over one filtered subscription instead of one for each call."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, int], asyncio.Future[Any]] = {}
        self._queue = FfiClient.instance.queue.subscribe(
            filter_fn=lambda event: event.WhichOneof("message") in _REQUESTS
        )
        self._task = asyncio.create_task(self._read(), name="ffi-acknowledgements")

    async def request(self, kind: str, **fields: Any) -> None:
        """Send one request and wait for its answer.

        Raises:
            RoomError: The room refused it.
        """
        request = ffi_pb2.FfiRequest()
        getattr(request, kind).CopyFrom(type(getattr(request, kind))(**fields))
        response = FfiClient.instance.request(request)
        key = kind, getattr(response, kind).async_id
        answer = self._waiting[key] = asyncio.get_running_loop().create_future()
        try:
            error = await answer
        finally:
            del self._waiting[key]
        if error:
            raise RoomError(f"the room did not take a stream packet ({error}).")

    async def _read(self) -> None:
        while True:
            event = await self._queue.get()
            kind = event.WhichOneof("message")
            callback = getattr(event, kind)
            answer = self._waiting.get((kind, callback.async_id))
            if answer is not None and not answer.done():
                answer.set_result(callback.error)

    def close(self) -> None:
        """Stop listening; what still waits is told that the room is gone."""
        FfiClient.instance.queue.unsubscribe(self._queue)
        self._task.cancel()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_result("the room is gone")


class AddressedWriter(StreamWriter):
    """A byte stream that only its destinations receive."""

    def __init__(
        self, participant: rtc.LocalParticipant, acks: Acknowledgements, to: Sequence[str]
    ) -> None:
        self._acks = acks
        self._stream_id = str(uuid.uuid4())
        self._index = 0
        self._closed = False
        self._address = {
            "local_participant_handle": participant._ffi_handle.handle,
            "destination_identities": list(to),
            "sender_identity": participant.identity,
        }

    async def open(self, topic: str, attributes: Mapping[str, str]) -> None:
        """Send the header."""
        header = room_pb2.DataStream.Header(
            stream_id=self._stream_id,
            timestamp=int(time.time() * 1000),
            topic=topic,
            mime_type="application/octet-stream",
            byte_header=room_pb2.DataStream.ByteHeader(name=f"AUDIO_{self._stream_id[:8]}"),
            attributes=dict(attributes),
        )
        await self._acks.request("send_stream_header", header=header, **self._address)

    async def write(self, data: bytes) -> None:
        """Send one chunk, at most 15 kB; acknowledged before the next, so order holds."""
        index, self._index = self._index, self._index + 1
        chunk = room_pb2.DataStream.Chunk(
            stream_id=self._stream_id, chunk_index=index, content=data
        )
        await self._acks.request("send_stream_chunk", chunk=chunk, **self._address)

    async def aclose(self, reason: str = "") -> None:
        """Send the trailer; idempotent."""
        if not self._closed:
            self._closed = True
            trailer = room_pb2.DataStream.Trailer(stream_id=self._stream_id, reason=reason)
            await self._acks.request("send_stream_trailer", trailer=trailer, **self._address)


class PublicWriter(StreamWriter):
    """The public byte stream: its chunks reach everyone in the room."""

    def __init__(self, writer: rtc.ByteStreamWriter) -> None:
        self._writer = writer
        self._closed = False

    async def write(self, data: bytes) -> None:
        """Send one chunk."""
        try:
            await self._writer.write(data)
        except (ConnectionError, RuntimeError) as error:
            raise RoomError(f"the room did not take a stream packet ({error}).") from error

    async def aclose(self, reason: str = "") -> None:
        """Send the trailer; idempotent."""
        if self._closed:
            return
        self._closed = True
        try:
            await self._writer.aclose(reason=reason)
        except (ConnectionError, RuntimeError) as error:
            raise RoomError(f"the room did not take the end of a stream ({error}).") from error


class RtcStreamReader(StreamReader):
    """An incoming byte stream of `livekit.rtc`, always closed when left."""

    def __init__(self, reader: rtc.ByteStreamReader) -> None:
        self._reader = reader
        self.attributes = dict(reader.info.attributes or {})

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Messages in order."""
        try:
            async for data in self._reader:
                yield data
        except ConnectionError as error:
            raise RoomError(f"an incoming stream broke off ({error}).") from error
        finally:
            self._reader.close()

    def close(self) -> None:
        """Stop reading."""
        self._reader.close()
