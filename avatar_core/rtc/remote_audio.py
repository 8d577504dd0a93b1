"""The sound of a remote participant, over `livekit.rtc`."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from livekit import rtc

from avatar_core.contracts.listening import LISTENING_FORMAT, AudioHandler, RemoteAudio
from avatar_core.rtc.track_sum import TrackSum

if TYPE_CHECKING:
    from avatar_core.rtc.subscriptions import Subscriptions

log = logging.getLogger("avatar_core.rtc")

FRAME_MS = 40
"""Milliseconds of audio in one piece. Decoding costs a quarter less CPU time than with 20 ms."""
STATS_S = 0.5
"""Deadline of a request for the statistics of a track. The response takes about 1 ms. If the room
is left meanwhile, there is no response."""
CLOSE_S = 1.0
"""Deadline for the end of all decoding tasks."""


class RtcRemoteAudio(RemoteAudio):
    """The subscription to the sound of one remote participant.

    `RtcLink.listen` creates the object. `Subscriptions` passes the tracks of the participant.

    Args:
        subscriptions: The subscriptions of the link.
        identity: Identity of the participant.
    """

    def __init__(self, subscriptions: Subscriptions, identity: str) -> None:
        self._tracks: dict[str, rtc.Track] = {}
        self._counts: dict[str, int] = {}
        """The last number of packets of each subscribed track, by the sid of the track."""
        self._earlier = 0
        """The number of packets of the tracks that are no longer subscribed."""
        self._handler: AudioHandler | None = None
        self._sum = TrackSum(LISTENING_FORMAT.size(FRAME_MS / 1000))
        self._readers: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        """All reading tasks that have not ended, also those that were cancelled."""
        self._unsubscribe = subscriptions.add(identity, self)

    def decode(self, handler: AudioHandler | None) -> None:
        """Decode the sound and pass it to a handler, or stop decoding.

        Args:
            handler: Receives the audio in pieces of `FRAME_MS`; None stops the decoding.
        """
        self._handler = handler
        for sid, track in self._tracks.items():
            if handler is None:
                self._stop_reading(sid)
            elif sid not in self._readers:
                self._start_reading(track)

    async def count_packets(self) -> int | None:
        """Return the number of audio packets that have arrived so far.

        Returns:
            The number. If LiveKit does not respond within `STATS_S` seconds, the number is that of
            the last call. None while no track is subscribed.
        """
        if not self._tracks:
            return None
        await asyncio.gather(*(self._update(sid, track) for sid, track in self._tracks.items()))
        return self._earlier + sum(self._counts.values())

    async def aclose(self) -> None:
        """Stop decoding, and unsubscribe from the tracks. A second call has no effect."""
        self.stop()
        try:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=CLOSE_S)  # a stream closes before its track
        finally:
            self._unsubscribe()
            self.stop()  # a track may have been subscribed meanwhile

    # The methods that `Subscriptions` calls.

    def add_track(self, track: rtc.Track) -> None:
        """Receive a track that was subscribed, and decode it if a handler is set.

        Args:
            track: The track.
        """
        self.remove_track(track.sid)
        self._tracks[track.sid] = track
        self._counts[track.sid] = 0
        if self._handler is not None:
            self._start_reading(track)

    def remove_track(self, sid: str) -> None:
        """Stop decoding a track that is no longer subscribed.

        Args:
            sid: Sid of the track.
        """
        self._tracks.pop(sid, None)
        self._earlier += self._counts.pop(sid, 0)
        self._stop_reading(sid)

    def stop(self) -> None:
        """Stop decoding, and forget all tracks."""
        self._handler = None
        for sid in list(self._tracks):
            self.remove_track(sid)

    async def _update(self, sid: str, track: rtc.Track) -> None:
        packets = await _read_packets(track)
        if self._tracks.get(sid) is track:
            self._counts[sid] = max(packets, self._counts[sid])

    def _start_reading(self, track: rtc.Track) -> None:
        task = asyncio.create_task(self._read(track), name="decode-remote-audio")
        self._readers[track.sid] = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _stop_reading(self, sid: str) -> None:
        # A stream that stays open continues with the next track of the same participant.
        self._sum.remove(sid)
        task = self._readers.pop(sid, None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    async def _read(self, track: rtc.Track) -> None:
        try:
            stream = rtc.AudioStream.from_track(
                track=track,
                sample_rate=LISTENING_FORMAT.rate_hz,
                num_channels=LISTENING_FORMAT.channels,
                frame_size_ms=FRAME_MS,
            )
            try:
                async for event in stream:
                    pcm = self._sum.add(track.sid, bytes(event.frame.data))
                    if pcm and self._handler is not None:
                        self._handler(pcm)
                    if self._readers.get(track.sid) is not asyncio.current_task():
                        break  # the handler has stopped the decoding
            finally:
                await stream.aclose()
        except Exception as error:  # livekit drops the tracks of a room that was left
            log.debug("The track %s cannot be decoded (%s).", track.sid, type(error).__name__)
        finally:
            if self._readers.get(track.sid) is asyncio.current_task():
                self._stop_reading(track.sid)  # the sum must not wait for a track that has ended


async def _read_packets(track: rtc.Track) -> int:
    """Return the number of packets of a track that arrived; 0 if LiveKit does not state it."""
    try:
        async with asyncio.timeout(STATS_S):
            stats = await track.get_stats()
    except Exception as error:  # livekit raises Exception itself, and for a dropped track others
        log.debug("Statistics of the track %s are missing (%s).", track.sid, type(error).__name__)
        return 0
    return sum(
        stat.inbound_rtp.received.packets_received for stat in stats if stat.HasField("inbound_rtp")
    )
