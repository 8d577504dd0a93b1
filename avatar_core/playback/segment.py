"""A segment of speech, which is kept until it was heard, and played as one or more takes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.playback import Take, TakeState
from avatar_core.resample import Resampler

REWIND_S = 0.6
"""The take after a lost one starts at most this much before the position, at a silence."""

KEPT_BEHIND_S = 2 * REWIND_S
"""Audio kept behind the position, so that a take can start there."""
WINDOW_S = 0.01
"""The loudness is measured over windows of this length."""
SILENCE_RMS = 80.0
"""A window with this RMS or less, of int16 samples, is silent: 52 dB below full scale."""
PAUSE_SHARE = 0.1
"""A window whose RMS is at most this share of the loudest one's (20 dB below it) is a pause too: in
fluent speech there is no silence between the words."""
WORD_S = 0.3
"""If there is no pause, the next take starts at the quietest window of the last `WORD_S`."""
INAUDIBLE_S = 0.005
"""The player does not begin a take for a remainder that is shorter."""
HELD_BACK_S = 0.02
"""Audio that a resampler may hold back until more follows."""


class Segment:
    """The audio of one segment of an AgentSession, and the position up to which it was heard.

    Args:
        id: The number of the segment, from 1.
        format: The format of the first audio frame.

    Attributes:
        id: The number of the segment, from 1.
        format: The format of the audio that is kept; audio in another format is converted to it.
        ended: Whether all audio of the segment was pushed.
        cleared: Whether the segment was interrupted, so that no more of it may be heard.
        started: Whether the first sound of the segment was heard.
        position_s: Seconds of the segment that were heard; it never falls.
        on_moved: Called when the player has changed the position; None for no call.
    """

    def __init__(self, id: int, format: AudioFormat) -> None:
        self.id = id
        self.format = format
        self.ended = False
        self.cleared = False
        self.started = False
        self.position_s = 0.0
        self.on_moved: Callable[[], None] | None = None
        self._pcm = bytearray()
        self._forgotten = 0
        self._source = format
        self._converter = Resampler(format, format)

    @property
    def duration_s(self) -> float:
        """The seconds of audio that were pushed so far."""
        return self.format.duration_s(self._forgotten + len(self._pcm))

    @property
    def awaits_more(self) -> bool:
        """Whether the listener has heard all audio so far, and the segment has not ended."""
        return not self.ended and self.duration_s - self.position_s < HELD_BACK_S

    def is_played(self, take: Take | None) -> bool:
        """Return whether the segment has ended and all its audio was heard.

        Args:
            take: The last take of the segment, if any. If the take has all the audio and the state
                DONE, the segment counts as played.

        Returns:
            True if the player may finish the segment.
        """
        if not self.ended:
            return False
        if take is not None and take.ended and take.state is TakeState.DONE:
            return True
        return self.duration_s - self.position_s < INAUDIBLE_S

    def append(self, pcm: bytes, format: AudioFormat) -> None:
        """Add audio to the end of the segment.

        Args:
            pcm: Whole samples: int16, little-endian, interleaved.
            format: The format of `pcm`.

        Raises:
            ValueError: `pcm` does not contain whole samples; checked only if it must be converted.
        """
        if format != self._source:
            self._pcm += self._converter.feed(b"", last=True)
            self._source, self._converter = format, Resampler(format, self.format)
        self._pcm += self._converter.feed(pcm)

    def end(self) -> None:
        """Mark the segment as complete: no more audio follows."""
        self._pcm += self._converter.feed(b"", last=True)
        self.ended = True

    def read(self, at: int, size: int) -> bytes:
        """Return audio of the segment in `format`; skip audio that was dropped from memory.

        Args:
            at: Bytes from the start of the segment, a multiple of `format.frame_bytes`.
            size: The most bytes to return.

        Returns:
            Up to `size` bytes of PCM; empty if none is there.
        """
        start = max(0, at - self._forgotten)
        return bytes(self._pcm[start : start + size])

    def update_position(self, take: Take) -> None:
        """Advance the position to the position of a take, and drop older audio from memory.

        Args:
            take: A take of this segment whose position changed.
        """
        reached_s = min(take.offset_s + take.position_s, self.duration_s)  # resampling rounds up
        self.position_s = max(self.position_s, reached_s)
        surplus = self.format.size(self.position_s - KEPT_BEHIND_S) - self._forgotten
        if surplus > self.format.bytes_per_s:
            del self._pcm[:surplus]
            self._forgotten += surplus

    def resume_offset_s(self, take: Take | None) -> float:
        """Return the offset at which the next take of the segment starts.

        After a take with the state CUT or DONE, the next take starts exactly at the old position. A
        take with the state LOST may have ended within a word. After such a take, the next take
        starts at the last pause, at most `REWIND_S` before the position, or else at the quietest
        moment of the last `WORD_S`.

        Args:
            take: The last take of the segment; None if there was none.

        Returns:
            Seconds from the start of the segment.
        """
        if take is None:
            return 0.0
        if take.state is not TakeState.LOST:
            return take.offset_s + take.position_s
        heard_s = self.position_s
        for known_s in (take.confirmed_s, take.certain_s):
            if known_s is not None:
                heard_s = min(heard_s, take.offset_s + known_s)
        end = self.format.size(heard_s)
        start = max(self._forgotten, end - self.format.size(REWIND_S), 0)
        window = self.format.size(WINDOW_S) // self.format.frame_bytes
        samples = np.frombuffer(self.read(start, end - start), "<i2")
        samples = samples[:: self.format.channels].astype(np.float64)
        count = len(samples) // window
        if count == 0:
            return heard_s
        loudness = np.sqrt((samples[-count * window :].reshape(count, window) ** 2).mean(axis=1))
        pauses = np.flatnonzero(loudness <= max(SILENCE_RMS, PAUSE_SHARE * loudness.max()))
        recent = max(0, count - round(WORD_S / WINDOW_S))
        chosen = pauses[-1] if len(pauses) else recent + loudness[recent:].argmin()
        return heard_s - float(count - chosen) * window / self.format.rate_hz


class Feed:
    """Reads the audio of a segment in chunks, from the offset of a take and in the take's format.

    Args:
        segment: The segment to read.
        take: The take that plays the chunks.
    """

    def __init__(self, segment: Segment, take: Take) -> None:
        self._segment = segment
        self._take = take
        self._at = segment.format.size(take.offset_s)
        self._resampler = Resampler(segment.format, take.format)
        self._ready = b""
        self._flushed = False

    def next(self, duration_s: float) -> bytes:
        """Return the next audio of the segment.

        Args:
            duration_s: The most seconds to return.

        Returns:
            PCM in the take's format; empty if no audio is ready.
        """
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
        """Whether the segment has ended and `next` has returned all its audio."""
        return self._flushed and self._at_end and not self._ready

    @property
    def _at_end(self) -> bool:
        segment = self._segment
        return segment.ended and self._at >= segment.format.size(segment.duration_s)
