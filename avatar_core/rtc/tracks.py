"""Audio and video tracks of the local participant, with parameters for lip-synced speech."""

from __future__ import annotations

import asyncio

from livekit import rtc

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.renderer import VideoFrame
from avatar_core.contracts.tracks import QUEUE_S, AudioTrack, VideoTrack
from avatar_core.playout import PlayoutClock
from avatar_core.rtc.video_options import video_options

UNPUBLISH_S = 1.0
"""Deadline of an unpublish: LiveKit never responds if the room was left meanwhile."""


class RtcAudioTrack(AudioTrack):
    """A published microphone track of the local participant.

    `publish` creates the track.

    Args:
        participant: The local participant.
        source: The audio source of `livekit.rtc`, which holds the queue of the track.
        publication: The publication of the track.
        format: The format of the audio that the track takes.

    Attributes:
        format: The format of the audio that `capture` takes.
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
        cls,
        participant: rtc.LocalParticipant,
        format: AudioFormat,
        name: str,
        source: rtc.TrackSource.ValueType = rtc.TrackSource.SOURCE_MICROPHONE,
    ) -> RtcAudioTrack:
        """Publish a track without DTX and RED, because lip-sync needs a steady stream.

        Args:
            participant: The local participant.
            format: The format of the audio that the track takes.
            name: The name of the track.
            source: The source of the track, by which front ends find the microphone.

        Returns:
            The track.

        Raises:
            RoomError: The room did not accept the track.
        """
        queue_ms = round(QUEUE_S * 1000)
        queue = rtc.AudioSource(format.rate_hz, format.channels, queue_size_ms=queue_ms)
        options = rtc.TrackPublishOptions(source=source, dtx=False, red=False)
        track = rtc.LocalAudioTrack.create_audio_track(name, queue)
        publication = await _publish(participant, track, options)
        return cls(participant, queue, publication, format)

    async def capture(self, pcm: bytes) -> None:
        """Queue audio; wait while the queue is full.

        Args:
            pcm: PCM in `format` (int16, interleaved), a multiple of 10 ms.

        Raises:
            Exception: LiveKit did not accept the audio.
        """
        samples = len(pcm) // self.format.frame_bytes
        self._playout.add(self.format.duration_s(len(pcm)))
        await self._source.capture_frame(
            rtc.AudioFrame(pcm, self.format.rate_hz, self.format.channels, samples)
        )

    @property
    def queued_s(self) -> float:
        """The seconds of captured audio that are still in the queue."""
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

    `publish` creates the track.

    Args:
        participant: The local participant.
        source: The video source of `livekit.rtc`.
        publication: The publication of the track.
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
        """Publish a track in layers, so that slow connections receive a part of the video.

        Args:
            participant: The local participant.
            width: The width of a frame in pixels.
            height: The height of a frame in pixels.
            fps: Frames per second.
            name: The name of the track.

        Returns:
            The track.

        Raises:
            RoomError: The room did not accept the track.
        """
        source = rtc.VideoSource(width, height)
        options = video_options(width, height, fps)
        track = rtc.LocalVideoTrack.create_video_track(name, source)
        return cls(participant, source, await _publish(participant, track, options))

    def capture(self, frame: VideoFrame) -> None:
        """Show a frame now; do nothing after `unpublish`.

        Args:
            frame: An RGBA frame of the size with which the track was published.
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
