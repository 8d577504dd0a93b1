"""Publishes the audio and video tracks of the local participant."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from livekit import rtc

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.tracks import AudioTrack, VideoTrack
from avatar_core.rtc.tracks import RtcAudioTrack, RtcVideoTrack

SILENCE = AudioFormat(48_000)
"""Format of a track that carries nothing."""
SEEN_S = 1.0
"""Seconds for which a silent track stays after its subscription. LiveKit's JavaScript client logs
an error if a track that it subscribes to is gone before its media arrives."""

AUDIENCE_PROBE = "audience_probe"
"""Name of the silent track that `TrackPublisher.publish_silence` publishes."""

T = TypeVar("T", AudioTrack, VideoTrack)


class TrackPublisher:
    """Publishes the tracks of the local participant.

    LiveKit completes a publication even if its caller is cancelled, for example by a reconnect. The
    publisher then unpublishes the track as soon as its publication completes.

    Args:
        participant: The local participant.
    """

    def __init__(self, participant: rtc.LocalParticipant) -> None:
        self._participant = participant
        self._unwanted: set[asyncio.Task[None]] = set()
        self._closed = False

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

    async def publish_silence(self) -> AudioTrack:
        """Publish an audio track of an unknown source, which front ends do not take for a voice.

        Returns:
            The track.

        Raises:
            RoomError: The room did not accept the track.
        """
        return await self._publish(
            RtcAudioTrack.publish(
                self._participant, SILENCE, AUDIENCE_PROBE, rtc.TrackSource.SOURCE_UNKNOWN
            )
        )

    async def publish_video(self, width: int, height: int, fps: float, name: str) -> VideoTrack:
        """Publish a camera track.

        Args:
            width: The width of a frame in pixels.
            height: The height of a frame in pixels.
            fps: Frames per second.
            name: The name of the track.

        Returns:
            The track.

        Raises:
            RoomError: The room did not accept the track.
        """
        return await self._publish(
            RtcVideoTrack.publish(self._participant, width, height, fps, name)
        )

    def unpublish_later(self, track: AudioTrack) -> None:
        """Unpublish a track after `SEEN_S`, when its subscribers have received it.

        Args:
            track: A track that has just been subscribed.
        """
        task = asyncio.create_task(_unpublish_after(track, SEEN_S), name="unpublish-silence")
        self._unwanted.add(task)
        task.add_done_callback(self._unwanted.discard)

    def close(self) -> None:
        """Stop waiting for publications whose callers were cancelled, because the room was left."""
        self._closed = True
        for task in self._unwanted:
            task.cancel()

    async def _publish(self, publication: Coroutine[Any, Any, T]) -> T:
        publishing = asyncio.create_task(publication)
        try:
            return await asyncio.shield(publishing)
        except asyncio.CancelledError:
            if self._closed:
                publishing.cancel()
                raise
            task = asyncio.create_task(_unpublish_late(publishing), name="unpublish-late-track")
            self._unwanted.add(task)
            task.add_done_callback(self._unwanted.discard)
            raise


async def _unpublish_after(track: AudioTrack, delay_s: float) -> None:
    await asyncio.sleep(delay_s)
    await track.unpublish()


async def _unpublish_late(publishing: asyncio.Task[T]) -> None:
    try:
        track = await publishing
    except RoomError:
        return
    await track.unpublish()
