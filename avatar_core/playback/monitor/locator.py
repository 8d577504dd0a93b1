"""Finds the place in one take that is heard: from the start of the sound, or by a search."""

from __future__ import annotations

import numpy as np

from avatar_core.playback.monitor.features import HOP_S
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
from avatar_core.playback.monitor.state import HeardState

EVERY, SETTLED_EVERY = 5, 12
"""Heard frames between two searches for the place: normally, and while the last search has
confirmed the present place."""
LOCAL = 6
"""Frames by which the place may move between two searches: the vendor's clock drifts."""
ONSET, ALTERED_ONSET = 25, 80
"""Frames by which the first sound may differ from its expected time: if the latency is known, and
if the vendor alters the voice."""
UNMATCHED, MOST_UNMATCHED = 150, 400
"""Loud frames without a match after which the loudness alone is aligned, and after which the sound
counts as the speech in any case."""
NEAR_SEARCHES = 6
"""Searches in a row with the same result after which a place near the onset needs no high score."""
SKIP, SKIP_SEARCHES = 50, 6
"""Frames of speech that a correct worker rarely skips, and the searches in a row that must find the
same place after a longer skip: speech contains similar sounds."""
PREFERENCE = 0.15
"""The present place, and the place at which sound and speech begin together, are preferred if their
score is at most this much lower than the best score."""
MOST_DRIFT = 50
"""A vendor's clock is fast by at most one frame in this number of frames."""
MOST_UNSURE = 400
"""The most frames before the position that are searched while the present place is not sure."""
MOST_LATENCY_S = 10.0
"""The longest latency that can be real; a longer one comes from a wrong place."""
LITTLE = 60
"""With fewer loud frames, a new place needs a higher score: other speech may begin in the same
way."""


class Locator:
    """Finds and follows the place of the heard sound in the pushed audio of one take.

    Args:
        state: The state of the take, which the locator changes.
    """

    def __init__(self, state: HeardState) -> None:
        self._state = state
        self._searched = 0
        self._agreed = 0
        self._sure = 0

    def update(self) -> None:
        """Find or correct the place, after frames were heard."""
        state = self._state
        is_settled = state.is_confirmed and state.missing is None
        is_due = state.heard - self._searched >= (SETTLED_EVERY if is_settled else EVERY)
        if state.lag is None and not state.is_stopping:
            self._guess(is_due)
        if is_due:
            self._searched = state.heard
            self._search()

    def _guess(self, is_due: bool) -> None:
        """Guess the place from the start of the sound, or from its loudness."""
        state = self._state
        first = state.first_strong()
        if state.onset is None or first is None:
            return
        lag = state.onset - first
        late = (state.now_s - state.due_s(first)) / HOP_S - (state.heard - state.onset)
        most = ALTERED_ONSET if state.hearing.is_altered else ONSET
        if state.hearing.is_measured and late < -most:
            state.onset = None  # a sound of the vendor's own
        elif state.hearing.is_measured and late <= most:
            state.lock(lag)
        elif state.loud >= MOST_UNMATCHED:
            self._lock_altered(lag)
        elif state.loud >= UNMATCHED and is_due:
            end = state.heard - lag
            near = search_loudness(state.sound, state.reference, end - ONSET, end + ONSET)
            place = near or self._search_all_by_loudness()
            if place is not None:
                self._lock_altered(state.heard - place.end)

    def _search_all_by_loudness(self) -> Place | None:
        state = self._state
        first = max(1, state.position)
        place = search_loudness(state.sound, state.reference, first, self._latest)
        is_sure = place is not None and place.is_sure(SURE_LOUDNESS_SCORE)
        return place if is_sure else None

    def _lock_altered(self, lag: int) -> None:
        state = self._state
        state.hearing.is_altered = True
        state.lock(lag)
        self._learn()

    @property
    def _latest(self) -> int:
        """The latest place that can be heard now, even if the vendor's clock is fast."""
        state = self._state
        return state.heard + state.heard // MOST_DRIFT + LOCAL

    def _search(self) -> None:
        """Compare the latest heard sound with the pushed audio, and correct the place."""
        state = self._state
        state.is_confirmed = False
        if state.silent > WINDOW // 2:
            return  # noise resembles other noise
        unsure = min(state.position - self._sure, MOST_UNSURE)
        first, window = max(1, state.position - unsure - WINDOW // 2), WINDOW
        if state.resumed is not None:  # compare only what was heard since
            window = state.heard - state.resumed
            if window < SHORT_WINDOW:
                return
            window = min(window, WINDOW)
            first = state.position - LOCAL + window
        place = search_spectrum(state.sound, state.reference, first, self._latest, window)
        near = self._find_near_onset(place)
        place = near or self._prefer_present(place)
        if place is None:
            state.candidate = None
            return
        lag = state.heard - place.end
        if place.is_sure(EARLY_SCORE) and state.lag is not None:
            self._sure = max(self._sure, min(place.end, state.position))
        if state.lag is not None and abs(lag - state.lag) <= LOCAL:
            if state.missing is None or (state.resumed is not None and place.is_sure(LOCK_SCORE)):
                state.is_confirmed = True
                state.lag += (lag > state.lag) - (lag < state.lag)
                self._learn()
            return
        is_same = state.candidate is not None and abs(lag - state.candidate) <= LOCAL
        self._agreed = self._agreed + 1 if is_same else 1
        state.candidate = lag
        is_doubtful = state.loud < LITTLE or state.hearing.is_altered
        is_sure = place.is_sure(EARLY_SCORE if is_doubtful else LOCK_SCORE)
        is_skip = state.lag is not None and lag < state.lag - SKIP
        is_sure &= self._agreed >= (SKIP_SEARCHES if is_skip else 2)
        if is_sure or (near is not None and self._agreed >= NEAR_SEARCHES):
            state.is_confirmed = True
            state.hearing.is_altered = not is_sure
            state.lock(lag)
            self._learn()

    def _prefer_present(self, place: Place | None) -> Place | None:
        """Return the present place, unless another one is much more similar to enough sound."""
        state = self._state
        if place is None or state.lag is None or state.resumed is not None:
            return place
        if abs(state.heard - place.end - state.lag) <= LOCAL:
            return place
        end = state.heard - state.lag
        here = search_spectrum(state.sound, state.reference, max(1, end - LOCAL), end + LOCAL)
        if here is not None and here.score > place.score - PREFERENCE:
            return here
        return place if state.sound.count_louder(state.loud_db, WINDOW) >= SHORT_WINDOW else None

    def _find_near_onset(self, place: Place | None) -> Place | None:
        """Return the place at which sound and speech begin together, if it is about as similar."""
        state = self._state
        first = state.first_strong()
        if place is None or state.lag is not None or state.onset is None or first is None:
            return None
        end = state.heard - state.onset + first
        near = search_spectrum(state.sound, state.reference, max(1, end - LOCAL), end + LOCAL)
        if near is None or near.score < max(NEAR_SCORE, place.score - PREFERENCE):
            return None
        return Place(near.end, near.score, is_clear=True)

    def _learn(self) -> None:
        """Learn the latency and the gain from the present place."""
        state = self._state
        assert state.lag is not None
        reference, hearing = state.reference, state.hearing
        self._learn_latency()
        end = state.heard - state.lag
        strong = reference.strong_frames(end - WINDOW, min(end, reference.frames))
        if not strong:
            return
        heard = state.sound.levels[np.asarray([at - end for at in strong])]
        pushed = np.asarray([reference.level(at) for at in strong])
        gain_db = float(np.median(heard - pushed))
        hearing.gain_db = gain_db if hearing.gain_db is None else (hearing.gain_db + gain_db) / 2

    def _learn_latency(self) -> None:
        """Learn the latency from the first frame of a run, which is heard a latency after its push.

        A run that begins at the end of the pushed audio has no first frame yet.
        """
        state = self._state
        if state.lag is None or state.run is None or state.run >= state.reference.frames:
            return
        heard_s = state.now_s - (state.heard - state.run - state.lag) * HOP_S
        latency_s = heard_s - state.reference.pushed_at(state.run)
        state.run = None
        if latency_s <= MOST_LATENCY_S:
            state.hearing.latency_s = max(0.0, latency_s)
            state.hearing.is_measured = True
