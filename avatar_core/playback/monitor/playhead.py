"""Follows the place in one take that the listener hears at the moment."""

from __future__ import annotations

import numpy as np

from avatar_core.playback.monitor.features import HOP_S, Floats
from avatar_core.playback.monitor.place import (
    EARLY_SCORE,
    LOCK_SCORE,
    NEAR_SCORE,
    SHORT_WINDOW,
    SURE_LOUDNESS_SCORE,
    WINDOW,
    Place,
    search_loudness,
    search_spectrum,
)
from avatar_core.playback.monitor.reference import STRONG_DB, Reference
from avatar_core.playback.monitor.sound import KEPT, HeardSound, Hearing

EVERY = 5
"""Heard frames between two searches for the place."""
LOCAL = 6
"""Frames by which the place may move between two searches: the vendor's clock drifts."""
ONSET = 25
"""Frames by which the first sound may differ from its expected time if the latency is known."""
UNMATCHED, MOST_UNMATCHED = 150, 400
"""Loud frames without a match after which the loudness alone is aligned, and after which the sound
counts as the speech in any case."""
NEAR_SEARCHES = 6
"""Searches in a row with the same result after which a place near the onset needs no high score."""
PREFERENCE = 0.15
"""The place at which sound and speech begin together may be less similar than another by this."""
MOST_DRIFT = 50
"""A vendor's clock is fast by at most one frame in this number of frames."""
MOST_UNSURE = 400
"""The most frames behind the position in which a place is searched while the present one is not
sure."""
LITTLE = 60
"""Loud frames that are few: other speech may begin in the same way."""
SMEAR = 1
"""Heard frames around a frame whose loudest one counts: the place is not exact to the frame."""
FEW, DROPOUT = 3, 8
"""Missing strong frames after which the position stops, and after which the place must be confirmed
again."""
LEAST_STRONG = 20
"""Strong frames that must be missing before the worker counts as silent."""
LEAST_LAST, LAST_WINDOW = 10, 150
"""Strong frames at the end of a complete take that must be missing before the worker counts as
silent, and the frames for which the monitor then waits for them."""
WEAKER_DB = 12.0
"""A strong frame is missing if the heard sound is weaker than expected by more than this."""
QUIET_DB = 25.0
"""A frame this many dB below the loudest one near it may be lost in noise or in a codec."""
AUDIBLE_DB = -50.0
"""Sound above this level, in dB relative to full scale, counts as sound of a vendor whose gain is
not known."""

SILENCE_DB = -55.0
"""Sound below this level, in dB relative to full scale, never counts as sound. The level of digital
silence is -59 dB: the sum of `FLOOR_DB` over all bands."""


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
        is_stopping: Whether the player stops the take, so that only sound advances the position.
        is_complete: Whether the reference contains all audio of the take.
    """

    def __init__(self, reference: Reference, hearing: Hearing) -> None:
        self._reference = reference
        self._hearing = hearing
        self._sound = HeardSound()
        self._now_s = 0.0
        self._searched = 0
        self._candidate: int | None = None
        self._agreed = 0
        self._sure = 0
        self._missing: int | None = None
        self._missed = 0
        self._played = 0
        self._resumed: int | None = None
        self._confirmed = False
        self._loud = 0
        self._onset: int | None = None
        self._run: int | None = 0
        self._passed_s = 0.0
        self.position = 0
        self.heard = 0
        self.silent = 0
        self.lag: int | None = None
        self.is_stopping = False
        self.is_complete = False

    def hear(self, features: Floats, now_s: float) -> None:
        """Take the next heard frames.

        Args:
            features: Levels in dB, as an array (frames, bands).
            now_s: The time of the end of the last frame.
        """
        self._now_s = now_s
        for start in range(0, len(features), KEPT // 2):  # after a pause of the event loop
            part = features[start : start + KEPT // 2]
            self._sound.add(part)
            for back in range(len(part) - 1, -1, -1):
                self.heard += 1
                self._step(back)
        if self.lag is None and not self.is_stopping:
            self._guess()
            self._pass_quiet()
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
        missing, end = self._find_missing(now_s)
        recent = [at for at in missing if at >= end - self.silent]
        return (end - recent[0]) * HOP_S if len(recent) >= self._least_strong else 0.0

    def first_silent(self, now_s: float) -> int:
        """Return the first strong frame that was due and was not heard.

        Args:
            now_s: The present time.

        Returns:
            The number of the frame; 0 if no frame is missing.
        """
        missing, _ = self._find_missing(now_s)
        return missing[0] if missing else 0

    def _find_missing(self, now_s: float) -> tuple[list[int], int]:
        """Return the strong frames that were due and not heard, and the end of the due frames.

        Sound whose place is not sure counts as the first missing frames.
        """
        if self.lag is not None:
            first, end, played = self._missing, self.heard - self.lag - SMEAR, self._played
        else:
            first, played = self._first_strong(), self._loud
            late_s = now_s - self._due_s(first) if first is not None else 0.0
            end = (first or 0) + int(late_s / HOP_S)
        missing = [] if first is None else self._reference.strong_frames(first, end)[played:]
        return missing, end

    def forgive(self) -> bool:
        """Count the pushed audio as heard if sound that could not be located may have been it.

        Returns:
            Whether the worker has sounded for half of the time for which it should have. A worker
            whose latency and voice are known gets no such credit.
        """
        if self.lag is not None or (self._hearing.is_measured and not self._hearing.is_altered):
            return False
        if self._onset is None or self._loud < len(self._strong_rest()) / 2:
            return False
        self._hearing.is_altered = True
        self._forget(self._reference.frames)
        return True

    def skip_rest(self, now_s: float, limit_s: float) -> None:
        """Count the rest of a complete take as heard if it is too short to be located or missed.

        Args:
            now_s: The present time.
            limit_s: Seconds after which a sound that is due cannot come any more.
        """
        end = self._reference.frames
        if self.lag is not None or len(self._strong_rest()) >= self._least_strong:
            return
        has_sounded = self._onset is not None and self.silent >= WINDOW
        if now_s - self._due_s(end - 1) > (WINDOW * HOP_S if has_sounded else limit_s):
            self._forget(end)

    @property
    def _least_strong(self) -> int:
        """The number of strong frames that must be missing before the worker counts as silent."""
        if not self.is_complete:
            return LEAST_STRONG
        if self.lag is None:
            return DROPOUT + 1 if self._onset is None else LEAST_STRONG
        is_over = self.heard - self.lag - SMEAR >= self._reference.frames
        return LEAST_LAST if is_over else LEAST_STRONG

    # Frame by frame.

    def _step(self, back: int) -> None:
        """Advance by one heard frame, which is `back` frames before the latest one."""
        level = self._sound.loudest(back, 2 * SMEAR + 1)
        if level > self._loud_db:
            self.silent = 0
            self._loud += 1
            if self._onset is None:
                self._onset = self.heard - 1
        else:
            self.silent += 1
        if self.lag is None:
            return
        if self._missing is not None and self._is_present(self._missing, level):
            self._played += 1
        at = self.heard - 1 - self.lag
        due = at - SMEAR  # later frames may contain its sound too
        if at >= self._reference.frames:
            self._finish_run(at)
        elif due >= 0 and self._reference.is_strong(due):
            self._meet_strong(due, level)
        elif self._missed <= FEW and not self.is_stopping and self._may_be_heard(due, level):
            self.position = max(self.position, at + 1)

    def _meet_strong(self, due: int, level: float) -> None:
        if not self._is_present(due, level):
            self._missed += 1
            if self._missing is None:
                self._missing, self._played = due, 0
            if self.silent > SHORT_WINDOW:
                self._resumed = None
        elif self._missed <= DROPOUT or self._confirmed:
            self._note_presence()
            self.position = max(self.position, due + SMEAR + 1)
        elif self._resumed is None:
            self._resumed = self.heard - 1
        elif self._hearing.is_altered and self.heard - self._resumed > SHORT_WINDOW:
            self._lock(self._resumed - (self._missing or 0))  # the worker stalled and continues

    def _note_presence(self) -> None:
        self._missing = self._resumed = None
        self._missed = self._played = 0

    def _finish_run(self, at: int) -> None:
        """Forget the place, because all pushed audio was heard and more may follow later."""
        reference, missing = self._reference, self._missing
        if missing is not None:
            rest = len(reference.strong_frames(missing, reference.frames)) - self._played
            window = LAST_WINDOW if rest >= self._least_strong else WINDOW
            if rest >= LEAST_STRONG or at < reference.frames + window:
                return
        self._forget(reference.frames)

    def _forget(self, position: int) -> None:
        """Forget the place; the speech continues at a position at a time that is not known yet."""
        self.position = self._run = position
        self.lag = self._onset = self._candidate = None
        self._note_presence()
        self._loud = 0

    def _pass_quiet(self) -> None:
        """Advance in real time over audio without strong sound, which cannot be located."""
        if self._first_strong() is not None:
            return
        end = min(self.position + KEPT, self._reference.frames)
        while self.position < end:
            due_s = max(self._passed_s + HOP_S, self._due_s(self.position))
            if due_s > self._now_s:
                return
            self._passed_s = due_s
            self.position += 1

    @property
    def _loud_db(self) -> float:
        """The level above which the heard sound is loud."""
        gain_db = self._hearing.gain_db
        if gain_db is None or not self._reference.frames:
            return AUDIBLE_DB
        expected = self._reference.loudest(self.position)
        return max(expected + gain_db - STRONG_DB - WEAKER_DB, SILENCE_DB)

    def _is_present(self, frame: int, level: float) -> bool:
        gain_db = self._hearing.gain_db
        if gain_db is None:
            return level > AUDIBLE_DB
        return level > self._reference.level(frame) + gain_db - WEAKER_DB

    def _may_be_heard(self, frame: int, level: float) -> bool:
        """Return whether the sound is as loud as a frame that is not strong, or need not be."""
        if frame < 0:
            return True
        is_quiet = self._reference.level(frame) < self._reference.loudest(frame) - QUIET_DB
        return is_quiet or self._is_present(frame, level)

    # The place.

    def _first_strong(self) -> int | None:
        frames = self._reference.strong_frames(self.position, self.position + KEPT)
        return frames[0] if frames else None

    def _strong_rest(self) -> list[int]:
        return self._reference.strong_frames(self.position, self._reference.frames)

    def _due_s(self, frame: int) -> float:
        """Return the time at which a frame of the present run should be heard."""
        pushed_s = self._reference.pushed_at(frame)
        if self._run is not None:  # the player pushes audio ahead of its sound
            pushed_s = max(
                pushed_s, self._reference.pushed_at(self._run) + (frame - self._run) * HOP_S
            )
        return pushed_s + self._hearing.latency_s

    def _guess(self) -> None:
        """Guess the place from the start of the sound, or from its loudness."""
        first = self._first_strong()
        if self._onset is None or first is None:
            return
        lag = self._onset - first
        late = (self._now_s - self._due_s(first)) / HOP_S - (self.heard - self._onset)
        if self._hearing.is_measured and late < -ONSET:
            self._onset = None  # a sound of the vendor's own
        elif self._hearing.is_measured and late <= ONSET:
            self._lock(lag)
        elif self._loud >= MOST_UNMATCHED:
            self._lock_altered(lag)
        elif self._loud >= UNMATCHED and self.heard - self._searched >= EVERY:
            end = self.heard - lag
            near = search_loudness(self._sound, self._reference, end - ONSET, end + ONSET)
            place = near or self._search_all_by_loudness()
            if place is not None:
                self._lock_altered(self.heard - place.end)

    def _search_all_by_loudness(self) -> Place | None:
        first = max(1, self.position)
        place = search_loudness(self._sound, self._reference, first, self._latest)
        is_sure = place is not None and place.is_sure(SURE_LOUDNESS_SCORE)
        return place if is_sure else None

    def _lock_altered(self, lag: int) -> None:
        self._hearing.is_altered = True
        self._lock(lag)
        self._learn()

    def _lock(self, lag: int) -> None:
        self.lag = lag
        self._candidate = None
        self._note_presence()
        if not self.is_stopping:
            self.position = max(self.position, min(self.heard - lag, self._reference.frames))

    @property
    def _latest(self) -> int:
        """The latest place that can be heard now, even if the vendor's clock is fast."""
        return self.heard + self.heard // MOST_DRIFT + LOCAL

    def _search(self) -> None:
        """Compare the latest heard sound with the pushed audio, and correct the place."""
        self._confirmed = False
        if self.silent > WINDOW // 2:
            return  # noise resembles other noise
        unsure = min(self.position - self._sure, MOST_UNSURE)
        first, window = max(1, self.position - unsure - WINDOW // 2), WINDOW
        if self._resumed is not None:  # compare only what was heard since
            window = self.heard - self._resumed
            if window < SHORT_WINDOW:
                return
            window = min(window, WINDOW)
            first = self.position - LOCAL + window
        place = search_spectrum(self._sound, self._reference, first, self._latest, window)
        near = self._find_near_onset(place)
        place = near or self._prefer_present(place)
        if place is None:
            self._candidate = None
            return
        lag = self.heard - place.end
        if place.is_sure(EARLY_SCORE) and self.lag is not None:
            self._sure = max(self._sure, min(place.end, self.position))
        if self.lag is not None and abs(lag - self.lag) <= LOCAL:
            if self._missing is None or (self._resumed is not None and place.is_sure(LOCK_SCORE)):
                self._confirmed = True
                self.lag += (lag > self.lag) - (lag < self.lag)
                self._learn()
            return
        is_same = self._candidate is not None and abs(lag - self._candidate) <= LOCAL
        self._agreed = self._agreed + 1 if is_same else 1
        self._candidate = lag
        is_doubtful = self._loud < LITTLE or self._hearing.is_altered
        is_sure = place.is_sure(EARLY_SCORE if is_doubtful else LOCK_SCORE)
        if (is_sure and self._agreed >= 2) or (near is not None and self._agreed >= NEAR_SEARCHES):
            self._confirmed = True
            self._hearing.is_altered = not is_sure
            self._lock(lag)
            self._learn()

    def _prefer_present(self, place: Place | None) -> Place | None:
        """Return the present place, unless another one is much more similar to enough sound."""
        if place is None or self.lag is None or self._resumed is not None:
            return place
        if abs(self.heard - place.end - self.lag) <= LOCAL:
            return place
        end = self.heard - self.lag
        here = search_spectrum(self._sound, self._reference, max(1, end - LOCAL), end + LOCAL)
        if here is not None and here.score > place.score - PREFERENCE:
            return here
        return place if self._sound.count_louder(self._loud_db, WINDOW) >= SHORT_WINDOW else None

    def _find_near_onset(self, place: Place | None) -> Place | None:
        """Return the place at which the sound began with the speech, if it is about as similar."""
        first = self._first_strong()
        if place is None or self.lag is not None or self._onset is None or first is None:
            return None
        end = self.heard - self._onset + first
        near = search_spectrum(self._sound, self._reference, max(1, end - LOCAL), end + LOCAL)
        if near is None or near.score < max(NEAR_SCORE, place.score - PREFERENCE):
            return None
        return Place(near.end, near.score, is_clear=True)

    def _learn(self) -> None:
        """Learn the latency and the gain from the present place."""
        assert self.lag is not None
        reference, hearing = self._reference, self._hearing
        if self._run is not None:  # the first frame of a run is heard a latency after its push
            heard_s = self._now_s - (self.heard - self._run - self.lag) * HOP_S
            hearing.latency_s = max(0.0, heard_s - reference.pushed_at(self._run))
            hearing.is_measured, self._run = True, None
        end = self.heard - self.lag
        strong = reference.strong_frames(end - WINDOW, min(end, reference.frames))
        if not strong:
            return
        heard = self._sound.levels[np.asarray([at - end for at in strong])]
        pushed = np.asarray([reference.level(at) for at in strong])
        gain_db = float(np.median(heard - pushed))
        hearing.gain_db = gain_db if hearing.gain_db is None else (hearing.gain_db + gain_db) / 2
