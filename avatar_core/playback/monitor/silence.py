"""Judges the silence of a worker: how long strong sound was due, but was not heard."""

from __future__ import annotations

from avatar_core.playback.monitor.features import HOP_S
from avatar_core.playback.monitor.place import WINDOW
from avatar_core.playback.monitor.playhead import DROPOUT, LEAST_LAST, LEAST_STRONG
from avatar_core.playback.monitor.state import SMEAR, HeardState

STUCK_S = 6.0
"""Seconds without progress in a complete take for which the monitor waits for sound that it can
locate. Longer than the wait for a worker's first sound."""


class Silence:
    """The silence of a worker during one take.

    Args:
        state: The state of the take.
    """

    def __init__(self, state: HeardState) -> None:
        self._state = state

    def overdue_s(self, now_s: float) -> float:
        """Return how long the worker has been silent although strong sound was due.

        Args:
            now_s: The present time.

        Returns:
            Seconds; 0.0 while the worker is not silent, or if little strong sound is due.
        """
        state = self._state
        missing, end = self._find_missing(now_s)
        began = min(end, state.reference.frames) - state.silent
        recent = [at for at in missing if at >= began]
        if len(recent) < self._least_strong:
            return 0.0
        return min(end - recent[0], state.silent) * HOP_S

    def is_stuck(self, now_s: float) -> bool:
        """Return whether the position in a complete take has not advanced for a long time.

        Args:
            now_s: The present time.
        """
        state = self._state
        if not state.is_complete or state.position >= state.reference.frames:
            return False
        return now_s - max(state.moved_s, state.due_s(state.position)) > STUCK_S

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
        """Return the missing strong frames, and the number of frames that were due.

        A strong frame is missing if it was due and was not heard.

        Sound whose place is not sure counts as the first missing frames.
        """
        state = self._state
        if state.lag is not None:
            first, end, played = (
                state.missing,
                state.heard - state.lag - SMEAR,
                state.played,
            )
        else:
            first, played = state.first_strong(), state.loud
            late_s = now_s - state.due_s(first) if first is not None else 0.0
            end = (first or 0) + int(late_s / HOP_S)
        missing = [] if first is None else state.reference.strong_frames(first, end)[played:]
        return missing, end

    def forgive(self) -> bool:
        """Count the pushed audio as heard if it may be the sound that could not be located.

        Returns:
            True if the monitor heard sound for half of the time of the strong frames that were due.
            False if the latency and the voice of the worker are known.
        """
        state = self._state
        if state.lag is not None or (state.hearing.is_measured and not state.hearing.is_altered):
            return False
        if state.onset is None or state.loud < len(state.strong_rest()) / 2:
            return False
        state.hearing.is_altered = True
        state.forget(state.reference.frames)
        return True

    def skip_rest(self, now_s: float, limit_s: float) -> None:
        """Count the rest of a complete take as heard if the rest has too few strong frames.

        Args:
            now_s: The present time.
            limit_s: Seconds after which a sound that was due can no longer be heard.
        """
        state = self._state
        end = state.reference.frames
        if state.lag is not None or len(state.strong_rest()) >= self._least_strong:
            return
        has_sounded = state.onset is not None and state.silent >= WINDOW
        if now_s - state.due_s(end - 1) > (WINDOW * HOP_S if has_sounded else limit_s):
            state.forget(end)

    @property
    def _least_strong(self) -> int:
        """The number of strong frames that must be missing before the worker counts as silent."""
        state = self._state
        if not state.is_complete:
            return LEAST_STRONG
        if state.lag is None:
            return DROPOUT + 1 if state.onset is None else LEAST_STRONG
        is_over = state.heard - state.lag - SMEAR >= state.reference.frames
        return LEAST_LAST if is_over else LEAST_STRONG
