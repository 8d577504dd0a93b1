"""The state of one take: the place that is heard, and sound that is missing."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from avatar_core.playback.monitor.features import HOP_S
from avatar_core.playback.monitor.reference import STRONG_DB, Reference
from avatar_core.playback.monitor.sound import KEPT, HeardSound, Hearing

SMEAR = 1
"""Frames before and after a heard frame. The loudest of these frames counts, because the place is
not exact to one frame."""
FEW = 3
"""Missing strong frames after which the position stops."""
FADED_DB, FULL_SHARE = 6.0, 75
"""A frame that is weaker than expected by more than `FADED_DB` may be made up: if packets are
missing, a receiver continues the last sound and fades it out within about 0.2 s. While the gain is
unknown, the percentile `FULL_SHARE` of the levels is expected."""
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


@dataclass(slots=True)
class HeardState:
    """The place in one take that is heard. Numbers of frames count frames of 10 ms.

    Attributes:
        reference: The pushed audio of the take, which grows.
        hearing: The properties of the worker's sound.
        sound: The latest heard sound.
        now_s: The time of the end of the last heard frame.
        moved_s: The time at which the position last advanced.
        position: The number of frames of the take that were heard.
        certain: The number of frames up to the last one that was heard at full level.
        heard: The number of frames since the take began.
        silent: The number of frames since the last loud frame.
        loud: The number of loud frames while the place is unknown.
        onset: The first loud frame while the place is unknown.
        lag: Frames from a frame of the take to its sound; None while the place is unknown.
        candidate: The lag that the last search has found, if it is not in use yet.
        run: The first frame of speech whose latency is not measured yet; None if it is measured.
        missing: The first strong frame that was due and was not heard.
        missed: The number of strong frames that were due and were not heard.
        played: The number of heard frames since `missing` that were as loud as the missing frame.
        resumed: The heard frame at which the sound started again.
        is_confirmed: Whether the last search has found the present place.
        is_stopping: Whether the player stops the take; then only heard sound advances the position.
        is_complete: Whether the reference contains all audio of the take.
    """

    reference: Reference
    hearing: Hearing
    sound: HeardSound = field(default_factory=HeardSound)
    now_s: float = 0.0
    moved_s: float = 0.0
    position: int = 0
    certain: int = 0
    heard: int = 0
    silent: int = 0
    loud: int = 0
    onset: int | None = None
    lag: int | None = None
    candidate: int | None = None
    run: int | None = 0
    missing: int | None = None
    missed: int = 0
    played: int = 0
    resumed: int | None = None
    is_confirmed: bool = False
    is_stopping: bool = False
    is_complete: bool = False

    # Changes of the place.

    def lock(self, lag: int) -> None:
        """Use a place from now on.

        Strong frames that were due in the silence up to now are missing: the worker may have
        stopped before its place was found.

        Args:
            lag: Frames from a frame of the take to its sound.
        """
        self.lag, self.candidate = lag, None
        self.note_presence()
        if self.is_stopping:
            return
        end = min(self.heard - lag, self.reference.frames)
        self._find_certain(lag, end)
        absent = self.reference.strong_frames(self.heard - self.silent - lag + SMEAR, end)
        if len(absent) > FEW:
            self.missing, self.missed, end = absent[0], len(absent), absent[0]
        self.position = max(self.position, end)

    def _find_certain(self, lag: int, end: int) -> None:
        """Find the last frame before `end` that was certainly heard, at a new place."""
        first = max(self.certain, self.heard - lag - KEPT + SMEAR, 0)
        levels_db = {
            at: self.sound.loudest(max(0, self.heard - lag - at - SMEAR - 1), 2 * SMEAR + 1)
            for at in self.reference.strong_frames(first, end)
        }
        gain_db = self.hearing.gain_db
        if levels_db and gain_db is None:
            gains_db = [level_db - self._loudest(at) for at, level_db in levels_db.items()]
            gain_db = float(np.percentile(gains_db, FULL_SHARE))
        for at, level_db in levels_db.items():
            self.note_sound(at, level_db, gain_db)

    def note_sound(self, frame: int, level_db: float, gain_db: float | None) -> None:
        """Note the sound that was heard at the time of a strong frame.

        Args:
            frame: The number of the frame.
            level_db: The level of the loudest heard frame within `SMEAR`, relative to full scale.
            gain_db: The expected gain; None if it is unknown.
        """
        is_full = gain_db is None or level_db > self._loudest(frame) + gain_db - FADED_DB
        if is_full or self.hearing.is_altered:
            self.certain = max(self.certain, frame + 1)

    def _loudest(self, frame: int) -> float:
        """Return the level of the loudest frame of the take within `SMEAR` frames."""
        last = min(frame + SMEAR, self.reference.frames - 1)
        return max(self.reference.level(at) for at in range(max(0, frame - SMEAR), last + 1))

    @property
    def certain_position(self) -> int:
        """The number of frames that were certainly heard, not made up for missing packets."""
        faded = self.reference.strong_frames(self.certain, self.position)
        return self.position if len(faded) <= FEW else self.certain

    def forget(self, position: int) -> None:
        """Forget the place; the speech continues at a position at a time that is not known yet.

        Args:
            position: The number of frames before the rest of the speech.
        """
        self.position = self.run = self.certain = position
        self.lag = self.onset = self.candidate = None
        self.note_presence()
        self.loud = 0

    def note_presence(self) -> None:
        """Note that no sound is missing."""
        self.missing = self.resumed = None
        self.missed = self.played = 0

    # The speech that follows.

    def first_strong(self) -> int | None:
        """Return the next strong frame of the speech.

        Returns:
            The number of the frame; None if no strong frame follows within `KEPT` frames.
        """
        frames = self.reference.strong_frames(self.position, self.position + KEPT)
        return frames[0] if frames else None

    def strong_rest(self) -> list[int]:
        """Return the strong frames that were not heard yet.

        Returns:
            The numbers of the frames, ascending.
        """
        return self.reference.strong_frames(self.position, self.reference.frames)

    def due_s(self, frame: int) -> float:
        """Return the time at which a frame of the present run should be heard.

        Args:
            frame: The number of the frame.

        Returns:
            The time in seconds, on the clock of the monitor.
        """
        pushed_s = self.reference.pushed_at(frame)
        if self.run is not None and self.run <= frame:  # audio is pushed ahead of its sound
            pushed_s = max(
                pushed_s, self.reference.pushed_at(self.run) + (frame - self.run) * HOP_S
            )
        return pushed_s + self.hearing.latency_s

    # Loudness.

    @property
    def loud_db(self) -> float:
        """The level above which the heard sound is loud."""
        gain_db = self.hearing.gain_db
        if gain_db is None or not self.reference.frames:
            return AUDIBLE_DB
        expected = self.reference.loudest(self.position)
        return max(expected + gain_db - STRONG_DB - WEAKER_DB, SILENCE_DB)

    def is_present(self, frame: int, level: float) -> bool:
        """Return whether heard sound is as loud as a frame of the take should be.

        Args:
            frame: The number of the frame.
            level: The level of the sound in dB relative to full scale.

        Returns:
            True if the sound is loud enough to be the frame.
        """
        gain_db = self.hearing.gain_db
        if gain_db is None:
            return level > AUDIBLE_DB
        return level > self.reference.level(frame) + gain_db - WEAKER_DB

    def may_be_heard(self, frame: int, level: float) -> bool:
        """Return whether a frame that is not strong may be in the heard sound.

        Args:
            frame: The number of the frame.
            level: The level of the sound in dB relative to full scale.

        Returns:
            True before the first frame, for a quiet frame, and if the sound is as loud as the
            frame.
        """
        if frame < 0:
            return True
        is_quiet = self.reference.level(frame) < self.reference.loudest(frame) - QUIET_DB
        return is_quiet or self.is_present(frame, level)
