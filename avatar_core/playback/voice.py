"""The agent's own voice: the transport that needs nobody."""

from __future__ import annotations

import asyncio

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.link import AudioTrack, RoomLink
from avatar_core.contracts.playback import Take
from avatar_core.contracts.sink import AudioSink

VOICE_FORMAT = AudioFormat(48_000)
TRACK_NAME = "agent_voice"
FRAME_S = 0.01
QUEUED_S = 0.03
"""Kept in the native queue: more is slow to stop, less stutters."""
PUBLISH_S = 5.0
SUBSCRIBED_S = 0.5
"""Speech waits this long for a first listener; with nobody there it goes on."""


class VoiceSink(AudioSink):
    """A microphone track of the agent, published when it is first needed."""

    def __init__(self, link: RoomLink) -> None:
        self._link = link
        self._out: AudioTrack | None = None
        self._take: Take | None = None
        self._captured_s = 0.0
        self._rest = b""

    async def open(self) -> None:
        """Publish the track and wait for somebody to listen, shortly."""
        if self._out is None:
            try:
                async with asyncio.timeout(PUBLISH_S):
                    self._out = await self._link.publish_audio(VOICE_FORMAT, name=TRACK_NAME)
            except TimeoutError as error:
                raise RoomError(f"the room took no track in {PUBLISH_S:g} s.") from error
            try:
                async with asyncio.timeout(SUBSCRIBED_S):
                    await self._out.wait_for_subscription()
            except TimeoutError:
                return

    async def begin(self, take: Take) -> None:
        """Start counting from the take's own 0."""
        self._take, self._captured_s, self._rest = take, 0.0, b""

    async def push(self, chunk: bytes) -> None:
        """Queue the chunk in real time, 10 ms at a time."""
        size = VOICE_FORMAT.size(FRAME_S)
        self._rest += chunk
        while len(self._rest) >= size:
            frame, self._rest = self._rest[:size], self._rest[size:]
            await self._capture(frame)

    async def end(self, take: Take) -> None:
        """Play the last piece, filled up with silence."""
        if self._rest:
            rest, self._rest = self._rest, b""
            await self._capture(rest.ljust(VOICE_FORMAT.size(FRAME_S), b"\0"))

    async def cut(self, take: Take) -> None:
        """Drop what is queued."""
        if self._out is not None and self._take is take:
            self._captured_s -= self._out.queued_s
            self._out.clear()
            self._take = None

    async def aclose(self) -> None:
        """Unpublish; a silent microphone of the agent would shadow the avatar's voice."""
        out, self._out = self._out, None
        if out is not None:
            await out.unpublish()

    def played_s(self, take: Take) -> float:
        """Seconds of `take` that left the queue."""
        queued_s = self._out.queued_s if self._out is not None and self._take is take else 0.0
        return self._captured_s - queued_s

    def was_cut(self, take: Take) -> bool:
        """Whether the take is no longer on this transport."""
        return self._take is not take

    async def _capture(self, frame: bytes) -> None:
        out, take = self._out, self._take
        if out is None or take is None:
            return
        wait_s = out.queued_s + FRAME_S - QUEUED_S
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        self._captured_s += FRAME_S
        await out.capture(frame)
