"""Tracks of a room in memory, which play into the room's recording in event-loop time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from math import inf

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.clock import loop_time
from avatar_core.contracts.renderer import VideoFrame
from avatar_core.contracts.tracks import QUEUE_S, AudioTrack, VideoTrack
from avatar_core.playout import PlayoutClock
from avatar_core.testing.room.recording import Recording

PACKET_S = 0.02
"""Duration of an audio packet, in seconds."""
KEPT_S = 0.5
"""Seconds for which a track keeps audio that was heard, for participants that listen to the track.
They read the audio every 20 ms; an event loop in real time may be late."""
MUTED_S = 1.0
"""Seconds for which a muted track still sends packets, of silence: livekit-server 1.13.5 sends them
(measured)."""


class MemoryAudioTrack(AudioTrack):
    """A published audio track, whose queued frames are heard one after another in loop time.

    Args:
        identity: The identity of the participant that publishes the track.
        format: The format of the audio.
        recording: The recording that receives the audio that was heard.
        on_unpublish: Called once when the track is unpublished.

    Attributes:
        format: The format of the audio.
    """

    def __init__(
        self,
        identity: str,
        format: AudioFormat,
        recording: Recording,
        on_unpublish: Callable[[], None],
    ) -> None:
        self.format = format
        self._identity = identity
        self._recording = recording
        self._unpublished = on_unpublish
        self._playout = PlayoutClock()
        self._waiting: list[tuple[float, bytes, asyncio.TimerHandle]] = []
        self._heard: deque[tuple[float, bytes]] = deque()
        """The time and the PCM of audio that was heard in the last `KEPT_S` seconds."""
        self._removed = False
        self._frozen = False
        self._lost = False
        self._muted = False
        self._sent_s = 0.0
        """Seconds for which the track sent packets, until it stopped the last time."""
        self._sending_since: float | None = loop_time()
        self._sends_until = inf

    async def capture(self, pcm: bytes) -> None:
        """Queue an audio frame, and wait while the queue is full.

        On a frozen track this method never returns. An unpublished track drops the frame.

        Args:
            pcm: Interleaved int16 PCM in `format`, whole samples.
        """
        if self._frozen:
            await asyncio.get_running_loop().create_future()
        surplus_s = self._playout.queued_s + self.format.duration_s(len(pcm)) - QUEUE_S
        if surplus_s > 0:
            await asyncio.sleep(surplus_s)
        if self._removed:
            return
        at_s = max(self._playout.empty_at, loop_time())
        self._playout.add(self.format.duration_s(len(pcm)))
        timer = asyncio.get_running_loop().call_at(self._playout.empty_at, self._leave)
        self._waiting.append((at_s, pcm, timer))

    @property
    def queued_s(self) -> float:
        """The seconds of captured audio that have not been heard yet."""
        return self._playout.queued_s

    @property
    def is_subscribed(self) -> bool:
        """Whether the track is published, so that other participants can be subscribed to it."""
        return not self._removed

    @property
    def is_received(self) -> bool:
        """Whether the sound of the track, or its silence, reaches other participants now."""
        return not (self._removed or self._frozen or self._lost)

    @property
    def packets(self) -> int:
        """The number of packets that the track has sent: one per 20 ms, also of silence."""
        return int((self._sent_s + self._sending_s()) / PACKET_S + 1e-6)

    def mute(self, muted: bool) -> None:
        """Mute or unmute the track: a muted track is silent, and soon sends no packets.

        Args:
            muted: Whether the track is muted from now on.
        """
        self._note_sending()
        self._muted = muted
        self._sends_until = loop_time() + MUTED_S if muted else inf

    def read(self, from_s: float, until_s: float) -> bytes:
        """Return the sound of the track in a period that ends now or ended less than 0.5 s ago.

        Args:
            from_s: Loop time of the begin of the period, in seconds.
            until_s: Loop time of the end of the period, in seconds.

        Returns:
            The PCM in `format`, with silence where the queue was empty.
        """
        rate_hz, size = self.format.rate_hz, self.format.frame_bytes
        first, end = round(from_s * rate_hz), round(until_s * rate_hz)
        sound = bytearray((end - first) * size)
        for at_s, pcm in (*self._heard, *((at_s, pcm) for at_s, pcm, _ in self._waiting)):
            start = (round(at_s * rate_hz) - first) * size
            piece = pcm[max(0, -start) : len(sound) - start]
            if piece and start < len(sound) and not self._muted:
                sound[max(0, start) : max(0, start) + len(piece)] = piece
        return bytes(sound)

    def clear(self) -> None:
        """Drop the queued audio; the recording keeps the audio that was heard before."""
        now = loop_time()
        for at_s, pcm, timer in self._waiting:
            timer.cancel()
            if at_s < now:
                self._sound(at_s, pcm[: self.format.size(now - at_s)])
        self._waiting.clear()
        self._playout.clear()

    def freeze(self) -> None:
        """Make each later `capture` wait forever; the queued audio is still heard."""
        self._frozen = True
        self._note_sending()

    def drop(self) -> None:
        """Drop the queued audio, and keep later audio out of the recording."""
        self.clear()
        self._lost = True
        self._note_sending()

    async def wait_for_subscription(self) -> None:
        """Wait until the room has a listener that is subscribed."""
        await self._recording.listening.wait()

    async def unpublish(self) -> None:
        """Clear the queue and unpublish the track; idempotent."""
        self.remove()

    def remove(self) -> None:
        """Unpublish the track as the server does; idempotent."""
        if not self._removed:
            self._removed = True
            self.clear()
            self._note_sending()
            self._unpublished()

    def _note_sending(self) -> None:
        """Stop or continue to count packets."""
        self._sent_s += self._sending_s()
        self._sending_since = loop_time() if self.is_received else None

    def _sending_s(self) -> float:
        if self._sending_since is None:
            return 0.0
        return max(0.0, min(loop_time(), self._sends_until) - self._sending_since)

    def _leave(self) -> None:
        at_s, pcm, _ = self._waiting.pop(0)
        self._sound(at_s, pcm)

    def _sound(self, at_s: float, pcm: bytes) -> None:
        if self._lost or self._muted:
            return
        self._recording.heard(self._identity, at_s, self.format, pcm)
        self._heard.append((at_s, pcm))
        while self._heard and self._heard[0][0] < at_s - KEPT_S:
            self._heard.popleft()


class MemoryVideoTrack(VideoTrack):
    """A published video track, whose frames are shown as soon as they are captured.

    Args:
        identity: The identity of the participant that publishes the track.
        recording: The recording that counts the frames.
        on_unpublish: Called once when the track is unpublished.
    """

    def __init__(
        self, identity: str, recording: Recording, on_unpublish: Callable[[], None]
    ) -> None:
        self._identity = identity
        self._recording = recording
        self._unpublished = on_unpublish
        self._removed = False
        self._still = False

    def capture(self, video_frame: VideoFrame) -> None:
        """Pass a video frame to the recording, unless the track is unpublished, frozen or dropped.

        Args:
            video_frame: The video frame to show.
        """
        if not (self._removed or self._still):
            self._recording.seen(self._identity, video_frame)

    def freeze(self) -> None:
        """Ignore all later video frames."""
        self._still = True

    def drop(self) -> None:
        """Ignore all later video frames, because the participant has left the room."""
        self.freeze()

    async def unpublish(self) -> None:
        """Unpublish the track; idempotent."""
        self.remove()

    def remove(self) -> None:
        """Unpublish the track as the server does; idempotent."""
        if not self._removed:
            self._removed = True
            self._unpublished()


class Unseen(VideoTrack):
    """A video track that is never published; it drops all frames."""

    def capture(self, video_frame: VideoFrame) -> None:
        """Ignore a video frame.

        Args:
            video_frame: The ignored video frame.
        """

    async def unpublish(self) -> None:
        """Do nothing, because the track was never published."""
