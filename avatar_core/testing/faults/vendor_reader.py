"""A byte stream of audio as a vendor's worker reads it: later, altered, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from avatar_core.contracts import wire
from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import RoomError, WireError
from avatar_core.contracts.streams import StreamReader
from avatar_core.testing.faults.altered_speech import AlteredSpeech
from avatar_core.testing.faults.vendor_faults import VendorFaults

FALLBACK = AudioFormat(24_000)
"""The format of a stream without valid attributes; the worker rejects such a stream."""


class VendorReader(StreamReader):
    """An incoming byte stream of audio that arrives later and altered at the worker.

    Args:
        reader: The wrapped stream.
        faults: The faults.
        on_audio: Called with the duration in seconds of each piece of audio when the piece arrives,
            and with None at the end of the stream.

    Attributes:
        attributes: Attributes of the wrapped stream.
    """

    def __init__(
        self,
        reader: StreamReader,
        faults: VendorFaults,
        on_audio: Callable[[float | None], None] | None = None,
    ) -> None:
        self.attributes = reader.attributes
        self._reader = reader
        self._faults = faults
        self._on_audio = on_audio
        self._filling: asyncio.Task[None] | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the messages of the wrapped stream, with the faults.

        Returns:
            An iterator over the messages. The iterator raises `RoomError` if the wrapped stream
            ends abnormally.
        """
        if self._on_audio or self._faults.playout_delay_s or self._faults.alters_speech:
            return self._iterate()
        return aiter(self._reader)

    def close(self) -> None:
        """Stop reading the wrapped stream."""
        if self._filling is not None:
            self._filling.cancel()
        self._reader.close()

    async def _iterate(self) -> AsyncIterator[bytes]:
        loop, queue = asyncio.get_running_loop(), asyncio.Queue[tuple[float, bytes | Exception]]()
        format = read_format(self)
        speech = AlteredSpeech(self._faults, format)

        async def fill() -> None:
            """Queue each message with the time of its arrival, and the end of the stream."""
            end: Exception = StopAsyncIteration()
            try:
                async for chunk in self._reader:
                    queue.put_nowait((loop.time(), chunk))
                    if self._on_audio is not None:
                        self._on_audio(format.duration_s(len(chunk)))
            except RoomError as error:
                end = error
            if self._on_audio is not None:
                self._on_audio(None)
            queue.put_nowait((loop.time(), end))

        self._filling = loop.create_task(fill())
        try:
            while True:
                arrived_at, message = await queue.get()
                await asyncio.sleep(arrived_at + self._faults.playout_delay_s - loop.time())
                if isinstance(message, StopAsyncIteration):
                    yield speech.end()
                    return
                if isinstance(message, Exception):
                    raise message
                yield speech.feed(message)
        finally:
            self._filling.cancel()


def read_format(reader: StreamReader) -> AudioFormat:
    """Return the audio format of a stream.

    Args:
        reader: The stream.

    Returns:
        The format in the attributes of the stream; 24 kHz mono if the attributes are invalid.
    """
    try:
        return wire.read_stream_attributes(reader.attributes)[0]
    except WireError:
        return FALLBACK
