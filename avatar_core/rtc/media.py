"""Published tracks: the queue before the encoder, with the parameters that were measured."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from livekit import rtc

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.link import QUEUE_S, AudioTrack, VideoTrack
from avatar_core.contracts.renderer import VideoFrame
from avatar_core.playout import PlayoutClock

REMOVE_S = 1.0
"""A room that was left meanwhile never answers."""

Out = TypeVar("Out", AudioTrack, VideoTrack)


class Tracks:
    """A participant's own tracks.

    A publication nobody waits for any more comes all the same, as after a reconnect; it is
    taken back then.
    """

    def __init__(self, participant: rtc.LocalParticipant) -> None:
        self._participant = participant
        self._unwanted: set[asyncio.Task[None]] = set()

    async def audio(self, format: AudioFormat, name: str) -> AudioTrack:
        """Publish a microphone track."""
        return await self._wanted(RtcAudioTrack.publish(self._participant, format, name))

    async def video(self, width: int, height: int, fps: float, name: str) -> VideoTrack:
        """Publish a camera track."""
        return await self._wanted(
            RtcVideoTrack.publish(self._participant, width, height, fps, name)
        )

    def close(self) -> None:
        """The room is left, and every track with it."""
        for task in self._unwanted:
            task.cancel()

    async def _wanted(self, publication: Coroutine[Any, Any, Out]) -> Out:
        publishing = asyncio.create_task(publication)
        try:
            return await asyncio.shield(publishing)
        except asyncio.CancelledError:
            task = asyncio.create_task(_take_back(publishing), name="take-back-track")
            self._unwanted.add(task)
            task.add_done_callback(self._unwanted.discard)
            raise


async def _take_back(publishing: asyncio.Task[Out]) -> None:
    try:
        out = await publishing
    except RoomError:
        return
    await out.unpublish()


class RtcAudioTrack(AudioTrack):
    """A microphone track of our own."""

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
        """Publish the track, without dtx and red, as lip-sync wants a steady stream."""
        queue_ms = round(QUEUE_S * 1000)
        source = rtc.AudioSource(format.rate_hz, format.channels, queue_size_ms=queue_ms)
        options = rtc.TrackPublishOptions(
            source=rtc.TrackSource.SOURCE_MICROPHONE, dtx=False, red=False
        )
        track = rtc.LocalAudioTrack.create_audio_track(name, source)
        publication = await _publish(participant, track, options)
        return cls(participant, source, publication, format)

    async def capture(self, pcm: bytes) -> None:
        """Queue whole 10 ms frames."""
        samples = len(pcm) // self.format.frame_bytes
        self._playout.add(self.format.duration_s(len(pcm)))
        await self._source.capture_frame(
            rtc.AudioFrame(pcm, self.format.rate_hz, self.format.channels, samples)
        )

    @property
    def queued_s(self) -> float:
        """Seconds captured that have not left the queue."""
        return self._playout.queued_s

    def clear(self) -> None:
        """Drop what is queued."""
        self._source.clear_queue()
        self._playout.clear()

    async def wait_for_subscription(self) -> None:
        """Return once somebody has subscribed."""
        if self._publication is not None:
            await self._publication.wait_for_subscription()

    async def unpublish(self) -> None:
        """Unpublish; idempotent."""
        publication, self._publication = self._publication, None
        if publication is not None:
            await _unpublish(self._participant, publication)
            await self._source.aclose()


class RtcVideoTrack(VideoTrack):
    """A camera track of our own."""

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
        """Publish the track, with its encoding said: the default caps it at 20 frames a second."""
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

    def capture(self, picture: VideoFrame) -> None:
        """Show a picture now; nothing once the track is removed."""
        if self._publication is None:
            return
        self._source.capture_frame(
            rtc.VideoFrame(
                picture.width, picture.height, rtc.VideoBufferType.RGBA, bytes(picture.rgba)
            )
        )

    async def unpublish(self) -> None:
        """Unpublish; idempotent."""
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
        raise RoomError(f"the room did not take the track {track.name!r} ({error}).") from error


async def _unpublish(
    participant: rtc.LocalParticipant, publication: rtc.LocalTrackPublication
) -> None:
    try:
        async with asyncio.timeout(REMOVE_S):
            await participant.unpublish_track(publication.sid)
    except (TimeoutError, rtc.participant.UnpublishTrackError, KeyError):
        return  # the room is gone, and the track with it
