"""Listens to the avatar's audio track: what was heard, and whether the worker is silent."""

from __future__ import annotations

import logging
from collections.abc import Callable

from avatar_core.contracts.clock import Clock, loop_time
from avatar_core.contracts.listening import RemoteAudio
from avatar_core.contracts.playback import Take, TakeState
from avatar_core.playback.monitor.arrivals import Arrivals
from avatar_core.playback.monitor.features import HOP_S, FeatureStream
from avatar_core.playback.monitor.playhead import Playhead
from avatar_core.playback.monitor.reference import Reference
from avatar_core.playback.monitor.sound import Hearing

LOG = logging.getLogger("avatar_core")

SILENT_S = 0.75
"""A worker is lost if it has been silent for this time although strong sound was due. In natural
speech no correct worker is: pauses in speech are not strong (see docs/performance.md)."""
FIRST_SOUND_S = 5.0
"""The time for a worker whose latency is not known yet: vendors with a delay of 5 s exist."""
CONFIRMED_S = 0.25
"""Seconds in which a worker on a good line confirms that it has received audio."""
FRESH_S, STALE_S = 0.3, 2.0
"""The monitor does not judge a worker whose last audio is older than `FRESH_S`. After `STALE_S` the
other sources decide what was heard."""
STOPPED_FRAMES = 12
"""Silent frames after which an interrupted worker has stopped."""
CUT_TAIL_S = 0.06
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

    """

    def __init__(
        self,
        audio: RemoteAudio,
        latency_s: float,
        clock: Clock = loop_time,
        log: logging.LoggerAdapter[logging.Logger] | logging.Logger = LOG,
    ) -> None:
        self._audio = audio
        self._clock = clock
        self._log = log
        self._hearing = Hearing(latency_s)
        self._take: Take | None = None
        self._reference: Reference | None = None
        self._playhead: Playhead | None = None
        self._arrivals = Arrivals()
        self._responds = False
        self._stream = FeatureStream()
        self._heard_at: float | None = None
        self._idle = 0
        self._decoding = self._ended = self._closed = self._warned = False
        self.may_be_late = True

    @property
    def is_hearing(self) -> bool:
        """Whether the monitor receives the avatar's audio now."""
        return self._heard_at is not None and self._clock() - self._heard_at < FRESH_S

    @property
    def latency_s(self) -> float:
        """Measured seconds from the push of audio until it is heard; 0.0 without a measurement."""
        return self._hearing.latency_s if self._hearing.is_measured else 0.0

    def follow(self, take: Take) -> None:
        """Compare the avatar's sound with a take from now on.

        Args:
            take: The take that begins on the transport; it replaces the previous take.
        """
        if self._closed:
            return
        self._take, self._ended, self._idle = take, False, 0
        if self._heard_at is not None:
            take.heard_at_most_s = 0.0
        self._arrivals = Arrivals()
        self._reference = Reference(take.format)
        self._playhead = Playhead(self._reference, self._hearing)
        if not self._decoding:
            self._decoding = True
            self._stream = FeatureStream()
            self._audio.decode(self._hear)

    def push(self, pcm: bytes) -> None:
        """Note audio of the current take that the player pushes now.

        Args:
            pcm: Whole samples in the format of the take.
        """
        if self._reference is not None:
            self._reference.push(pcm, self._clock())

    def note_sent(self) -> None:
        """Note that LiveKit has accepted all audio that was pushed."""
        if self._reference is not None:
            self._arrivals.sent = self._reference.frames

    def note_request(self) -> Callable[[], None]:
        """Note that a request is sent to the worker now.

        Returns:
            A function to call when the worker answers the request: the worker has then received the
            audio that was sent before.
        """
        arrivals, sent = self._arrivals, self._arrivals.sent

        def confirm() -> None:
            """Note the answer of the worker."""
            self._responds = True
            arrivals.confirm(sent, self._clock())

        return confirm

    def check(self) -> str:
        """Judge the worker; the health check calls this method at every tick.

        A worker whose latency is not known yet has `FIRST_SOUND_S` for its first sound, otherwise
        the limit is `SILENT_S`.

        Returns:
            The fault of the worker as a part of a sentence; empty while there is none.
        """
        take, playhead = self._take, self._playhead
        if take is None or playhead is None or take.cutting or take.state.final:
            return ""
        if self._heard_at is not None and self._clock() - self._heard_at > STALE_S:
            take.heard_at_most_s = self._heard_at = None
        if not self.is_hearing:
            return ""
        is_known = self._hearing.is_measured or not self.may_be_late
        overdue_s = playhead.overdue_s(self._clock())
        if overdue_s > (SILENT_S if is_known and self._has_arrived(playhead) else FIRST_SOUND_S):
            return f"was silent for {overdue_s:.1f} s although it should speak"
        return ""

    def _has_arrived(self, playhead: Playhead) -> bool:
        """Return whether the worker has had the missing sound for long enough to play it.

        A worker that has never answered a request does not confirm what it has received.
        """
        if not self._responds:
            return True
        confirmed_at = self._arrivals.confirmed_at(playhead.first_silent(self._clock()))
        had_s = self._clock() - confirmed_at
        return had_s > self._hearing.latency_s + SILENT_S - CONFIRMED_S

    async def count_packets(self) -> int | None:
        """Return the number of audio packets of the avatar that have arrived.

        Returns:
            The number; None while the monitor is not subscribed to a track.
        """
        return None if self._closed else await self._audio.count_packets()

    async def aclose(self) -> None:
        """Stop to listen, and lift the limit of the current take; idempotent."""
        self._closed = True
        if self._take is not None:
            self._take.heard_at_most_s = None
        self._take = self._reference = self._playhead = self._heard_at = None
        await self._audio.aclose()

    def _hear(self, pcm: bytes) -> None:
        take, reference, playhead = self._take, self._reference, self._playhead
        if take is None or reference is None or playhead is None:
            return
        features = self._stream.feed(pcm)
        self._heard_at = now_s = self._clock()
        if take.state.final:
            self._idle += len(features)
            if self._idle > IDLE_FRAMES:
                self._decoding = False
                self._audio.decode(None)
            return
        if take.ended and not self._ended:
            self._ended = True
            reference.push(b"", now_s, last=True)
        playhead.is_stopping = take.cutting
        playhead.hear(features, now_s)
        self._warn_once()
        self._report(take, reference, playhead)

    def _report(self, take: Take, reference: Reference, playhead: Playhead) -> None:
        position_s = playhead.position * HOP_S
        if take.ended and take.pushed_s > 0 and playhead.position >= reference.frames:
            take.heard_at_most_s = take.pushed_s
            take.report(take.pushed_s, TakeState.CUT if take.cutting else TakeState.DONE)
        elif take.cutting:
            take.heard_at_most_s = position_s + CUT_TAIL_S
            stopped = playhead.silent >= STOPPED_FRAMES
            take.report(position_s, TakeState.CUT if stopped else None)
        else:
            take.heard_at_most_s = position_s
            take.report(position_s)

    def _warn_once(self) -> None:
        if self._hearing.is_altered and not self._warned:
            self._warned = True
            self._log.warning(
                "The avatar's voice differs from the agent's voice, so avatar-core cannot locate "
                "it. avatar-core estimates the position from the loudness of the voice."
            )
