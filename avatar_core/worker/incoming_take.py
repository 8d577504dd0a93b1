"""The worker's record of a take: the audio that has arrived, and the position that was played."""

from __future__ import annotations

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.playback import TakeState
from avatar_core.contracts.wire import Finished, Report
from avatar_core.resample import Resampler


class IncomingTake:
    """One incoming take: its audio in the renderer's format, its position and its state.

    The receiver creates an `IncomingTake` for each audio stream, and the pacer plays it. A stock
    agent (an agent without avatar-core) sends one stream for each segment, without an id.

    Args:
        id: The id of the take on the wire; empty from a stock agent.
        source: The format of the audio that arrives.
        target: The format of the audio that `read` and `peek` return.

    Attributes:
        id: The id of the take on the wire; empty from a stock agent.
        complete: Whether all audio has arrived.
        captured_s: Seconds of audio that the pacer has put into the queue of the audio track.
        position_s: Seconds of audio that have left the queue of the audio track.
        state: The state of the take; it does not change after a final state.
    """

    def __init__(self, id: str, source: AudioFormat, target: AudioFormat) -> None:
        self.id = id
        self.complete = False
        self.captured_s = 0.0
        self.position_s = 0.0
        self.state = TakeState.OPEN
        self._source, self._format = source, target
        self._resampler = Resampler(source, target)
        self._pcm = bytearray()
        self._odd = b""

    def has_ended(self) -> bool:
        """Return whether the take has ended, so that no more of it may be played.

        Returns:
            True if the state is final.
        """
        return self.state.final

    def feed(self, data: bytes) -> None:
        """Add audio that has arrived; keep an incomplete sample until the rest of it arrives.

        Args:
            data: PCM in the source format: int16, little-endian, interleaved. The data may end
                inside a sample.
        """
        data = self._odd + data
        whole = len(data) - len(data) % self._source.frame_bytes
        data, self._odd = data[:whole], data[whole:]
        self._pcm += self._resampler.feed(data)

    def end(self) -> None:
        """Mark the audio as complete, and flush the resampler; idempotent."""
        if not self.complete:
            self._pcm += self._resampler.feed(b"", last=True)
            self.complete = True

    def read(self, duration_s: float) -> tuple[bytes, bool]:
        """Remove the next audio from the buffer and return it.

        Args:
            duration_s: Seconds of audio to return.

        Returns:
            PCM in the target format, and whether it is the last. The PCM is shorter than
            `duration_s` only at the end, and empty while too little audio has arrived.
        """
        size = self._format.size(duration_s)
        last = self.complete and len(self._pcm) <= size
        if len(self._pcm) < size and not last:
            return b"", False
        chunk = bytes(self._pcm[:size])
        del self._pcm[:size]
        return chunk, last

    def peek(self, duration_s: float) -> bytes:
        """Return the audio that `read` returns next, without removing it.

        Args:
            duration_s: The most seconds of audio to return.

        Returns:
            PCM in the target format; shorter or empty if less audio has arrived.
        """
        return bytes(self._pcm[: self._format.size(duration_s)])

    def update_position(self, queued_s: float) -> float:
        """Advance the position to the captured audio that has left the queue of the track.

        Args:
            queued_s: Seconds of audio that are still in the queue.

        Returns:
            The position in seconds; it never falls, and it does not change after a final state.
        """
        if not self.state.final:
            self.position_s = max(self.position_s, self.captured_s - queued_s)
        return self.position_s

    def report(self, sequence: int) -> Report:
        """Return a position report of the take, for an agent that uses avatar-core.

        Args:
            sequence: The sequence number of the report.

        Returns:
            The report with the id, the position in seconds and the state of the take.
        """
        return Report(sequence, self.id, self.position_s, self.state)

    def stock_finish(self) -> Finished:
        """Return the payload of `lk.playback_finished` for this take, for a stock agent.

        Returns:
            The position in seconds, and whether the take ended before all of it was played.
        """
        return Finished(self.position_s, self.state is not TakeState.DONE)
