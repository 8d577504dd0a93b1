"""Listens to the avatar's audio track: what was heard, and whether the worker is silent."""

from __future__ import annotations

import logging

from avatar_core.contracts.clock import Clock, loop_time
from avatar_core.contracts.listening import RemoteAudio
from avatar_core.contracts.playback import Take, TakeState
from avatar_core.playback.monitor.arrivals import Responses
from avatar_core.playback.monitor.features import HOP_S, FeatureStream
from avatar_core.playback.monitor.playhead import Playhead
from avatar_core.playback.monitor.reference import Reference
from avatar_core.playback.monitor.silence import Silence
from avatar_core.playback.monitor.sound import Hearing
from avatar_core.playback.monitor.state import HeardState

LOG = logging.getLogger("avatar_core")

SILENT_S = 0.68
"""A worker is lost if it has been silent for this time although strong sound was due. Pauses in
speech are not strong. `tests/long/monitor_sounds.py` counts correct workers that would be lost."""
FIRST_SOUND_S = 5.0
"""The default time for a worker whose latency is not known yet: vendors with a delay of 5 s exist.
The same limit, from the last response, applies to a worker that may not have received the missing
audio yet."""
CONFIRMED_S = 0.25
"""Seconds in which a worker on a good line confirms that it has received audio."""
FRESH_S, STALE_S = 0.3, 2.0
"""The monitor does not judge a worker whose last audio is older than `FRESH_S`. After `STALE_S` the
other sources decide what was heard."""
MOST_TICK_S = 0.1
"""The most seconds that count between two checks, because a pause of this process is not
silence."""
STOPPED_FRAMES = 12
"""Silent frames after which an interrupted worker has stopped."""
CUT_TAIL_S = 0.12
"""Sound of an interrupted take that is still on the way to the listener."""
IDLE_FRAMES = 200
"""Frames after the end of a take for which the monitor keeps on decoding."""


class Monitor:
    """Compares the sound of the avatar with the pushed audio, and reports what was heard.

    While the monitor hears the avatar, `Take.heard_at_most_s` limits the positions that other
    sources report.

    Args:
        audio: The subscription to the sound of the avatar's participant.
        latency_s: Declared seconds from the push of audio until it is heard.
        clock: Returns monotonic seconds.
        log: Receives one warning if the vendor alters the voice.
        first_sound_s: Seconds that a worker whose latency is not known yet may be late.

    Attributes:
        responses: The responses of the worker to requests.
        first_sound_s: Seconds that a worker whose latency is not known yet may be late.
        left_s: Seconds after the last check until the worker may be lost; 0.0 if the monitor does
            not hear a take.
    """

    def __init__(
        self,
        audio: RemoteAudio,
        latency_s: float,
        clock: Clock = loop_time,
        log: logging.LoggerAdapter[logging.Logger] | logging.Logger = LOG,
        *,
        first_sound_s: float = FIRST_SOUND_S,
    ) -> None:
        self._audio = audio
        self._clock = clock
        self._log = log
        self._hearing = Hearing(latency_s)
        self._take: Take | None = None
        self._state: HeardState | None = None
        self._playhead: Playhead | None = None
        self.responses = Responses(clock)
        self._stream = FeatureStream()
        self._heard_at: float | None = None
        self._checked_at = clock()
        self._unheard_s = 0.0
        self._idle = 0
        self._decoding = self._closed = self._warned = self._failed = self._has_received = False
        self.first_sound_s = first_sound_s
        self.left_s = 0.0

    @property
    def is_hearing(self) -> bool:
        """Whether the monitor receives the avatar's audio now."""
        return self._heard_at is not None and self._clock() - self._heard_at < FRESH_S

    @property
    def has_received(self) -> bool:
        """Whether the monitor has ever received audio of the avatar, even if it was silent."""
        return self._has_received

    @property
    def latency_s(self) -> float:
        """Measured seconds from the push of audio until it is heard; 0.0 without a measurement."""
        return self._hearing.latency_s if self._hearing.is_measured else 0.0

    def follow(self, take: Take) -> None:
        """Compare the avatar's sound with a take from now on.

        Args:
            take: The take that begins on the transport; it replaces the previous take.
        """
        if self._closed or self._failed:
            return
        self._take, self._idle, self._unheard_s = take, 0, 0.0
        if self._heard_at is not None:
            take.heard_at_most_s = 0.0
        self.responses.begin_take()
        self._state = HeardState(Reference(take.format), self._hearing)
        self._playhead = Playhead(self._state)
        if not self._decoding:
            self._decoding = True
            self._stream = FeatureStream()
            self._audio.decode(self._hear)

    def push(self, pcm: bytes) -> None:
        """Note audio of the current take that the player pushes now.

        Args:
            pcm: Whole samples in the format of the take.
        """
        if self._state is None:
            return
        try:
            self._state.reference.push(pcm, self._clock())
        except Exception:
            self._fail()

    def note_sent(self) -> None:
        """Note that LiveKit has accepted all audio that was pushed."""
        if self._state is not None:
            self.responses.note_sent(self._state.reference.frames)

    def expect_cut(self) -> None:
        """Accept a position that includes sound which is still on its way to the listener."""
        if self._take is not None and self.is_hearing and self._take.heard_at_most_s is not None:
            self._take.heard_at_most_s += CUT_TAIL_S

    def check(self) -> str:
        """Judge the worker; the health check calls this method at every tick.

        A worker whose latency is not known yet has `first_sound_s` for its first sound, otherwise
        the limit is `SILENT_S`.

        Returns:
            The fault of the worker as a part of a sentence; empty if there is no fault.
        """
        self.left_s, now_s = 0.0, self._clock()
        self._unheard_s += min(now_s - self._checked_at, MOST_TICK_S)
        self._checked_at = now_s
        take, state = self._take, self._state
        if take is None or state is None or take.cutting or take.state.final:
            return ""
        if self._heard_at is not None and self._unheard_s > STALE_S:
            take.heard_at_most_s = take.certain_s = self._heard_at = None
        if not self.is_hearing:
            return ""
        try:
            return self._judge(state, now_s)
        except Exception:
            self._fail()
            return ""

    def _judge(self, state: HeardState, now_s: float) -> str:
        silence = Silence(state)
        limit_s = SILENT_S if self._hearing.is_measured else max(self.first_sound_s, SILENT_S)
        response_age_s = self.responses.age_s(now_s)
        has_arrived = self._has_arrived(silence.first_silent(now_s), now_s)
        if not has_arrived:
            limit_s = max(limit_s, FIRST_SOUND_S)
        if state.is_complete:
            silence.skip_rest(now_s, limit_s)
        overdue_s = silence.overdue_s(now_s)
        counted_s = overdue_s if has_arrived else min(overdue_s, response_age_s)
        self.left_s = limit_s - counted_s
        if counted_s > limit_s and not silence.forgive():
            return f"was silent for {overdue_s:.1f} s although it should speak"
        is_due = self._has_arrived(state.position, now_s) or response_age_s > FIRST_SOUND_S
        if is_due and silence.is_stuck(now_s) and not silence.forgive():
            return "did not play the rest of its speech"
        return ""

    def _has_arrived(self, frame: int, now_s: float) -> bool:
        """Return whether a frame reached the worker long enough ago to be heard by now."""
        due_s = self._hearing.latency_s + SILENT_S - CONFIRMED_S
        return self.responses.held_s(frame, now_s) > due_s

    async def count_packets(self) -> int | None:
        """Return the number of audio packets of the avatar that have arrived.

        Returns:
            The number; None while the monitor is not subscribed to a track.
        """
        return None if self._closed else await self._audio.count_packets()

    async def aclose(self) -> None:
        """Stop listening, and remove the limit of the current take; idempotent."""
        self._closed = True
        self._stop()
        await self._audio.aclose()

    def _stop(self) -> None:
        if self._take is not None:
            self._take.heard_at_most_s = self._take.certain_s = None
        self._take = self._state = self._playhead = self._heard_at = None

    def _fail(self) -> None:
        """Stop judging the worker, because of an error in this package."""
        self._failed = True
        self._stop()
        self._log.exception(
            "The monitor of the avatar's sound has an error, so avatar-core stops listening. The "
            "messages of the worker and the clock decide what was heard. Report this error."
        )
        self._audio.decode(None)

    def _hear(self, pcm: bytes) -> None:
        try:
            self._compare(pcm)
        except Exception:
            self._fail()

    def _compare(self, pcm: bytes) -> None:
        take, state, playhead = self._take, self._state, self._playhead
        if take is None or state is None or playhead is None:
            return
        features = self._stream.feed(pcm)
        self._heard_at = now_s = self._clock()
        self._has_received = True
        self._unheard_s = 0.0
        if take.state.final:
            self._idle += len(features)
            if self._idle > IDLE_FRAMES:
                self._decoding = False
                self._audio.decode(None)
            return
        if take.ended and not state.is_complete:
            state.is_complete = True
            state.reference.push(b"", now_s, last=True)
        state.is_stopping = take.cutting
        playhead.hear(features, now_s)
        self._warn_once()
        _report(take, state)

    def _warn_once(self) -> None:
        if self._hearing.is_altered and not self._warned:
            self._warned = True
            self._log.warning(
                "The avatar's voice differs from the agent's voice, so avatar-core cannot locate "
                "it. avatar-core estimates the position from the loudness of the voice."
            )


def _report(take: Take, state: HeardState) -> None:
    """Report to a take what was heard, and limit what other sources may report."""
    position_s = state.position * HOP_S
    take.certain_s = state.certain_position * HOP_S
    if take.ended and take.pushed_s > 0 and state.position >= state.reference.frames:
        take.heard_at_most_s = take.pushed_s
        take.report(take.pushed_s, TakeState.CUT if take.cutting else TakeState.DONE)
    elif take.cutting:
        take.heard_at_most_s = position_s + CUT_TAIL_S
        stopped = state.silent >= STOPPED_FRAMES
        take.report(position_s, TakeState.CUT if stopped else None)
    else:
        take.heard_at_most_s = position_s
        take.report(position_s)
