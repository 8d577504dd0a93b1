"""The agent's own voice: an audio track that needs no avatar."""

from __future__ import annotations

import asyncio

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import RoomError, TransportError
from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.playback import Take
from avatar_core.contracts.sink import AudioSink
from avatar_core.contracts.tracks import AudioTrack
from avatar_core.playback.clock_tracker import ClockTracker
from avatar_core.playback.transport import Transport
from avatar_core.playout import PLAYOUT_TAIL_S
from avatar_core.registry.discovery import VOICE
from avatar_core.tasks import BackgroundTasks

RUN_AHEAD_S = 0.2
"""Audio that may be sent beyond what was heard."""
VOICE_FORMAT = AudioFormat(48_000)
TRACK_NAME = "agent_voice"
FRAME_S = 0.01
QUEUED_S = 0.03
"""Audio kept in the native queue. With more a cut takes longer; with less the sound stutters."""
PUBLISH_S = 5.0
"""Deadline for the publication of the track."""
SUBSCRIBED_S = 0.5
"""Speech waits so long for a first subscriber, and then begins without one."""


class VoiceSink(AudioSink):
    """Plays takes on a microphone track of the agent, published at `open`.

    Args:
        link: The agent's connection to the room.
    """

    def __init__(self, link: RoomLink) -> None:
        self._link = link
        self._track: AudioTrack | None = None
        self._take: Take | None = None
        self._captured_s = 0.0
        self._rest = b""

    async def open(self) -> None:
        """Publish the track; wait at most `SUBSCRIBED_S` for a participant to subscribe.

        Raises:
            RoomError: The room did not accept the track within `PUBLISH_S`.
        """
        if self._track is None:
            try:
                async with asyncio.timeout(PUBLISH_S):
                    self._track = await self._link.publish_audio(VOICE_FORMAT, name=TRACK_NAME)
            except TimeoutError as error:
                raise RoomError(
                    f"The room did not accept the agent's audio track within {PUBLISH_S:g} s.",
                    hint="Check that the agent's token allows it to publish.",
                ) from error
            try:
                async with asyncio.timeout(SUBSCRIBED_S):
                    await self._track.wait_for_subscription()
            except TimeoutError:
                return

    async def begin(self, take: Take) -> None:
        """Count the audio played from 0.

        Args:
            take: The take whose audio follows, in `VOICE_FORMAT`.
        """
        self._take, self._captured_s, self._rest = take, 0.0, b""

    async def push(self, chunk: bytes) -> None:
        """Queue audio of the current take in real time, 10 ms at a time.

        Args:
            chunk: Whole samples in `VOICE_FORMAT`: int16, little-endian, mono.

        Raises:
            RoomError: The room closed.
        """
        size = VOICE_FORMAT.size(FRAME_S)
        self._rest += chunk
        while len(self._rest) >= size:
            frame, self._rest = self._rest[:size], self._rest[size:]
            await self._capture(frame)

    async def end(self, take: Take) -> None:
        """Queue the last, incomplete frame, filled up with silence.

        Args:
            take: The current take.

        Raises:
            RoomError: The room closed.
        """
        if self._rest:
            rest, self._rest = self._rest, b""
            await self._capture(rest.ljust(VOICE_FORMAT.size(FRAME_S), b"\0"))

    async def cut(self, take: Take) -> None:
        """Drop the queued audio of a take.

        Args:
            take: The take to stop; nothing happens if it is not the current one.
        """
        if self._track is not None and self._take is take:
            self._captured_s -= self._track.queued_s
            self._track.clear()
            self._take = None

    async def aclose(self) -> None:
        """Unpublish the track, since clients would prefer it to the avatar's; idempotent."""
        track, self._track = self._track, None
        if track is not None:
            await track.unpublish()

    def played_s(self, take: Take) -> float:
        """Return the seconds of a take that left the queue.

        Args:
            take: The current take, or the last one.
        """
        track = self._track if self._take is take else None
        return self._captured_s - (track.queued_s if track is not None else 0.0)

    def was_cut(self, take: Take) -> bool:
        """Return whether a take is not, or no longer, the current one.

        Args:
            take: The take to look for.
        """
        return self._take is not take

    async def _capture(self, frame: bytes) -> None:
        track, take = self._track, self._take
        if track is None or take is None:
            return
        wait_s = track.queued_s + FRAME_S - QUEUED_S
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        self._captured_s += FRAME_S
        await track.capture(frame)


class Voice:
    """Publishes and unpublishes the agent's own track, as often as needed.

    Args:
        link: The agent's connection to the room.
        tasks: Runs the work that unpublishes the track.

    Attributes:
        transport: The transport to the track while it is published, else None.
        opening: The task that publishes the track while it runs, else None.
    """

    def __init__(self, link: RoomLink, tasks: BackgroundTasks) -> None:
        self._link = link
        self._tasks = tasks
        self._shut_down = False
        self.transport: Transport | None = None
        self.opening: asyncio.Task[Transport] | None = None

    async def open(self) -> Transport:
        """Publish the track if it is not published.

        Returns:
            The transport to the track. Callers at the same time get the same one.

        Raises:
            TransportError: The track cannot be published, or `shut_down` was called.
        """
        if self.transport is not None:
            return self.transport
        if self._shut_down:
            raise TransportError(
                "The avatar session is closed, so the agent's voice cannot speak.",
                hint="Call create_avatar again for a new avatar session.",
            )
        if self.opening is None:
            self.opening = asyncio.create_task(self._publish(), name="voice-open")
        return await asyncio.shield(self.opening)

    def close(self) -> None:
        """Unpublish the track in the background; `open` publishes it again. Idempotent."""
        transport, self.transport = self.transport, None
        if transport is not None:
            self._tasks.start(transport.tracker.aclose(), "voice-untrack")
            self._tasks.start(transport.sink.aclose(), "voice-close")

    def shut_down(self) -> None:
        """Unpublish the track for good: `open` raises from now on. Idempotent."""
        self._shut_down = True
        self.close()
        if self.opening is not None:
            self.opening.cancel()

    async def _publish(self) -> Transport:
        sink = VoiceSink(self._link)
        try:
            await sink.open()
        except TransportError as error:
            raise TransportError(
                f"The room did not accept the track of the agent's own voice: {error}"
            ) from error
        except asyncio.CancelledError:
            self._tasks.start(sink.aclose(), "voice-close")
            raise
        finally:
            self.opening = None
        tracker = ClockTracker(sink.played_s, is_cut=sink.was_cut, tail_s=PLAYOUT_TAIL_S)
        self.transport = Transport(
            provider=VOICE,
            sink=sink,
            tracker=tracker,
            format=VOICE_FORMAT,
            run_ahead_s=RUN_AHEAD_S,
        )
        return self.transport
