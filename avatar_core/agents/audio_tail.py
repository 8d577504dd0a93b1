"""The leaf of AgentSession's audio chain: takes audio at once, tells what was heard."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Literal

from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice import io

from avatar_core.agents.events import SafeEventEmitter
from avatar_core.agents.transcript_throttle import TranscriptThrottle
from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import AudioError, AvatarError
from avatar_core.contracts.events import AvatarEvent, TakeFinished
from avatar_core.contracts.playback import Take
from avatar_core.playback.player import Player
from avatar_core.playback.segment import Segment
from avatar_core.playback.transport import Transport

log = logging.getLogger("avatar_core")

SILENT = AudioFormat(48_000)
Playback = Literal["playback_finished", "playback_started", "playback_progressed"]


class AudioTail(SafeEventEmitter[Playback], io.AudioOutput):
    """One leaf for the life of a session; providers come and go beneath it.

    `capture_frame` never waits: the transcript synchronizer above learns the rate of
    speech only once it has all the audio.

    Args:
        session: Whose output it becomes.
        tell: Told of each take that ended.
        replaced: Called when somebody put another output in its place.
    """

    def __init__(
        self,
        session: AgentSession[Any],
        tell: Callable[[AvatarEvent], None],
        replaced: Callable[[], None],
    ) -> None:
        super().__init__(
            label="Avatar", capabilities=io.AudioOutputCapabilities(pause=True), sample_rate=None
        )
        self._session = session
        self._tell = tell
        self._replaced = replaced
        self._dropped = False
        self.player = Player(self)
        self.throttle = TranscriptThrottle(session)

    # From AgentSession.

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Take a frame in; those that cannot be played are dropped with one error a segment."""
        await super().capture_frame(frame)
        try:
            format, pcm = AudioFormat(frame.sample_rate, frame.num_channels), bytes(frame.data)
            if len(pcm) % format.frame_bytes:
                raise AudioError(
                    f"{len(pcm)} bytes do not hold whole samples of {format.channels} channels.",
                    hint=f"Use multiples of {format.frame_bytes} bytes.",
                )
        except AudioError as error:
            if not self._dropped:
                log.error("Frames of the agent's speech are dropped: %s", error)
            self._dropped = True
            format, pcm = SILENT, b""
        self.player.push(pcm, format)

    def flush(self) -> None:
        """The segment is complete."""
        super().flush()
        self._dropped = False
        self.player.end()

    def clear_buffer(self) -> None:
        """The segment is interrupted."""
        self.player.clear()

    def pause(self) -> None:
        """Fall silent; the throttle's own pause stops the transcript alone."""
        if self.throttle.heard_pause():
            self.player.pause()

    def resume(self) -> None:
        """Go on where the listener was left."""
        if self.throttle.heard_resume():
            self.player.resume()

    def on_detached(self) -> None:
        """Disabled, or replaced by another output."""
        super().on_detached()
        self.player.clear()
        # AgentSession also detaches a leaf to put its wrappers above it: look afterwards.
        asyncio.get_running_loop().call_soon(self._look_for_myself)

    def _look_for_myself(self) -> None:
        link = self._session.output.audio
        while link is not None and link is not self:
            link = link.next_in_chain
        if link is None:
            self._replaced()

    # From the player.

    def on_segment_started(self, segment: Segment, ago_s: float) -> None:
        """The agent speaks."""
        created_at = time.time() - ago_s
        self.on_playback_started(created_at=created_at)
        self.throttle.started(segment, created_at)

    def on_segment_progressed(
        self, segment: Segment, ago_s: float, offset_s: float, played_s: float
    ) -> None:
        """A stretch has played."""
        self.on_playback_progressed(
            started_at=time.time() - ago_s, offset=offset_s, duration=played_s
        )

    def on_segment_finished(self, segment: Segment, interrupted: bool) -> None:
        """The segment is over."""
        self.throttle.finished()
        self.on_playback_finished(playback_position=segment.position_s, interrupted=interrupted)

    def on_unplayable(self, segment: Segment, error: AvatarError) -> None:
        """Nobody can say the rest: the speech ends here, and history with it."""
        speech = self._session.current_speech
        if speech is not None:
            speech.interrupt(force=True)

    def on_take_finished(self, segment: Segment, take: Take, transport: Transport) -> None:
        """A take ended."""
        self._tell(
            TakeFinished(
                provider=transport.provider,
                segment_id=segment.id,
                take_id=take.id,
                state=take.state.value,
                heard_s=take.position_s,
                pushed_s=take.pushed_s,
            )
        )
