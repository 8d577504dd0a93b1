"""A participant that records the tracks and the data that a user of the room would receive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from livekit import rtc

from avatar_core.rtc.join import join
from avatar_core.rtc.link import RtcLink

RATE_HZ = 48_000

AudioHandler = Callable[[str, float, bytes, int], None]
"""(sid of the track, loop time of arrival in seconds, int16 mono PCM, sample rate in Hz)"""
VideoHandler = Callable[[str, float, float, rtc.VideoFrame], None]
"""(sid of the track, loop time of arrival in seconds, timestamp of the frame in seconds, I420)"""


class Listener:
    """A participant that subscribes to every track of a room and passes on its audio and video.

    Args:
        link: The participant's connection to the room.
        on_audio: Called with each 10 ms of audio, int16 mono at 48 kHz.
        on_video: Called with each video frame; None for no call.

    Attributes:
        link: The participant's connection to the room.
        video_frames: The number of video frames that were received so far.
    """

    def __init__(
        self, link: RtcLink, on_audio: AudioHandler, on_video: VideoHandler | None = None
    ) -> None:
        self.link = link
        self.video_frames = 0
        self._on_audio = on_audio
        self._on_video = on_video
        self._streams: dict[str, asyncio.Task[None]] = {}
        self._closed = False
        self._tasks: set[asyncio.Task[None]] = set()
        """The tasks of the open streams, and of closed streams that have not ended yet."""
        room = link.room
        room.on("track_subscribed", lambda track, *_: self._open_stream(track))
        room.on("track_unsubscribed", lambda track, *_: self._close_stream(track))
        for participant in room.remote_participants.values():
            for publication in participant.track_publications.values():
                if publication.track is not None:
                    self._open_stream(publication.track)

    @classmethod
    async def join(
        cls,
        url: str,
        token: str,
        on_audio: AudioHandler,
        on_video: VideoHandler | None = None,
    ) -> Listener:
        """Join a room as a listener.

        Args:
            url: The URL of the LiveKit server.
            token: A room token with the grant to subscribe.
            on_audio: Called with each 10 ms of audio, int16 mono at 48 kHz.
            on_video: Called with each video frame; None for no call.

        Returns:
            The listener, which has joined the room.

        Raises:
            RoomError: The server cannot be reached within 10 s, or refuses the token.
        """
        return cls(await join(url, token, subscribe=True), on_audio, on_video)

    async def data_bytes(self) -> int:
        """Return the number of bytes of data packets that the listener received, on any topic.

        LiveKit's public byte-stream writer sends its chunks to all participants, even if its header
        names one receiver. The listener passes those chunks to no handler, but the returned number
        includes them.

        Returns:
            The number of bytes.

        Raises:
            RuntimeError: The room is not connected.
        """
        stats = await self.link.room.get_rtc_stats()
        return sum(
            stat.data_channel.dc.bytes_received
            for stat in (*stats.publisher_stats, *stats.subscriber_stats)
            if stat.HasField("data_channel")
        )

    async def aclose(self) -> None:
        """Stop reading tracks, and leave the room.

        The order matters: livekit drops the tracks of a room that was left, and a stream of a
        dropped track cannot be opened or closed (livekit 1.1.21, `_ffi_client.py`).
        """
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.link.aclose()

    def _open_stream(self, track: rtc.Track) -> None:
        if track.sid not in self._streams and not self._closed:
            is_audio = track.kind == rtc.TrackKind.KIND_AUDIO
            work = self._read_audio(track) if is_audio else self._read_video(track)
            task = self._streams[track.sid] = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _close_stream(self, track: rtc.Track | None) -> None:
        # A stream that stays open continues with the next track of the same participant.
        if track is not None and (task := self._streams.pop(track.sid, None)):
            task.cancel()

    async def _read_audio(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream(track, sample_rate=RATE_HZ, num_channels=1, frame_size_ms=10)
        try:
            async for event in stream:
                now = asyncio.get_running_loop().time()
                self._on_audio(track.sid, now, bytes(event.frame.data), RATE_HZ)
        finally:
            await stream.aclose()

    async def _read_video(self, track: rtc.Track) -> None:
        stream = rtc.VideoStream(track, format=rtc.VideoBufferType.I420)
        try:
            async for event in stream:
                self.video_frames += 1
                if self._on_video is not None:
                    now = asyncio.get_running_loop().time()
                    self._on_video(track.sid, now, event.timestamp_us / 1e6, event.frame)
        finally:
            await stream.aclose()
