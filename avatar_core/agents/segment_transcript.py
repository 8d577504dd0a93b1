"""The text of one segment, and the part of the text that a listener has heard."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from livekit.agents.voice import io

from avatar_core.agents.speech_envelope import Floats, SpeechEnvelope
from avatar_core.agents.word_splitter import Word, split_text
from avatar_core.agents.word_times import LONGEST_WORD_S, SpeakingRate, heard_times
from avatar_core.contracts.audio import AudioFormat

COMPUTE_SHARE = 0.001
"""The growth of the arriving audio, as a share of the audio so far, after which the times of the
words are computed again. After ten minutes of audio, a computation starts every 0.6 s and takes
0.03 s."""


ROUNDING = 1e-6


class SegmentTranscript:
    """The text and the audio of one segment, and the part of the text that was heard.

    Args:
        rate: The rate of the voice, for segments whose end is not known yet.

    Attributes:
        audible: Whether the agent session had an audio output when the text began.
        paced: Whether avatar-core passes each word on when the word is heard, and not at once.
        text: The text so far.
        text_ended: Whether the text is complete.
        has_audio: Whether the segment has audio.
        truncated: Whether the audio covers only a part of the text.
        finished: Whether the segment has finished, so that no more audio of the segment will be
            heard.
        interrupted: Whether the segment finished before all its audio was heard.
        heard: The index after the last character of the text that was heard; the index never
            decreases.
    """

    def __init__(self, rate: SpeakingRate) -> None:
        self.audible = True
        self.paced = False
        self.text = ""
        self.text_ended = False
        self.has_audio = False
        self.truncated = False
        self.finished = False
        self.interrupted = False
        self.heard = 0
        self._rate = rate
        self._speech = SpeechEnvelope()
        self._anchors: list[tuple[int, float]] = []
        self._spoken_words: Sequence[Word] = ()
        self._times: Floats = np.empty(0)
        self._computed: object = None
        self._computed_at_s = -np.inf

    @property
    def complete(self) -> bool:
        """Whether all text and all audio are known, and the audio covers the text."""
        return self.text_ended and self._speech.ended and not self.truncated

    def add_text(self, text: str) -> None:
        """Add text to the end.

        Args:
            text: The next piece. A `TimedString` contains the times at which the piece is spoken.
        """
        if isinstance(text, io.TimedString):
            for index, time_s in (
                (len(self.text), text.start_time),
                (len(self.text) + len(text), text.end_time),
            ):
                if isinstance(time_s, float | int):
                    self._anchors.append((index, float(time_s)))
        self.text += text

    def clear_text(self) -> None:
        """Discard the text of a speech without audio."""
        self.text, self.text_ended, self.heard = "", False, 0
        self._anchors.clear()

    def add_audio(self, pcm: bytes, format: AudioFormat) -> None:
        """Add audio to the end.

        Args:
            pcm: Whole samples: int16, little-endian, interleaved.
            format: The format of `pcm`.
        """
        self.has_audio = True
        self._speech.append(pcm, format)

    def end_audio(self) -> None:
        """Note that no more audio follows."""
        self._speech.end()

    def advance(self, position_s: float) -> list[str]:
        """Count the words as heard that end at or before a position.

        Args:
            position_s: Seconds of the segment that were heard.

        Returns:
            The words that were heard since the last call.
        """
        age_s = position_s - self._computed_at_s
        if self.finished or self.complete or age_s >= COMPUTE_SHARE * self._speech.duration_s:
            self._compute(position_s)
        count = int(np.searchsorted(self._times, position_s + ROUNDING, side="right"))
        return self._advance_to([word.end for word in self._spoken_words[:count]])

    def advance_to_end(self) -> list[str]:
        """Count all text so far as heard.

        Returns:
            The rest of the text in words.
        """
        spoken_words = split_text(self.text, ended=True)
        if self.complete:
            self._rate.learn(spoken_words, self._speech)
        ends = [word.end for word in spoken_words]
        return self._advance_to([*ends[:-1], len(self.text)])

    def _advance_to(self, ends: Sequence[int]) -> list[str]:
        pieces = []
        for end in ends:
            if end > self.heard:
                pieces.append(self.text[self.heard : end])
                self.heard = end
        return pieces

    def _compute(self, position_s: float) -> None:
        self._computed_at_s = position_s
        known = (self.text, self.complete, self._speech.ended, self._speech.duration_s)
        if known == self._computed:
            return
        self._computed = known
        self._spoken_words = split_text(self.text, ended=self.text_ended)
        times = self._times_of_anchors(self._spoken_words)
        if times is None:
            times = heard_times(
                self._spoken_words, self._speech, self._rate, complete=self.complete
            )
        self._times = times

    def _times_of_anchors(self, spoken_words: Sequence[Word]) -> Floats | None:
        """Return the times of the words from the timestamps of the text; None without them."""
        if not spoken_words or not self._anchors or self._anchors[-1][1] <= self._anchors[0][1]:
            return None
        indices, seconds = np.array(self._anchors).T
        seconds = np.maximum.accumulate(seconds)
        last_s = self._speech.duration_s if self.complete else np.inf
        # Two pieces of text meet at one index, but one ends before the other starts.
        ends = np.array([word.end for word in spoken_words]) - ROUNDING
        starts = np.array([word.start for word in spoken_words]) + ROUNDING
        ends = np.interp(ends, indices, seconds, right=last_s)
        starts = np.interp(starts, indices, seconds, right=last_s)
        times: Floats = np.minimum(ends, starts + LONGEST_WORD_S)
        return np.maximum.accumulate(times)
