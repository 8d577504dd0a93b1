"""The audio tail: the audio output that receives the speech of an `AgentSession`."""

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
from avatar_core.agents.heard_transcript import HeardTranscript
from avatar_core.agents.late_sound import cut_late_sound
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
        tell: Receives a `TakeFinished` event when a take has ended.
        on_replaced: Called when another audio output has replaced the tail.
        use_tail: Called when the previous owner has left, to give the player its transports.
        yield_tail: Called when another avatar session uses the tail, to release the avatar.
    """

    tell: Callable[[AvatarEvent], None]
    on_replaced: Callable[[], None]
    use_tail: Callable[[], None]
    yield_tail: Callable[[], Awaitable[None]]


class AudioTail(SafeEventEmitter[Playback], io.AudioOutput):
    """The last audio output of an `AgentSession`.

    `AvatarSession` creates the audio tail, and keeps it while avatars come and go. The tail passes
    the audio to its player, and reports the playback to the `AgentSession`. `capture_frame` does
    not wait for playback, because the transcript synchronizer of livekit-agents computes the rate
    of speech only after it has received all audio.

    Args:
        session: The agent session whose last audio output this object becomes.
        room: The room of the agent.
        owner: The callbacks of the avatar session that uses the tail.

    Attributes:
        player: Plays the audio on the current transport.
        transcript: Cuts the transcript to the words that were heard.
        throttle: Delays a transcript whose text only LiveKit's transcript synchronizer receives.
        placement: The place of the tail in the chain of audio outputs of the agent session.
        owner: The callbacks of the avatar session that uses the tail.
        successors: The callbacks of the avatar sessions that will use the tail when their avatars
            join.
    """

    def __init__(self, session: AgentSession[Any], room: object, owner: TailOwner) -> None:
        super().__init__(
            label="Avatar", capabilities=io.AudioOutputCapabilities(pause=True), sample_rate=None
        )
        self._session = session
        self._dropped = False
        self.owner = owner
        self.successors: list[TailOwner] = []
        self.transcript = HeardTranscript(session, self)
        self.placement = TailPlacement(session, self, room, self.transcript)
        self.player = Player(self)
        cut_late_sound(session, self.player)
        self.throttle = TranscriptThrottle(session)

    @classmethod
    def find(cls, session: AgentSession[Any]) -> Self | None:
        """Find the audio tail of an agent session.

        Args:
            session: The agent session.

        Returns:
            The audio tail in the chain of audio outputs; None if the chain contains no audio tail.
        """
        return next((one for one in outputs_of(session) if isinstance(one, cls)), None)

    # From avatar sessions.

    def move_to(self, owner: TailOwner) -> TailOwner:
        """Let another avatar session use the tail.

        Args:
            owner: One of the successors, or the present owner.

        Returns:
            The owner before this call.
        """
        previous, self.owner = self.owner, owner
        self.successors = [other for other in self.successors if other is not owner]
        return previous

    def leave(self, owner: TailOwner) -> bool:
        """Let an avatar session leave; its newest successor uses the tail at once.

        Args:
            owner: The present owner, a successor, or an owner of earlier.

        Returns:
            Whether nobody uses the tail any more, so that it must be closed.
        """
        self.successors = [other for other in self.successors if other is not owner]
        if owner is self.owner and self.successors:
            self.move_to(self.successors[-1])
            self.owner.use_tail()
        return owner is self.owner

    # From AgentSession.

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Add a frame to the open segment, without waiting for playback.

        The method drops a frame that cannot be played, and logs an error for the first dropped
        frame of a segment.

        Args:
            frame: Interleaved int16 PCM with its sample rate and its number of channels.
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
        self.transcript.on_audio(pcm, format)

    def flush(self) -> None:
        """Mark the open segment as complete, so that the next frame begins another segment."""
        super().flush()
        self._dropped = False
        self.transcript.on_audio_ended()
        self.player.end()

    def clear_buffer(self) -> None:
        """Interrupt all segments that have begun and have not finished."""
        self.throttle.interrupted()
        self.transcript.on_interrupted()
        self.player.clear()

    def _mark_input_truncated(self) -> None:
        # LiveKit calls this before `flush` if the TTS failed (livekit-agents 1.8.9, `voice/io.py`).
        self.transcript.on_audio_truncated()

    def pause(self) -> None:
        """Pause playback, unless the transcript throttle made the call to delay the transcript."""
        if self.throttle.heard_pause():
            self.player.pause()

    def resume(self) -> None:
        """Continue playback after a pause, unless the transcript throttle made the call."""
        if self.throttle.heard_resume():
            self.player.resume()

    def on_attached(self) -> None:
        """Restore the previous audio output if the avatar was closed while it was detached."""
        super().on_attached()
        if self.player.closed:
            self.placement.close()

    def on_detached(self) -> None:
        """Check whether another audio output has replaced the tail, or the audio is only disabled.

        The current segment continues, as it does on LiveKit's own audio output.
        """
        super().on_detached()
        # AgentSession also detaches the tail to put wrappers above it, so check afterwards.
        asyncio.get_running_loop().call_soon(self._check_place)

    def _check_place(self) -> None:
        outputs = outputs_of(self._session)
        if outputs and self not in outputs:
            self.transcript.detach()
            self.owner.on_replaced()

    # From the player.

    def on_segment_started(self, segment: Segment, ago_s: float) -> None:
        """Emit `playback_started`, and let the transcript follow the playback.

        Args:
            segment: The segment that started.
            ago_s: Seconds since the first sound of the segment was heard.
        """
        created_at = time.time() - ago_s
        self.on_playback_started(created_at=created_at)
        if not self.transcript.on_started(segment):
            self.throttle.started(segment, created_at)

    def on_segment_progressed(
        self, segment: Segment, ago_s: float, offset_s: float, played_s: float
    ) -> None:
        """Emit `playback_progressed` for a part of a segment that was heard.

        Args:
            segment: The segment.
            ago_s: Seconds since the first sound of the part was heard.
            offset_s: Seconds from the start of the segment to the start of the part.
            played_s: Duration of the part in seconds.
        """
        self.on_playback_progressed(
            started_at=time.time() - ago_s, offset=offset_s, duration=played_s
        )

    def on_segment_finished(self, segment: Segment, interrupted: bool) -> None:
        """Emit `playback_finished`, with the text that was heard.

        Args:
            segment: The segment that finished, with the position that was heard.
            interrupted: Whether the segment ended before all its audio was heard.
        """
        self.throttle.finished()
        self.on_playback_finished(
            playback_position=segment.position_s,
            interrupted=interrupted,
            synchronized_transcript=self.transcript.on_finished(segment, interrupted),
        )

    def on_unplayable(self, segment: Segment, error: AvatarError) -> None:
        """Interrupt the current speech of the agent, because no transport can play the segment.

        Args:
            segment: The segment that cannot be played.
            error: The error of the last transport.
        """
        speech = self._session.current_speech
        if speech is not None:
            speech.interrupt(force=True)

    def on_take_finished(self, segment: Segment, take: Take, transport: Transport) -> None:
        """Pass a `TakeFinished` event to `tell`.

        Args:
            segment: The segment that the take played.
            take: The take, in its final state.
            transport: The transport that played the take.
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
