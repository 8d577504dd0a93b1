"""Follows the place in one take that is heard, frame by frame."""

from __future__ import annotations

from avatar_core.playback.monitor.features import HOP_S, Floats
from avatar_core.playback.monitor.locator import Locator
from avatar_core.playback.monitor.place import SHORT_WINDOW, WINDOW
from avatar_core.playback.monitor.sound import KEPT
from avatar_core.playback.monitor.state import FEW, SMEAR, HeardState

DROPOUT = 8
"""Missing strong frames after which the place must be confirmed again."""
LEAST_STRONG = 20
"""Strong frames that must be missing before the worker counts as silent."""
LEAST_LAST, LAST_WINDOW = 7, 150
"""Strong frames at the end of a complete take that must be missing before the worker counts as
silent, and the frames for which the monitor then waits for them."""


class Playhead:
    """Advances the position of one take with each frame that is heard.

    The object reads no clock.

    Args:
        state: The state of the take, which the playhead changes.
    """

    def __init__(self, state: HeardState) -> None:
        self._state = state
        self._locator = Locator(state)
        self._passed_s = 0.0

    def hear(self, features: Floats, now_s: float) -> None:
        """Process the next heard frames.

        Args:
            features: Levels in dB, as an array (frames, bands).
            now_s: The time of the end of the last frame.
        """
        state = self._state
        state.now_s = now_s
        before = state.position
        for start in range(0, len(features), KEPT // 2):  # after a pause of the event loop
            part = features[start : start + KEPT // 2]
            state.sound.add(part)
            for back in range(len(part) - 1, -1, -1):
                state.heard += 1
                self._step(back)
        self._locator.update()
        if state.lag is None and not state.is_stopping:
            self._pass_quiet()
        if state.position > before:
            state.moved_s = now_s

    def _step(self, back: int) -> None:
        """Advance by one heard frame, which is `back` frames before the latest one."""
        state = self._state
        level = state.sound.loudest(back, 2 * SMEAR + 1)
        if level > state.loud_db:
            state.silent = 0
            state.loud += 1
            if state.onset is None:
                state.onset = state.heard - 1
        else:
            state.silent += 1
        if state.lag is None:
            return
        if state.missing is not None and state.is_present(state.missing, level):
            state.played += 1
        at = state.heard - 1 - state.lag
        due = at - SMEAR  # later frames may contain its sound too
        if at >= state.reference.frames:
            self._finish_run(at)
        elif due >= 0 and state.reference.is_strong(due):
            self._meet_strong(due, level)
        elif state.missed <= FEW and not state.is_stopping and state.may_be_heard(due, level):
            state.position = max(state.position, at + 1)

    def _meet_strong(self, due: int, level: float) -> None:
        state = self._state
        if not state.is_present(due, level):
            state.missed += 1
            if state.missing is None:
                state.missing, state.played = due, 0
            if state.silent > SHORT_WINDOW:
                state.resumed = None
        elif state.missed <= DROPOUT or state.is_confirmed:
            state.note_presence()
            state.note_sound(due, level, state.hearing.gain_db)
            state.position = max(state.position, due + SMEAR + 1)
        elif state.resumed is None:
            state.resumed = state.heard - 1
        elif state.hearing.is_altered and state.heard - state.resumed > SHORT_WINDOW:
            state.lock(state.resumed - (state.missing or 0))  # the worker stalled and continues

    def _finish_run(self, at: int) -> None:
        """Forget the place, because all pushed audio was heard and more may follow later."""
        state = self._state
        reference, missing = state.reference, state.missing
        if missing is not None:
            rest = len(reference.strong_frames(missing, reference.frames)) - state.played
            window = LAST_WINDOW if rest >= self._least_at_end else WINDOW
            if rest >= LEAST_STRONG or at < reference.frames + window:
                return
        state.forget(reference.frames)

    @property
    def _least_at_end(self) -> int:
        return LEAST_LAST if self._state.is_complete else LEAST_STRONG

    def _pass_quiet(self) -> None:
        """Advance in real time over audio without strong sound, which cannot be located."""
        state = self._state
        if state.first_strong() is not None:
            return
        end = min(state.position + KEPT, state.reference.frames)
        while state.position < end:
            due_s = max(self._passed_s + HOP_S, state.due_s(state.position))
            if due_s > state.now_s:
                return
            self._passed_s = due_s
            state.position += 1
