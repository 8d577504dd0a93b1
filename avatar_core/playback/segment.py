"""A segment of speech: kept until it is heard, played as one or more takes."""

from __future__ import annotations

import numpy as np

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.playback import Take, TakeState
from avatar_core.resample import Resampler

REWIND_S = 0.6
"""How far back a lost take's successor may start, to begin at a silence."""

KEPT_S = 2 * REWIND_S
"""Heard audio kept behind the position, to rewind into."""
WINDOW_S = 0.01
SILENCE_RMS = 80.0
"""Of int16: 52 dB under full scale."""
PAUSE_SHARE = 0.1
"""Words in a row have no silence between them: a pause is 20 dB under their loudest."""
WORD_S = 0.3
INAUDIBLE_S = 0.005
"""A rest so short that no take is begun for it."""
HELD_BACK_S = 0.02
"""What a resampler keeps until more comes."""


class Segment:
    """What AgentSession calls a segment: frames up to a flush.

    Attributes:
        id: Counts up from 1.
        format: Of its first frame; frames of another are converted to it.
        duration_s: Seconds pushed so far.
        ended: No more audio comes.
        cleared: It was interrupted; nothing more of it may be heard.
        started: Somebody heard the first of it.
        position_s: What was heard of it: the furthest of its takes.
    """

    def __init__(self, id: int, format: AudioFormat) -> None:
        self.id = id
        self.format = format
        self.ended = False
        self.cleared = False
        self.started = False
        self.position_s = 0.0
        self._pcm = bytearray()
        self._forgotten = 0
        self._source = format
        self._converter = Resampler(format, format)

    @property
    def duration_s(self) -> float:
        """Seconds pushed so far."""
        return self.format.duration_s(self._forgotten + len(self._pcm))

    @property
    def awaits_more(self) -> bool:
        """All there is of it was heard, and it has not ended."""
        return not self.ended and self.duration_s - self.position_s < HELD_BACK_S

    def is_spoken(self, take: Take | None) -> bool:
        """All of it was played: its last take reached its end, or nothing was in it."""
        if not self.ended:
            return False
        if take is not None and take.ended and take.state is TakeState.DONE:
            return True
        return self.duration_s - self.position_s < INAUDIBLE_S

    def append(self, pcm: bytes, format: AudioFormat) -> None:
        """Add audio, whole samples of `format`."""
        if format != self._source:
            self._pcm += self._converter.feed(b"", last=True)
            self._source, self._converter = format, Resampler(format, self.format)
        self._pcm += self._converter.feed(pcm)

    def end(self) -> None:
        """No more audio comes."""
        self._pcm += self._converter.feed(b"", last=True)
        self.ended = True

    def read(self, at: int, size: int) -> bytes:
        """Up to `size` bytes from byte `at` of the segment."""
        start = max(0, at - self._forgotten)
        return bytes(self._pcm[start : start + size])

    def heard(self, take: Take) -> None:
        """A take moved: so may the position; what lies well behind it is forgotten."""
        reached_s = min(take.offset_s + take.position_s, self.duration_s)  # resampling rounds up
        self.position_s = max(self.position_s, reached_s)
        surplus = self.format.size(self.position_s - KEPT_S) - self._forgotten
        if surplus > self.format.bytes_per_s:
            del self._pcm[:surplus]
            self._forgotten += surplus

    def resume_at(self, take: Take | None) -> float:
        """Where the next take starts, in seconds.

        Exactly where this one was left, even in words said twice; after a lost take, whose
        last word may have been torn, at the last pause before what was heard, or else at
        the quietest moment of what came last.
        """
        if take is None:
            return 0.0
        if take.state is not TakeState.LOST:
            return take.offset_s + take.position_s
        end = self.format.size(self.position_s)
        start = max(self._forgotten, end - self.format.size(REWIND_S), 0)
        window = self.format.size(WINDOW_S) // self.format.frame_bytes
        samples = np.frombuffer(self.read(start, end - start), "<i2")
        samples = samples[:: self.format.channels].astype(np.float64)
        count = len(samples) // window
        if count == 0:
            return self.position_s
        loudness = np.sqrt((samples[-count * window :].reshape(count, window) ** 2).mean(axis=1))
        pauses = np.flatnonzero(loudness <= max(SILENCE_RMS, PAUSE_SHARE * loudness.max()))
        recent = max(0, count - round(WORD_S / WINDOW_S))
        chosen = pauses[-1] if len(pauses) else recent + loudness[recent:].argmin()
        return self.position_s - float(count - chosen) * window / self.format.rate_hz


class Feed:
    """A segment's audio from an offset on, in the format of a take, chunk by chunk."""

    def __init__(self, segment: Segment, take: Take) -> None:
        self._segment = segment
        self._take = take
        self._at = segment.format.size(take.offset_s)
        self._resampler = Resampler(segment.format, take.format)
        self._ready = b""
        self._flushed = False

    def next(self, duration_s: float) -> bytes:
        """Up to `duration_s` of audio; empty while there is none."""
        want = self._take.format.size(duration_s)
        while len(self._ready) < want:
            raw = self._segment.read(self._at, self._segment.format.size(duration_s))
            self._at += len(raw)
            last = self._at_end
            if not raw and (not last or self._flushed):
                break
            self._ready += self._resampler.feed(raw, last)
            self._flushed = last
        chunk, self._ready = self._ready[:want], self._ready[want:]
        return chunk

    @property
    def exhausted(self) -> bool:
        """Everything the segment will ever have was handed out."""
        return self._flushed and self._at_end and not self._ready

    @property
    def _at_end(self) -> bool:
        segment = self._segment
        return segment.ended and self._at >= segment.format.size(segment.duration_s)
