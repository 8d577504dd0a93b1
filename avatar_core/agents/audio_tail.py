"""The audio tail: receives the audio of an `AgentSession` and reports its playback."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, Self

from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice import io

from avatar_core.agents.events import SafeEventEmitter
from avatar_core.agents.output_chain import outputs_of
from avatar_core.agents.tail_placement import TailPlacement
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


@dataclass(frozen=True)
class TailOwner:
    """The callbacks of the avatar session that uses an audio tail.

    Attributes:
        tell: Takes the events of takes.
        on_replaced: Called when another audio output has replaced the tail.
        yield_tail: Releases the avatar, because another avatar session uses the tail now.
    """

    tell: Callable[[AvatarEvent], None]
    on_replaced: Callable[[], None]
    yield_tail: Callable[[], Awaitable[None]]


class AudioTail(SafeEventEmitter[Playback], io.AudioOutput):
    """The last audio output of an `AgentSession`; it stays while the transports beneath it change.

    `capture_frame` does not wait for playback, because the transcript synchronizer above it learns
    the rate of speech only when it has all the audio.

    Args:
        session: The session whose last audio output this object becomes.
        room: The room of the agent.
        owner: The avatar session that uses the tail.

    Attributes:
        player: Plays the audio on the current transport.
        throttle: Holds the transcript back to the audio that was heard.
        placement: The place of the tail in the output chain of the session.
        owner: The avatar session that uses the tail.
    """

    def __init__(self, session: AgentSession[Any], room: object, owner: TailOwner) -> None:
        super().__init__(
            label="Avatar", capabilities=io.AudioOutputCapabilities(pause=True), sample_rate=None
        )
        self._session = session
        self._dropped = False
        self.owner = owner
        self.placement = TailPlacement(session, self, room)
        self.player = Player(self)
        self.throttle = TranscriptThrottle(session)

    @classmethod
    def find(cls, session: AgentSession[Any]) -> Self | None:
        """Return the audio tail in the output chain of a session, or None.

        Args:
            session: The agent session.
        """
        return next((one for one in outputs_of(session) if isinstance(one, cls)), None)

    # From AgentSession.

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Add a frame to the open segment without waiting for its playback.

        A frame that cannot be played is replaced by silence of length 0. The first such frame of a
        segment logs an error.

        Args:
            frame: Interleaved int16 PCM; the rate and the channel count come from the frame.
        """
        await super().capture_frame(frame)
        try:
            format, pcm = AudioFormat(frame.sample_rate, frame.num_channels), bytes(frame.data)
            if len(pcm) % format.frame_bytes:
                raise AudioError(
                    f"An audio frame of {len(pcm)} bytes does not contain whole samples of "
                    f"{format.channels} channels.",
                    hint=f"Send frames whose size is a multiple of {format.frame_bytes} bytes.",
                )
        except AudioError as error:
            if not self._dropped:
                log.error("avatar-core drops audio frames that it cannot play: %s", error)
            self._dropped = True
            format, pcm = SILENT, b""
        self.player.push(pcm, format)

    def flush(self) -> None:
        """Mark the current segment as complete."""
        super().flush()
        self._dropped = False
        self.player.end()

    def clear_buffer(self) -> None:
        """Interrupt all segments that were begun."""
        self.player.clear()

    def pause(self) -> None:
        """Stop the sound, unless the transcript throttle made the call to hold the text back."""
        if self.throttle.heard_pause():
            self.player.pause()

    def resume(self) -> None:
        """Continue the sound where it stopped, unless the transcript throttle made the call."""
        if self.throttle.heard_resume():
            self.player.resume()

    def on_detached(self) -> None:
        """Check whether another output has replaced this one, or the audio is only disabled.

        The segment that plays continues, as it does on LiveKit's own output.
        """
        super().on_detached()
        # AgentSession also detaches a leaf to put its wrappers above it: look afterwards.
        asyncio.get_running_loop().call_soon(self._check_place)

    def _check_place(self) -> None:
        outputs = outputs_of(self._session)
        if outputs and self not in outputs:
            self.owner.on_replaced()

    # From the player.

    def on_segment_started(self, segment: Segment, ago_s: float) -> None:
        """Emit `playback_started`, and start the transcript throttle.

        Args:
            segment: The segment that started.
            ago_s: Seconds since its first sound was heard.
        """
        created_at = time.time() - ago_s
        self.on_playback_started(created_at=created_at)
        self.throttle.started(segment, created_at)

    def on_segment_progressed(
        self, segment: Segment, ago_s: float, offset_s: float, played_s: float
    ) -> None:
        """Emit `playback_progressed` for a part of a segment.

        Args:
            segment: The segment.
            ago_s: Seconds since the part began to be heard.
            offset_s: Seconds from the start of the segment to the part.
            played_s: Duration of the part in seconds.
        """
        self.on_playback_progressed(
            started_at=time.time() - ago_s, offset=offset_s, duration=played_s
        )

    def on_segment_finished(self, segment: Segment, interrupted: bool) -> None:
        """Stop the transcript throttle, and emit `playback_finished`.

        Args:
            segment: The segment; its `position_s` becomes the playback position.
            interrupted: Whether the segment ended before all of it was heard.
        """
        self.throttle.finished()
        self.on_playback_finished(playback_position=segment.position_s, interrupted=interrupted)

    def on_unplayable(self, segment: Segment, error: AvatarError) -> None:
        """Interrupt the current speech, because no transport can play the rest of it.

        Args:
            segment: The segment that cannot be played.
            error: The reason why the last transport cannot be used.
        """
        speech = self._session.current_speech
        if speech is not None:
            speech.interrupt(force=True)

    def on_take_finished(self, segment: Segment, take: Take, transport: Transport) -> None:
        """Report a take that reached its final state as a `TakeFinished` event.

        Args:
            segment: The segment that the take played.
            take: The take.
            transport: The transport that played it.
        """
        self.owner.tell(
            TakeFinished(
                provider=transport.provider,
                segment_id=segment.id,
                take_id=take.id,
                state=take.state.value,
                heard_s=take.position_s,
                pushed_s=take.pushed_s,
            )
        )
