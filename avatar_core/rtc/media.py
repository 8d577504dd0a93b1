"""Publishes audio and video tracks, with parameters for lip-synced speech."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from livekit import rtc

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.renderer import VideoFrame
from avatar_core.contracts.tracks import QUEUE_S, AudioTrack, VideoTrack
from avatar_core.playout import PlayoutClock

UNPUBLISH_S = 1.0
"""Deadline of an unpublish: LiveKit never responds if the room was left meanwhile."""

T = TypeVar("T", AudioTrack, VideoTrack)


class TrackPublisher:
    """Publishes the tracks of the local participant.

    LiveKit completes a publication even after its caller was cancelled, for example after a
    reconnect. Such a track is unpublished as soon as its publication completes.

    Args:
        participant: The local participant.
    """

    def __init__(self, participant: rtc.LocalParticipant) -> None:
        self._participant = participant
        self._unwanted: set[asyncio.Task[None]] = set()

    async def publish_audio(self, format: AudioFormat, name: str) -> AudioTrack:
        """Publish a microphone track.

        Args:
            format: Format of the audio that the track takes.
            name: Name of the track.

        Returns:
            The track.

        Raises:
            RoomError: The room did not accept the track.
        """
        return await self._publish(RtcAudioTrack.publish(self._participant, format, name))

    async def publish_video(self, width: int, height: int, fps: float, name: str) -> VideoTrack:
        """Publish a camera track.

        Args:
            width: Width of a frame in pixels.
            height: Height of a frame in pixels.
            fps: Frames per second.
            name: Name of the track.

        Returns:
            The track.

        Raises:
            RoomError: The room did not accept the track.
        """
        return await self._publish(
            RtcVideoTrack.publish(self._participant, width, height, fps, name)
        )

    def close(self) -> None:
        """Stop waiting for cancelled publications, because the room was left."""
        for task in self._unwanted:
            task.cancel()

    async def _publish(self, publication: Coroutine[Any, Any, T]) -> T:
        publishing = asyncio.create_task(publication)
        try:
            return await asyncio.shield(publishing)
        except asyncio.CancelledError:
            task = asyncio.create_task(_unpublish_late(publishing), name="unpublish-late-track")
            self._unwanted.add(task)
            task.add_done_callback(self._unwanted.discard)
            raise


async def _unpublish_late(publishing: asyncio.Task[T]) -> None:
    try:
        track = await publishing
    except RoomError:
        return
    await track.unpublish()


class RtcAudioTrack(AudioTrack):
    """A published microphone track of the local participant.

    Args:
        participant: The local participant.
        source: The queue of the track.
        publication: The track's publication.
        format: Format of the audio that the track takes.

    Attributes:
        format: Format of the audio that `capture` takes.
    """

    def __init__(
        self,
        participant: rtc.LocalParticipant,
        source: rtc.AudioSource,
        publication: rtc.LocalTrackPublication,
        format: AudioFormat,
    ) -> None:
        self.format = format
        self._participant = participant
        self._source = source
        self._publication: rtc.LocalTrackPublication | None = publication
        self._playout = PlayoutClock()

    @classmethod
    async def publish(
        cls, participant: rtc.LocalParticipant, format: AudioFormat, name: str
    ) -> RtcAudioTrack:
        """Publish a track without DTX and RED, because lip-sync needs a steady stream.

        Args:
            participant: The local participant.
            format: Format of the audio that the track takes.
            name: Name of the track.

        Returns:
            The track.

        Raises:
            RoomError: The room did not accept the track.
        """
        queue_ms = round(QUEUE_S * 1000)
        source = rtc.AudioSource(format.rate_hz, format.channels, queue_size_ms=queue_ms)
        options = rtc.TrackPublishOptions(
            source=rtc.TrackSource.SOURCE_MICROPHONE, dtx=False, red=False
        )
        track = rtc.LocalAudioTrack.create_audio_track(name, source)
        publication = await _publish(participant, track, options)
        return cls(participant, source, publication, format)

    async def capture(self, pcm: bytes) -> None:
        """Queue audio; wait while the queue is full.

        Args:
            pcm: PCM in `format`, a multiple of 10 ms.
        """
        samples = len(pcm) // self.format.frame_bytes
        self._playout.add(self.format.duration_s(len(pcm)))
        await self._source.capture_frame(
            rtc.AudioFrame(pcm, self.format.rate_hz, self.format.channels, samples)
        )

    @property
    def queued_s(self) -> float:
        """Seconds of captured audio that are still in the queue."""
        return self._playout.queued_s

    def clear(self) -> None:
        """Drop the audio in the queue."""
        self._source.clear_queue()
        self._playout.clear()

    async def wait_for_subscription(self) -> None:
        """Wait until a participant has subscribed to the track."""
        if self._publication is not None:
            await self._publication.wait_for_subscription()

    async def unpublish(self) -> None:
        """Unpublish the track and close its source; idempotent."""
        publication, self._publication = self._publication, None
        if publication is not None:
            await _unpublish(self._participant, publication)
            await self._source.aclose()


class RtcVideoTrack(VideoTrack):
    """A published camera track of the local participant.

    Args:
        participant: The local participant.
        source: The source of the track.
        publication: The track's publication.
    """

    def __init__(
        self,
        participant: rtc.LocalParticipant,
        source: rtc.VideoSource,
        publication: rtc.LocalTrackPublication,
    ) -> None:
        self._participant = participant
        self._source = source
        self._publication: rtc.LocalTrackPublication | None = publication

    @classmethod
    async def publish(
        cls, participant: rtc.LocalParticipant, width: int, height: int, fps: float, name: str
    ) -> RtcVideoTrack:
        """Publish a track with an explicit encoding; the default limits it to 20 frames/s.

        Args:
            participant: The local participant.
            width: Width of a frame in pixels.
            height: Height of a frame in pixels.
            fps: Frames per second.
            name: Name of the track.

        Returns:
            The track.

        Raises:
            RoomError: The room did not accept the track.
        """
        source = rtc.VideoSource(width, height)
        options = rtc.TrackPublishOptions(
            source=rtc.TrackSource.SOURCE_CAMERA,
            simulcast=False,
            video_encoding=rtc.VideoEncoding(
                max_framerate=max(30.0, fps), max_bitrate=max(600_000, 5 * width * height)
            ),
        )
        track = rtc.LocalVideoTrack.create_video_track(name, source)
        return cls(participant, source, await _publish(participant, track, options))

    def capture(self, frame: VideoFrame) -> None:
        """Show a frame now; does nothing after `unpublish`.

        Args:
            frame: An RGBA frame of the size that the track was published with.
        """
        if self._publication is None:
            return
        self._source.capture_frame(
            rtc.VideoFrame(frame.width, frame.height, rtc.VideoBufferType.RGBA, bytes(frame.rgba))
        )

    async def unpublish(self) -> None:
        """Unpublish the track and close its source; idempotent."""
        publication, self._publication = self._publication, None
        if publication is not None:
            await _unpublish(self._participant, publication)
            await self._source.aclose()


async def _publish(
    participant: rtc.LocalParticipant,
    track: rtc.LocalAudioTrack | rtc.LocalVideoTrack,
    options: rtc.TrackPublishOptions,
) -> rtc.LocalTrackPublication:
    try:
        return await participant.publish_track(track, options)
    except rtc.participant.PublishTrackError as error:
        raise RoomError(f"The room did not accept the track {track.name!r} ({error}).") from error


async def _unpublish(
    participant: rtc.LocalParticipant, publication: rtc.LocalTrackPublication
) -> None:
    try:
        async with asyncio.timeout(UNPUBLISH_S):
            await participant.unpublish_track(publication.sid)
    except (TimeoutError, rtc.participant.UnpublishTrackError, KeyError):
        return  # the room was left, and the track ended with it
