"""The state of one take: the place that is heard, and sound that is missing."""

from __future__ import annotations

from dataclasses import dataclass, field

from avatar_core.playback.monitor.features import HOP_S
from avatar_core.playback.monitor.reference import STRONG_DB, Reference
from avatar_core.playback.monitor.sound import KEPT, HeardSound, Hearing

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

        Args:
            lag: Frames from a frame of the take to its sound.
        """
        self.lag, self.candidate = lag, None
        self.note_presence()
        if not self.is_stopping:
            self.position = max(self.position, min(self.heard - lag, self.reference.frames))

    def forget(self, position: int) -> None:
        """Forget the place; the speech continues at a position at a time that is not known yet.

        Args:
            position: The number of frames before the rest of the speech.
        """
        self.position = self.run = position
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
