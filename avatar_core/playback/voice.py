"""The transport that plays the agent's own voice on an audio track, while there is no avatar."""

from __future__ import annotations

import asyncio

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.error_codes import ErrorCode
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


class VoiceSink(AudioSink):
    """Plays takes on a microphone track of the agent, which `open` publishes.

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
        """Publish the track; do nothing if it is published.

        Raises:
            RoomError: The room is disconnected, or did not accept the track within `PUBLISH_S`.
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

    async def wait_until_subscribed(self) -> None:
        """Wait until a participant has subscribed to the track; return at once if it has none."""
        if self._track is not None:
            await self._track.wait_for_subscription()

    async def begin(self, take: Take) -> None:
        """Begin a take: set the count of its played audio to 0.

        Args:
            take: The take whose audio follows, in `VOICE_FORMAT`.
        """
        self._take, self._captured_s, self._rest = take, 0.0, b""

    async def push(self, chunk: bytes) -> None:
        """Queue audio of the current take in real time, 10 ms at a time; without a take, drop it.

        Args:
            chunk: Whole samples in `VOICE_FORMAT`: int16, little-endian, mono.

        Raises:
            Exception: The audio track did not accept the audio.
        """
        size = VOICE_FORMAT.size(FRAME_S)
        self._rest += chunk
        while len(self._rest) >= size:
            frame, self._rest = self._rest[:size], self._rest[size:]
            await self._capture(frame)

    async def end(self, take: Take) -> None:
        """Queue the last, incomplete frame of a take, filled up with silence.

        Args:
            take: The current take.

        Raises:
            Exception: The audio track did not accept the audio.
        """
        if self._rest:
            rest, self._rest = self._rest, b""
            await self._capture(rest.ljust(VOICE_FORMAT.size(FRAME_S), b"\0"))

    async def cut(self, take: Take) -> None:
        """Drop the queued audio of a take.

        Args:
            take: The take to stop. The method does nothing unless the take is the current one.
        """
        if self._track is not None and self._take is take:
            self._captured_s -= self._track.queued_s
            self._track.clear()
            self._take = None

    async def aclose(self) -> None:
        """Unpublish the track, since clients would prefer it to the avatar's track; idempotent."""
        track, self._track = self._track, None
        if track is not None:
            await track.unpublish()

    def played_s(self, take: Take) -> float:
        """Return the seconds of a take that have left the queue of the track.

        Args:
            take: The current take, or the last one.

        Returns:
            The position in seconds.
        """
        track = self._track if self._take is take else None
        return self._captured_s - (track.queued_s if track is not None else 0.0)

    def was_cut(self, take: Take) -> bool:
        """Return whether a take was cut or replaced by another take.

        Args:
            take: The take.

        Returns:
            True unless the take is the current one.
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
    """The agent's own voice: publishes and unpublishes its track whenever the session needs it.

    Args:
        link: The agent's connection to the room.
        tasks: Runs the background work that unpublishes the track.

    Attributes:
        transport: The transport to the track while it is published, else None.
        opening: The task that is publishing the track, else None.
    """

    def __init__(self, link: RoomLink, tasks: BackgroundTasks) -> None:
        self._link = link
        self._tasks = tasks
        self._shut_down = False
        self.transport: Transport | None = None
        self.opening: asyncio.Task[Transport] | None = None

    async def open(self) -> Transport:
        """Publish the track unless it is published.

        Returns:
            The transport to the track. Concurrent callers get the same transport.

        Raises:
            TransportError: The track cannot be published, or `shut_down` was called.
        """
        if self.transport is not None:
            return self.transport
        if self._shut_down:
            raise TransportError(
                "The avatar session is closed, so the agent's voice cannot speak.",
                hint="Call create_avatar again for a new avatar session.",
                code=ErrorCode.SESSION_STATE,
            )
        if self.opening is None:
            self.opening = asyncio.create_task(self._publish(), name="voice-open")
        return await asyncio.shield(self.opening)

    def close(self) -> None:
        """Unpublish the track in the background; idempotent. A later `open` publishes it again."""
        transport, self.transport = self.transport, None
        if transport is not None:
            self._tasks.start(transport.tracker.aclose(), "voice-untrack")
            self._tasks.start(transport.sink.aclose(), "voice-close")

    def shut_down(self) -> None:
        """Unpublish the track in the background, and make each later `open` raise; idempotent."""
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
                f"The room did not accept the track of the agent's own voice: {error.text}"
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
            wait_until_subscribed=sink.wait_until_subscribed,
        )
        return self.transport
