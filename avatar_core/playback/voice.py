"""The agent's own voice: the transport that needs nobody."""

from __future__ import annotations

import asyncio

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import RoomError, TransportError
from avatar_core.contracts.link import AudioTrack, RoomLink
from avatar_core.contracts.playback import Take
from avatar_core.contracts.sink import AudioSink
from avatar_core.playback.clock_tracker import ClockTracker
from avatar_core.playback.transport import Transport
from avatar_core.playout import PLAYOUT_TAIL_S
from avatar_core.registry.discovery import VOICE
from avatar_core.tasks import BackgroundTasks

RUN_AHEAD_S = 0.2
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


class Voice:
    """Publishes the agent's track as often as it is needed.

    Args:
        link: The agent's place in the room.
        tasks: Runs what unpublishes it.

    Attributes:
        transport: While it is open.
        opening: While it is being published.
    """

    def __init__(self, link: RoomLink, tasks: BackgroundTasks) -> None:
        self._link = link
        self._tasks = tasks
        self._shut = False
        self.transport: Transport | None = None
        self.opening: asyncio.Task[Transport] | None = None

    async def open(self) -> Transport:
        """The transport; whoever asks while it is being published gets the same.

        Raises:
            TransportError: It cannot be published, or the session is closed.
        """
        if self.transport is not None:
            return self.transport
        if self._shut:
            raise TransportError("the session is closed.")
        if self.opening is None:
            self.opening = asyncio.create_task(self._publish(), name="voice-open")
        return await asyncio.shield(self.opening)

    def close(self) -> None:
        """Take the track back; the next need publishes it anew."""
        transport, self.transport = self.transport, None
        if transport is not None:
            self._tasks.start(transport.tracker.aclose(), "voice-untrack")
            self._tasks.start(transport.sink.aclose(), "voice-close")

    def shut(self) -> None:
        """Close for good."""
        self._shut = True
        self.close()
        if self.opening is not None:
            self.opening.cancel()

    async def _publish(self) -> Transport:
        sink = VoiceSink(self._link)
        try:
            await sink.open()
        except TransportError as error:
            raise TransportError(f"the agent's own voice cannot be published: {error}") from error
        except asyncio.CancelledError:
            self._tasks.start(sink.aclose(), "voice-close")
            raise
        finally:
            self.opening = None
        tracker = ClockTracker(sink.played_s, cut=sink.was_cut, tail_s=PLAYOUT_TAIL_S)
        self.transport = Transport(
            provider=VOICE,
            sink=sink,
            tracker=tracker,
            format=VOICE_FORMAT,
            run_ahead_s=RUN_AHEAD_S,
        )
        return self.transport
