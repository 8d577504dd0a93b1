"""A listener in the room: hears what a person would hear, and what it should not receive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from livekit import rtc

from avatar_core.rtc.join import join
from avatar_core.rtc.link import RtcLink

RATE_HZ = 48_000

Hear = Callable[[str, float, bytes, int], None]
"""(track sid, loop time of arrival in seconds, mono PCM, rate in Hz)"""
See = Callable[[str, float, float, rtc.VideoFrame], None]
"""(track sid, loop time of arrival and of display in seconds, frame in I420)"""


class Listener:
    """Subscribes to everything; give it a `hear` to collect sound, a `see` to look at pictures.

    Attributes:
        link: Its place in the room.
        pictures: Video frames seen so far.
    """

    def __init__(self, link: RtcLink, hear: Hear, see: See | None = None) -> None:
        self.link = link
        self.pictures = 0
        self._hear = hear
        self._see = see
        self._streams: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        """Those of the streams, and those of streams that were left and have not ended."""
        room = link.room
        room.on("track_subscribed", lambda track, *_: self._listen(track))
        room.on("track_unsubscribed", lambda track, *_: self._leave(track))
        for participant in room.remote_participants.values():
            for publication in participant.track_publications.values():
                if publication.track is not None:
                    self._listen(publication.track)

    @classmethod
    async def join(cls, url: str, token: str, hear: Hear, see: See | None = None) -> Listener:
        """Join the room with a token that may subscribe.

        Raises:
            RoomError: The server cannot be reached, or refuses the token.
        """
        return cls(await join(url, token, subscribe=True), hear, see)

    async def data_bytes(self) -> int:
        """Bytes of data packets that reached it, whatever their topic and whoever asked for them.

        The public byte-stream writer sends its chunks to everybody, also where its header
        names one participant: no handler sees them, and this does.
        """
        stats = await self.link.room.get_rtc_stats()
        return sum(
            stat.data_channel.dc.bytes_received
            for stat in (*stats.publisher_stats, *stats.subscriber_stats)
            if stat.HasField("data_channel")
        )

    async def aclose(self) -> None:
        """Leave: then no track comes any more, and none is listened to."""
        await self.link.aclose()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _listen(self, track: rtc.Track) -> None:
        if track.sid not in self._streams:
            sounds = track.kind == rtc.TrackKind.KIND_AUDIO
            work = self._sound(track) if sounds else self._sight(track)
            task = self._streams[track.sid] = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _leave(self, track: rtc.Track | None) -> None:
        # A stream that is left open goes on with the next track of the same participant.
        if track is not None and (task := self._streams.pop(track.sid, None)):
            task.cancel()

    async def _sound(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream(track, sample_rate=RATE_HZ, num_channels=1, frame_size_ms=10)
        try:
            async for event in stream:
                now = asyncio.get_running_loop().time()
                self._hear(track.sid, now, bytes(event.frame.data), RATE_HZ)
        finally:
            await stream.aclose()

    async def _sight(self, track: rtc.Track) -> None:
        stream = rtc.VideoStream(track, format=rtc.VideoBufferType.I420)
        try:
            async for event in stream:
                self.pictures += 1
                if self._see is not None:
                    now = asyncio.get_running_loop().time()
                    self._see(track.sid, now, event.timestamp_us / 1e6, event.frame)
        finally:
            await stream.aclose()
