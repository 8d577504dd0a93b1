"""An audio track with the faults of a vendor: silence, stalls, added sounds, or no publication."""

from __future__ import annotations

import asyncio

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.tracks import QUEUE_S, AudioTrack
from avatar_core.playout import PlayoutClock
from avatar_core.testing.faults.added_sound import AddedSound
from avatar_core.testing.faults.fault_clock import FaultClock
from avatar_core.testing.faults.vendor_faults import VendorFaults

IDLE_S = 0.02
"""Duration of the frames that carry added sounds while the worker does not speak."""


class VendorTrack(AudioTrack):
    """A worker's audio track that applies the faults of the sound to the audio that it plays.

    Create the track while an event loop runs.

    Args:
        track: The wrapped track.
        faults: The faults.
        clock: Decides when a fault starts. The track counts the played speech for the clock.

    Attributes:
        format: The audio format of the wrapped track.
    """

    def __init__(self, track: AudioTrack, faults: VendorFaults, clock: FaultClock) -> None:
        self.format = track.format
        self._track = track
        self._faults, self._clock = faults, clock
        self._loop = asyncio.get_running_loop()
        self._stalled_until: float | None = None
        self._clears = 0
        self._added = AddedSound(faults, track.format) if faults.adds_sound else None
        self._adding = self._loop.create_task(self._add_sound()) if self._added else None

    async def capture(self, pcm: bytes) -> None:
        """Add speech to the queue of the wrapped track, with the faults that have started.

        Args:
            pcm: PCM in the format `format`; its duration is a multiple of 10 ms.

        Raises:
            Exception: LiveKit did not accept the audio.
        """
        clears = self._clears
        if self._clock.has_reached(self._faults.playout_stall_at_s):
            await self._stall()
        if clears != self._clears:
            return  # the queue was cleared during the stall
        await self._track.capture(self._alter(pcm))
        self._clock.add_speech(self.format.duration_s(len(pcm)), self._track)

    @property
    def queued_s(self) -> float:
        """Seconds of audio in the queue of the wrapped track."""
        return self._track.queued_s

    def clear(self) -> None:
        """Drop the audio in the queue, and the frame that waits for the end of a stall."""
        self._clears += 1
        self._track.clear()

    async def wait_for_subscription(self) -> None:
        """Wait until a participant has subscribed to the wrapped track."""
        await self._track.wait_for_subscription()

    async def unpublish(self) -> None:
        """Unpublish the wrapped track, and stop adding sounds; idempotent."""
        if self._adding is not None:
            self._adding.cancel()
        await self._track.unpublish()

    async def unpublish_early(self) -> None:
        """Unpublish the wrapped track; the worker continues to play into a track without effect."""
        track, self._track = self._track, UnpublishedTrack(self.format)
        await track.unpublish()

    async def _stall(self) -> None:
        if not self._faults.playout_stall_s:
            await self._loop.create_future()
        if self._stalled_until is None:
            self._stalled_until = self._loop.time() + self._faults.playout_stall_s
        await asyncio.sleep(max(0.0, self._stalled_until - self._loop.time()))

    def _alter(self, pcm: bytes) -> bytes:
        if self._clock.has_reached(self._faults.silent_at_s):
            return bytes(len(pcm))
        return pcm if self._added is None else self._added.add_to(pcm)

    async def _add_sound(self) -> None:
        """Play the added sounds while the worker does not speak, and start the greeting."""
        assert self._added is not None
        silence = bytes(self.format.size(IDLE_S))
        greets_at = self._loop.time() + self._faults.greeting_at_s
        greets = self._faults.greeting_at_s > 0
        while True:
            if greets and self._loop.time() >= greets_at:
                greets = False
                self._added.greet()
            if self._track.queued_s < IDLE_S:
                await self._track.capture(self._alter(silence))
            await asyncio.sleep(IDLE_S / 2)


class UnpublishedTrack(AudioTrack):
    """An audio track that no participant can hear; its queue empties in real time.

    Args:
        format: The format of the audio.

    Attributes:
        format: The format of the audio.
    """

    def __init__(self, format: AudioFormat) -> None:
        self.format = format
        self._playout = PlayoutClock()

    async def capture(self, pcm: bytes) -> None:
        """Add audio to the queue, and wait while the queue is full.

        Args:
            pcm: PCM in the format `format`.
        """
        duration_s = self.format.duration_s(len(pcm))
        await asyncio.sleep(max(0.0, self._playout.queued_s + duration_s - QUEUE_S))
        self._playout.add(duration_s)

    @property
    def queued_s(self) -> float:
        """Seconds of audio that are in the queue now."""
        return self._playout.queued_s

    def clear(self) -> None:
        """Drop the audio in the queue."""
        self._playout.clear()

    async def wait_for_subscription(self) -> None:
        """Wait without a limit, because no participant can subscribe to the track."""
        await asyncio.get_running_loop().create_future()

    async def unpublish(self) -> None:
        """Do nothing, because the track is not published."""
