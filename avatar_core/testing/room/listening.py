"""The sound of a participant of a room in memory, as another participant hears it in loop time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np

from avatar_core.contracts.clock import loop_time
from avatar_core.contracts.listening import LISTENING_FORMAT, AudioHandler, RemoteAudio
from avatar_core.resample import Resampler
from avatar_core.testing.room.media import MemoryAudioTrack
from avatar_core.testing.room.members import Hub

FRAME_S = 0.02
FRAME_BYTES = LISTENING_FORMAT.size(FRAME_S)
CONTEXT_S = 0.02
"""Seconds before and after a frame that the resampling filter reads."""
CONTEXT_BYTES = LISTENING_FORMAT.size(CONTEXT_S)


class MemoryRemoteAudio(RemoteAudio):
    """The subscription of one participant to the sound of another participant in memory.

    `MemoryLink.listen` creates the object. The handler of `decode` receives a frame of 20 ms for
    each 20 ms of loop time, `MemoryRoom.listening_delay_s` after the sound of the frame. A track
    without queued audio sounds as silence. There is no frame while no track is published, and after
    the participant froze or crashed. The object sets timers only while the sound is decoded.

    Args:
        room: The room in memory.
        listener: The identity of the participant that listens.
        identity: The identity of the participant that is heard.
    """

    def __init__(self, room: Hub, listener: str, identity: str) -> None:
        self._room, self._listener, self._identity = room, listener, identity
        self._is_open = True
        self._is_frozen = False
        self._at_first = {track: track.packets for track in self._published()}
        """The number of packets that each track had sent before the subscription."""
        self._counted = 0
        self._handler: AudioHandler | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._from_s = 0.0
        """Loop time of the begin of the next frame, in seconds."""

    def decode(self, handler: AudioHandler | None) -> None:
        """Decode the sound from now on and pass it to a handler, or stop decoding.

        Args:
            handler: Receives the frames; None stops the decoding.
        """
        self._handler = handler if self._is_open and not self._is_frozen else None
        if self._handler is None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        elif self._timer is None:
            self._from_s = loop_time()
            self._set_timer()

    async def count_packets(self) -> int | None:
        """Return the number of audio packets that have arrived so far, one per 20 ms of each track.

        Returns:
            The number; None while no track is published.
        """
        if not self._is_open or next(self._published(), None) is None:
            return None
        self._count()
        return self._counted

    async def aclose(self) -> None:
        """Stop to decode and to count. A second call has no effect."""
        self.stop()

    def stop(self) -> None:
        """End the subscription, because its owner closed it or the listener left the room."""
        self.decode(None)
        self._is_open = False

    def freeze(self) -> None:
        """Let no more packets arrive, because the listener froze."""
        self.decode(None)
        self._count()
        self._is_frozen = True

    def _count(self) -> None:
        if self._is_frozen:
            return
        for track in self._published():
            self._at_first.setdefault(track, 0)
        self._counted = sum(track.packets - before for track, before in self._at_first.items())

    def _published(self) -> Iterator[MemoryAudioTrack]:
        """Yield the tracks to which the listener is subscribed now."""
        pair = [self._room.members.get(identity) for identity in (self._listener, self._identity)]
        for member in pair:
            if member is None or member.away:
                return
        assert pair[1] is not None
        for track in pair[1].link.audio_tracks:
            if track.is_subscribed:
                yield track

    def _set_timer(self) -> None:
        at_s = self._from_s + FRAME_S + CONTEXT_S
        self._timer = asyncio.get_running_loop().call_at(at_s, self._read_frame)

    def _read_frame(self) -> None:
        from_s, self._from_s = self._from_s, self._from_s + FRAME_S
        self._set_timer()
        tracks = (track for track in self._published() if track.is_received)
        if frames := [_read(track, from_s) for track in tracks]:
            at_s = self._from_s + self._room.listening_delay_s
            asyncio.get_running_loop().call_at(at_s, self._deliver, _add(frames))

    def _deliver(self, frame: bytes) -> None:
        if self._handler is not None:
            self._handler(frame)


def _read(track: MemoryAudioTrack, from_s: float) -> bytes:
    """Return the frame of a track that begins at a loop time in seconds.

    A resampler of a whole stream holds 50 ms back, so each frame is converted with its context.
    """
    pcm = track.read(from_s - CONTEXT_S, from_s + FRAME_S + CONTEXT_S)
    if pcm == bytes(len(pcm)):
        return bytes(FRAME_BYTES)
    converted = Resampler(track.format, LISTENING_FORMAT).feed(pcm, last=True)
    return converted[CONTEXT_BYTES : CONTEXT_BYTES + FRAME_BYTES]


def _add(frames: list[bytes]) -> bytes:
    """Return the sum of frames of one period."""
    total = np.sum([np.frombuffer(frame, "<i2").astype(np.int32) for frame in frames], axis=0)
    return bytes(np.clip(total, -32_768, 32_767).astype("<i2"))
