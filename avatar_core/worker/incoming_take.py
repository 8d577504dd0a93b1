"""A take as its worker sees it: audio that arrives, and how far it got."""

from __future__ import annotations

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.playback import TakeState
from avatar_core.contracts.wire import Finished, Report
from avatar_core.resample import Resampler


class Speech:
    """One incoming take, or one segment of a stock agent, which has no id.

    Attributes:
        id: The take's id on the wire, empty from a stock agent.
        complete: No more audio comes.
        captured_s: Seconds given to the audio queue.
        position_s: Seconds that left it.
        state: Moves to a final state once.
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

    def over(self) -> bool:
        """Nothing more of it may be heard."""
        return self.state.final

    def feed(self, data: bytes) -> None:
        """Add what arrived; half a sample waits for its other half."""
        data = self._odd + data
        whole = len(data) - len(data) % self._source.frame_bytes
        data, self._odd = data[:whole], data[whole:]
        self._pcm += self._resampler.feed(data)

    def end(self) -> None:
        """All audio has arrived."""
        if not self.complete:
            self._pcm += self._resampler.feed(b"", last=True)
            self.complete = True

    def take(self, duration_s: float) -> tuple[bytes, bool]:
        """The next `duration_s` of sound and whether it is the last.

        Less than that only at the end; empty while more must arrive first.
        """
        size = self._format.size(duration_s)
        last = self.complete and len(self._pcm) <= size
        if len(self._pcm) < size and not last:
            return b"", False
        chunk = bytes(self._pcm[:size])
        del self._pcm[:size]
        return chunk, last

    def ahead(self, duration_s: float) -> bytes:
        """Return the audio after the last piece, without removing it."""
        return bytes(self._pcm[: self._format.size(duration_s)])

    def played(self, queued_s: float) -> float:
        """Note and return how far it was heard, with `queued_s` still in the queue."""
        if not self.state.final:
            self.position_s = max(self.position_s, self.captured_s - queued_s)
        return self.position_s

    def report(self, sequence: int) -> Report:
        """Its state in our own words."""
        return Report(sequence, self.id, self.position_s, self.state)

    def finished(self) -> Finished:
        """Its end in a stock agent's words."""
        return Finished(self.position_s, self.state is not TakeState.DONE)
