"""Byte streams with packets that are addressed to the receivers of the stream.

The public writer of `livekit.rtc` addresses only the header, so the server sends the chunks to
everyone in the room. This module uses three FFI requests of `livekit.rtc` that address chunks and
trailer, too. The requests are private; `private_ffi` checks whether they exist. If a private
request is missing, the room link opens no stream, unless the application allows the public writer.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from livekit import rtc

from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.streams import StreamReader, StreamWriter
from avatar_core.rtc.private_ffi import REQUESTS, FfiClient, ffi_pb2, room_pb2


class Acknowledgements:
    """Waits for the responses to FFI requests, with one subscription for all requests.

    `RtcLink` creates this object at its first stream.
    """

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, int], asyncio.Future[Any]] = {}
        self._queue = FfiClient.instance.queue.subscribe(
            filter_fn=lambda event: event.WhichOneof("message") in REQUESTS
        )
        self._task = asyncio.create_task(self._read(), name="ffi-acknowledgements")

    async def request(self, kind: str, **fields: Any) -> None:
        """Send an FFI request and wait for its response.

        Args:
            kind: The name of the request in `FfiRequest`, one of `REQUESTS`.
            fields: The fields of the request.

        Raises:
            RoomError: The room refused the request, or was left.
        """
        request = ffi_pb2.FfiRequest()
        getattr(request, kind).CopyFrom(type(getattr(request, kind))(**fields))
        response = FfiClient.instance.request(request)
        key = kind, getattr(response, kind).async_id
        done = self._waiting[key] = asyncio.get_running_loop().create_future()
        try:
            error = await done
        finally:
            del self._waiting[key]
        if error:
            raise RoomError(f"The room did not accept a packet of a byte stream ({error}).")

    async def _read(self) -> None:
        while True:
            event = await self._queue.get()
            kind = event.WhichOneof("message")
            callback = getattr(event, kind)
            done = self._waiting.get((kind, callback.async_id))
            if done is not None and not done.done():
                done.set_result(callback.error)

    def close(self) -> None:
        """Stop reading responses; make the requests that still wait raise RoomError."""
        FfiClient.instance.queue.unsubscribe(self._queue)
        self._task.cancel()
        for done in self._waiting.values():
            if not done.done():
                done.set_result("this participant left the room")


class AddressedWriter(StreamWriter):
    """Writes a byte stream that the server sends to its receivers only.

    Args:
        participant: The local participant.
        acks: Waits for LiveKit's responses.
        to: The identities of the receivers.
    """

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
        """Send the header of the stream.

        Args:
            topic: Topic of the stream.
            attributes: Attributes of the stream, for the receivers.

        Raises:
            RoomError: The room refused the header, or was left.
        """
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
        """Send one chunk and wait until LiveKit accepts it, which keeps the chunks in order.

        Args:
            data: The chunk, at most 15 kB.

        Raises:
            RoomError: The room refused the chunk, or was left.
        """
        index, self._index = self._index, self._index + 1
        chunk = room_pb2.DataStream.Chunk(
            stream_id=self._stream_id, chunk_index=index, content=data
        )
        await self._acks.request("send_stream_chunk", chunk=chunk, **self._address)

    async def aclose(self, reason: str = "") -> None:
        """Send the trailer of the stream; idempotent.

        Args:
            reason: Where not empty, the reader gets an error instead of a normal end.

        Raises:
            RoomError: The room refused the trailer, or was left.
        """
        if not self._closed:
            self._closed = True
            trailer = room_pb2.DataStream.Trailer(stream_id=self._stream_id, reason=reason)
            await self._acks.request("send_stream_trailer", trailer=trailer, **self._address)


class PublicWriter(StreamWriter):
    """Writes a byte stream with LiveKit's public writer; everyone in the room receives its chunks.

    Args:
        writer: The writer of `livekit.rtc`.
    """

    def __init__(self, writer: rtc.ByteStreamWriter) -> None:
        self._writer = writer
        self._closed = False

    async def write(self, data: bytes) -> None:
        """Send one chunk.

        Args:
            data: The chunk, at most 15 kB.

        Raises:
            RoomError: The room refused the chunk, or was left.
        """
        try:
            await self._writer.write(data)
        except (ConnectionError, RuntimeError) as error:
            raise RoomError(
                f"The room did not accept a packet of a byte stream ({error})."
            ) from error

    async def aclose(self, reason: str = "") -> None:
        """Send the trailer of the stream; idempotent.

        Args:
            reason: Where not empty, the reader gets an error instead of a normal end.

        Raises:
            RoomError: The room refused the trailer, or was left.
        """
        if self._closed:
            return
        self._closed = True
        try:
            await self._writer.aclose(reason=reason)
        except (ConnectionError, RuntimeError) as error:
            raise RoomError(
                f"The room did not accept the end of a byte stream ({error})."
            ) from error


class RtcStreamReader(StreamReader):
    """Reads a byte stream of `livekit.rtc`, and closes it when the iteration ends.

    Args:
        reader: The reader of `livekit.rtc`.

    Attributes:
        attributes: The attributes of the stream, as its sender set them.
    """

    def __init__(self, reader: rtc.ByteStreamReader) -> None:
        self._reader = reader
        self.attributes = dict(reader.info.attributes or {})

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the messages of the stream in their order.

        Yields:
            The content of each message.

        Raises:
            RoomError: The stream ended abnormally.
        """
        try:
            async for data in self._reader:
                yield data
        except ConnectionError as error:
            raise RoomError(f"An incoming byte stream ended abnormally ({error}).") from error
        finally:
            self._reader.close()

    def close(self) -> None:
        """Stop reading and drop the messages that have not been read."""
        self._reader.close()
