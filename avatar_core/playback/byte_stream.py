"""The transport to a worker in the room: one byte stream for each take, addressed to it alone."""

from __future__ import annotations

import asyncio

from avatar_core.contracts import wire
from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.link import RemoteParticipant, RoomEvent, StreamWriter
from avatar_core.contracts.playback import Take
from avatar_core.contracts.provider import SinkContext
from avatar_core.contracts.sink import AudioSink

MESSAGE_BYTES = 15_000
"""The largest chunk that LiveKit's readers are given whole."""
CLEAR_DEADLINE_S = 0.4
SUBSCRIBED_S = 0.15
"""From a track's publication until those in the room hear it: 37 to 67 ms, more where a machine is
busy. Speech that came earlier would lose its first syllable."""


class ByteStreamSink(AudioSink):
    """Speaks `lk.audio_stream` and `lk.clear_buffer` to any LiveKit-style worker."""

    def __init__(self, ctx: SinkContext) -> None:
        self._ctx = ctx
        self._link = ctx.link
        self._to = [ctx.avatar.listener]
        self._writer: StreamWriter | None = None

    async def open(self) -> None:
        """Wait until the worker is in the room and shows what `ready_on` asks for."""
        ready = asyncio.Event()

        def look(_: RoomEvent | None = None, __: RemoteParticipant | None = None) -> None:
            participants = self._link.remote_participants()
            avatar = participants.get(self._ctx.avatar.identity)
            wanted = self._ctx.capabilities.ready_on
            if avatar and self._to[0] in participants and wanted in {"join", *avatar.tracks}:
                ready.set()

        unwatch = self._link.watch(look)
        try:
            look()
            await ready.wait()
        finally:
            unwatch()
        await asyncio.sleep(SUBSCRIBED_S)

    async def begin(self, take: Take) -> None:
        """Open the take's stream; end one that its worker gave up on."""
        await self._close_stream()
        self._writer = await self._link.open_stream(
            wire.AUDIO_STREAM,
            to=self._to,
            attributes=wire.stream_attributes(take.format, take.id),
        )

    async def push(self, chunk: bytes) -> None:
        """Send a chunk."""
        writer = self._writer
        if writer is None:
            return
        for start in range(0, len(chunk), MESSAGE_BYTES):
            await writer.write(chunk[start : start + MESSAGE_BYTES])

    async def end(self, take: Take) -> None:
        """Close the take's stream."""
        await self._close_stream()

    async def cut(self, take: Take) -> None:
        """Clear by a lossy packet, which overtakes audio on the wire, and by RPC."""
        clear = asyncio.gather(
            self._link.send(wire.CLEAR_TOPIC, take.id.encode(), to=self._to),
            self._link.call(self._to[0], wire.CLEAR_BUFFER, "", timeout_s=CLEAR_DEADLINE_S),
            self._close_stream(),
            return_exceptions=True,
        )
        try:
            async with asyncio.timeout(CLEAR_DEADLINE_S):
                for result in await clear:
                    if isinstance(result, RoomError):
                        self._ctx.log.debug("clearing %r: %s", take, result)
        except TimeoutError:
            self._ctx.log.debug("clearing %r took too long", take)

    async def aclose(self) -> None:
        """Close the stream that is open, if any."""
        try:
            async with asyncio.timeout(CLEAR_DEADLINE_S):
                await self._close_stream()
        except (RoomError, TimeoutError):
            return

    async def _close_stream(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.aclose()
