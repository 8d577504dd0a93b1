"""Follows the place in one take that the listener hears at the moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatar_core.playback.monitor.alignment import WINDOW, find_match
from avatar_core.playback.monitor.features import (
    BANDS,
    FLOOR_DB,
    HOP_S,
    Floats,
    loudness,
)
from avatar_core.playback.monitor.reference import STRONG_DB, Reference

EVERY = 5
"""Heard frames between two searches for the place."""
LOCK_SCORE, KEEP_SCORE = 0.7, 0.5
"""The least score of a new place, and the least score that confirms the present place."""
LOCAL = 6
"""Frames by which the place may move between two searches: the vendor's clock drifts."""
ONSET = 25
"""Frames by which the first sound may differ from its expected time if the latency is known."""
LEAST_STRONG = 20
"""Strong frames that must be missing before the worker counts as silent."""
UNMATCHED = 150
"""Loud frames without a match after which the vendor counts as a vendor that alters the voice."""
SMEAR = 1
"""Heard frames around a frame whose loudest one counts: the place is not exact to the frame."""
WEAKER_DB = 12.0
"""A strong frame is missing if the heard sound is weaker than expected by more than this."""
QUIET_DB = 25.0
"""A frame this many dB below the loudest one near it may be lost in noise or in a codec."""
AUDIBLE_DB = -50.0
"""Sound above this level, in dB relative to full scale, counts as sound of a vendor whose gain is
not known."""


@dataclass(slots=True)
class Hearing:
    """What the monitor knows about a worker's sound beyond one take.

    Attributes:
        latency_s: Seconds from the push of audio until it is heard; declared, then measured.
        gain_db: Level of the heard sound relative to the pushed audio; None before the first match.
        is_measured: Whether `latency_s` was measured.
        is_altered: Whether the vendor alters the voice so much that it cannot be aligned.
    """

    latency_s: float
    gain_db: float | None = None
    is_measured: bool = False
    is_altered: bool = False


class Playhead:
    """The place in one take that is heard, found by comparison with the heard sound.

    All attributes count frames of 10 ms. The object reads no clock.

    Args:
        reference: The pushed audio of the take, which grows.
        hearing: Knowledge about the worker's sound; the playhead updates it.

    Attributes:
        position: The number of frames of the take that were heard.
        heard: The number of frames since the take began.
        silent: The number of frames since the last loud frame.
        lag: Frames from a frame of the take to its sound; None while the place is unknown.
        is_stopping: Whether the worker was told to stop, so that only sound advances the position.
    """

    def __init__(self, reference: Reference, hearing: Hearing) -> None:
        self._reference = reference
        self._hearing = hearing
        self._sound = np.full((WINDOW, BANDS), FLOOR_DB, np.float32)
        self._levels = np.full(WINDOW, FLOOR_DB, np.float32)
        self._now_s = 0.0
        self._searched = 0
        self._candidate: int | None = None
        self._missing: int | None = None
        self._loud = 0
        self._onset: int | None = None
        self._confirmed = False
        self._run: int | None = 0
        self.position = 0
        self.heard = 0
        self.silent = 0
        self.lag: int | None = None
        self.is_stopping = False

    def hear(self, features: Floats, now_s: float) -> None:
        """Take the next heard frames.

        Args:
            features: Levels in dB, as an array (frames, bands).
            now_s: The time of the end of the last frame.
        """
        if not len(features):
            return
        self._now_s = now_s
        self._sound = np.concatenate((self._sound, features))[-4 * WINDOW :]
        self._levels = np.concatenate((self._levels, loudness(features)))[-4 * WINDOW :]
        for back in range(len(features) - 1, -1, -1):
            self.heard += 1
            self._step(back)
        if self.lag is None:
            self._guess()
        if self.heard - self._searched >= EVERY:
            self._searched = self.heard
            self._search()

    def overdue_s(self, now_s: float) -> float:
        """Return how long the worker has been silent although strong sound was due.

        Args:
            now_s: The present time.

        Returns:
            Seconds; 0.0 while the worker is not silent, or if little strong sound is due.
        """
        if self.lag is not None:
            first, reach = self._missing, self.heard - self.lag - SMEAR
        else:
            first = self._first_strong()
            late_s = now_s - self._due_s(first) if first is not None else 0.0
            reach = (first or 0) + int(late_s / HOP_S)
        if first is None or len(self._reference.strong_frames(first, reach)) < LEAST_STRONG:
            return 0.0
        return min(reach - first, self.silent) * HOP_S

    def _due_s(self, frame: int) -> float:
        return self._reference.pushed_at(frame) + self._hearing.latency_s

    # Frame by frame.

    def _step(self, back: int) -> None:
        """Advance by one heard frame, which is `back` frames before the latest one."""
        end = len(self._levels) - back
        level = float(self._levels[max(0, end - 2 * SMEAR - 1) : end].max())
        if self._is_loud(level):
            self.silent = 0
            self._loud += 1
            if self._onset is None:
                self._onset = self.heard - 1
        else:
            self.silent += 1
        if self.lag is None:
            return
        at = self.heard - 1 - self.lag
        if at >= self._reference.frames:
            if self._missing is None:
                self._starve()
            return
        due = at - SMEAR  # later frames may contain its sound too
        if due < 0:
            return
        if self._reference.is_strong(due):
            if not self._is_present(due, level):
                self._missing = due if self._missing is None else self._missing
            elif self._missing is None or self._confirmed:
                self._missing = None
                self.position = max(self.position, at + 1)
            elif self._hearing.is_altered:
                self._lock(self.heard - 1 - self._missing)  # the worker stalled and continues
        elif self._missing is None and not self.is_stopping and self._may_be_heard(due, level):
            self.position = max(self.position, at + 1)

    def _is_loud(self, level: float) -> bool:
        gain_db = self._hearing.gain_db
        if gain_db is None or not self._reference.frames:
            return level > AUDIBLE_DB
        expected = self._reference.loudest(self.position)
        return level > max(expected + gain_db - STRONG_DB - WEAKER_DB, AUDIBLE_DB - 15)

    def _is_present(self, frame: int, level: float) -> bool:
        gain_db = self._hearing.gain_db
        if gain_db is None:
            return level > AUDIBLE_DB
        return level > self._reference.level(frame) + gain_db - WEAKER_DB

    def _may_be_heard(self, frame: int, level: float) -> bool:
        """Return whether the sound is as loud as a frame that is not strong, or need not be."""
        is_quiet = self._reference.level(frame) < self._reference.loudest(frame) - QUIET_DB
        return is_quiet or self._is_present(frame, level)

    def _starve(self) -> None:
        """Forget the place, because all pushed audio was heard and more may follow later."""
        self.position = self._run = self._reference.frames
        self.lag = None
        self._onset = self._missing = self._candidate = None
        self._loud = 0

    # The place.

    def _guess(self) -> None:
        """Guess the place from the start of the sound, if the latency is known."""
        if self._onset is None or self.is_stopping:
            return
        first = self._first_strong()
        if first is None:
            return
        if self._hearing.is_measured:
            expected = self._heard_at(first)
            if abs(self._onset - expected) <= ONSET:
                self._lock(self._onset - first)
            elif self._onset < expected - ONSET:
                self._onset = None  # a sound of the vendor's own
                return
        if self.lag is None and self._loud >= UNMATCHED:
            self._hearing.is_altered = True
            self._lock(self._onset - first)

    def _first_strong(self) -> int | None:
        frames = self._reference.strong_frames(self.position, self.position + 4 * WINDOW)
        return frames[0] if frames else None

    def _heard_at(self, frame: int) -> int:
        """Return the heard frame at which a reference frame is expected."""
        return self.heard + round((self._due_s(frame) - self._now_s) / HOP_S)

    def _lock(self, lag: int) -> None:
        self.lag = lag
        self._missing = None
        self._candidate = None
        at = self.heard - lag
        if not self.is_stopping:
            self.position = max(self.position, min(at, self._reference.frames))

    def _search(self) -> None:
        """Compare the latest heard sound with the pushed audio, and correct the place."""
        reference = self._reference
        self._confirmed = False
        first_end = max(1, self.position - WINDOW // 2)
        start = first_end - WINDOW
        if reference.frames <= first_end:
            return
        part = reference.features(start, reference.frames)
        match = find_match(self._sound[-WINDOW:], part, first_end)
        if match is None or match.score < KEEP_SCORE:
            self._candidate = None
            return
        lag = self.heard - match.end
        if self.lag is not None and abs(lag - self.lag) <= LOCAL:
            if self._missing is not None and (self.silent or match.score < LOCK_SCORE):
                return  # the match is the sound before the silence
            self._confirmed = True
            self.lag += (lag > self.lag) - (lag < self.lag)
            self._learn()
        elif match.score >= LOCK_SCORE and match.is_clear:
            if self._candidate is not None and abs(lag - self._candidate) <= LOCAL:
                self._confirmed = True
                self._lock(lag)
                self._learn()
            else:
                self._candidate = lag

    def _learn(self) -> None:
        """Learn gain and latency from a confirmed place."""
        assert self.lag is not None
        reference, hearing = self._reference, self._hearing
        if self._run is not None:  # the first frame of a run is heard a latency after its push
            heard_s = self._now_s - (self.heard - self._run - self.lag) * HOP_S
            hearing.latency_s = max(0.0, heard_s - reference.pushed_at(self._run))
            hearing.is_measured, self._run = True, None
        end = self.heard - self.lag
        strong = [at for at in reference.strong_frames(end - WINDOW, end) if at >= 0]
        if not strong:
            return
        back = [at - end for at in strong]
        heard = self._levels[np.asarray(back)]
        pushed = np.asarray([reference.level(at) for at in strong])
        gain_db = float(np.median(heard - pushed))
        hearing.gain_db = gain_db if hearing.gain_db is None else (hearing.gain_db + gain_db) / 2
        hearing.is_altered = False
