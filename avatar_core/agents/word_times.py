"""The times at which the words of a segment were spoken, from its text and its audio."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from avatar_core.agents.speech_envelope import Floats, SpeechEnvelope
from avatar_core.agents.word_splitter import Word

LONGEST_WORD_S = 0.4
"""A word counts as heard at the word's end, or this number of seconds after the start of a longer
word. An interruption within a long word therefore does not remove the word from the chat
history."""
CLAUSE_PAUSE_S = 0.15
"""The shortest pause, in seconds, that counts as the pause after a punctuation mark."""
CLAUSE_TOLERANCE_S = 0.4
"""Seconds of speech by which the estimated end of a clause may differ from a pause."""

SLOW_RATE_S = 0.05
"""Seconds of speech per unit of a word's weight, for speech whose rate is not known yet. Measured
with espeak-ng 1.52: 0.038 to 0.054 at 120 words a minute, 0.025 to 0.031 at 210."""
RATE_MARGIN = 1.25
"""The factor by which a segment whose end is unknown may be slower than the last segments."""
MIN_WEIGHT = 30.0
"""The smallest weight of a segment, about four words, from which the rate of the voice is
learnt."""


class SpeakingRate:
    """The rate of one voice, learnt from the segments that the voice has finished."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=5)

    @property
    def slowest_s(self) -> float:
        """Seconds of speech per unit of weight that the voice needs at most."""
        return RATE_MARGIN * max(self._recent) if self._recent else SLOW_RATE_S

    def learn(self, spoken_words: Sequence[Word], speech: SpeechEnvelope) -> None:
        """Note the rate of a segment.

        Args:
            spoken_words: All words of the segment.
            speech: All audio of the segment.
        """
        weight = sum(word.weight for word in spoken_words)
        if weight >= MIN_WEIGHT:
            self._recent.append(float(speech.speech_s[-1]) / weight)


def heard_times(
    spoken_words: Sequence[Word], speech: SpeechEnvelope, rate: SpeakingRate, *, complete: bool
) -> Floats:
    """Estimate from which position of a segment on each of its words counts as heard.

    The first estimate assumes that each word takes speech in proportion to its weight. The estimate
    is corrected at pauses. The test `demo/tests/test_word_times_of_speech.py` compares the estimate
    with speech of espeak-ng at 120 to 210 words a minute. The estimate is ahead of the sound at 3 %
    of all moments, mostly in numbers that are written in digits. It is more than two words behind
    at 5 % of all moments.

    Args:
        spoken_words: The words of the segment that are known.
        speech: The audio of the segment that is known.
        rate: The rate of the voice; used while more audio or text may follow.
        complete: Whether all text and all audio of the segment are known.

    Returns:
        A position in seconds for each word, ascending; infinity for words without audio.
    """
    if not spoken_words:
        return np.empty(0)
    weights = np.cumsum([0.0, *(word.weight for word in spoken_words)])
    if weights[-1] <= 0:
        weights = np.arange(len(spoken_words) + 1, dtype=np.float64)
    spoken_s = float(speech.speech_s[-1])
    bursts = speech.bursts
    if complete and len(bursts) == sum(word.weight > 0 for word in spoken_words):
        return _times_of_bursts(spoken_words, bursts)
    # As long as audio may follow, the audio so far says at most the text so far.
    unit_s = spoken_s / weights[-1] if complete else max(spoken_s / weights[-1], rate.slowest_s)
    marks = _match_pauses(spoken_words, weights, speech, unit_s, complete=complete)
    starts, ends = speech.starts_after(marks[:-1]), speech.ends_of(marks[1:])
    times = np.minimum(ends, starts + LONGEST_WORD_S)
    if not complete and bursts:
        # A pause ends a word, so at least as many words were spoken as stretches of speech.
        spoken = np.flatnonzero([word.weight > 0 for word in spoken_words])[: len(bursts)]
        times[spoken] = np.minimum(times[spoken], [end for _, end in bursts[: len(spoken)]])
    ascending: Floats = np.maximum.accumulate(times)
    return ascending


def _times_of_bursts(spoken_words: Sequence[Word], bursts: Sequence[tuple[float, float]]) -> Floats:
    """Return the times if each word is one stretch of speech, as in slow dictation."""
    times, at_s, following = [], 0.0, iter(bursts)
    for word in spoken_words:
        if word.weight > 0:
            start_s, end_s = next(following)
            at_s = min(end_s, start_s + LONGEST_WORD_S)
        times.append(at_s)
    return np.array(times)


def _match_pauses(
    spoken_words: Sequence[Word],
    weights: Floats,
    speech: SpeechEnvelope,
    unit_s: float,
    *,
    complete: bool,
) -> Floats:
    """Return the amount of speech up to the bound before each word and after the last one.

    The ends of clauses are moved to pauses of the audio that are near their estimated place.
    """
    spoken = speech.speech_s
    bursts = speech.bursts
    pauses = [
        float(spoken[round(end_s / (speech.duration_s or 1.0) * (len(spoken) - 1))])
        for (_, end_s), (next_s, _) in pairwise(bursts)
        if next_s - end_s >= CLAUSE_PAUSE_S - 1e-6
    ]
    fixed = [(0.0, 0.0)]
    for index, word in enumerate(spoken_words[:-1], 1):
        if not word.ends_clause:
            continue
        weight, at_s = fixed[-1]
        if complete:
            unit_s = (float(spoken[-1]) - at_s) / max(weights[-1] - weight, 1.0)
        estimate_s = at_s + (weights[index] - weight) * unit_s
        nearest_s = min(pauses, key=lambda pause_s: abs(pause_s - estimate_s), default=np.inf)
        if abs(nearest_s - estimate_s) <= CLAUSE_TOLERANCE_S:
            fixed.append((float(weights[index]), nearest_s))
            pauses = [pause_s for pause_s in pauses if pause_s > nearest_s]
    weight, at_s = fixed[-1]
    if complete:
        fixed.append((float(weights[-1]), float(spoken[-1])))
    else:
        fixed.append((float(weights[-1]) + 1e-9, at_s + (weights[-1] - weight) * unit_s))
    at_weights, at_seconds = np.array(fixed).T
    marks: Floats = np.interp(weights, at_weights, at_seconds)
    return marks
