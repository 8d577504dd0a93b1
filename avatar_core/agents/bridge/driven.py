"""A transport over the audio output of a plugin that does not use LiveKit's byte streams."""

from __future__ import annotations

from collections.abc import Callable

from livekit import rtc
from livekit.agents.voice import io

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.playback import PlaybackTracker, Take, TakeState
from avatar_core.contracts.provider import SinkContext
from avatar_core.contracts.sink import AudioSink
from avatar_core.playback.byte_stream import ByteStreamSink
from avatar_core.playback.clock_tracker import FINISH_GRACE_S, ClockTracker
from avatar_core.playback.position_estimate import PositionEstimate


class DrivenSink(AudioSink):
    """Sends takes to the audio output of a plugin, as an `AgentSession` does.

    Args:
        ctx: The room link, the avatar and the capabilities of its provider.
        output: The audio output of the plugin.
        on_present: Called once the avatar is in the room, before the first audio.
    """

    def __init__(
        self, ctx: SinkContext, output: io.AudioOutput, on_present: Callable[[], None]
    ) -> None:
        self._presence = ByteStreamSink(ctx)
        self._on_present = on_present
        self._output = output
        self._format = AudioFormat(24_000)
        self._ended = True
        self._attached = False

    async def open(self) -> None:
        """Wait until the avatar is in the room and meets the condition `ready_on`."""
        await self._presence.open()
        if not self._attached:
            self._attached = True
            self._on_present()
            self._output.on_attached()

    async def begin(self, take: Take) -> None:
        """Begin a segment of the output, and end a segment that is still open.

        Args:
            take: The take whose audio follows.
        """
        self._flush()
        self._ended = False
        self._format = take.format

    async def push(self, chunk: bytes) -> None:
        """Pass audio of the current take to the output; drop it if no take is open.

        Args:
            chunk: Whole samples in the format of the take.

        Raises:
            Exception: The output of the plugin did not accept the audio.
        """
        if self._ended:
            return
        format, samples = self._format, len(chunk) // self._format.frame_bytes
        frame = rtc.AudioFrame(chunk, format.rate_hz, format.channels, samples)
        await self._output.capture_frame(frame)

    async def end(self, take: Take) -> None:
        """End the segment of a take.

        Args:
            take: The current take.
        """
        self._flush()

    async def cut(self, take: Take) -> None:
        """End the segment of a take, and drop its audio.

        Args:
            take: The take to stop.
        """
        self._flush()
        self._output.clear_buffer()

    async def aclose(self) -> None:
        """Drop the audio of the output, and detach the output; idempotent."""
        await self._presence.aclose()
        if self._attached:
            self._attached = False
            self._flush()
            self._output.clear_buffer()
            self._output.on_detached()

    def _flush(self) -> None:
        if not self._ended:
            self._ended = True
            self._output.flush()


class DrivenTracker(PlaybackTracker):
    """Finds out how much of a take was heard, from the playback events of a plugin's output.

    Between the events the tracker uses an estimate, which begins at the event `playback_started`.

    Args:
        ctx: The room link, the avatar and the capabilities of its provider.
        output: The audio output of the plugin.
        reports_started: Whether the output emits `playback_started` when its worker starts to play.
    """

    def __init__(self, ctx: SinkContext, output: io.AudioOutput, *, reports_started: bool) -> None:
        self._output = output
        self._take: Take | None = None
        latency_s = ctx.capabilities.playout_latency_s
        self._estimate = PositionEstimate(latency_s, ctx.clock, reports_started=reports_started)
        self._clock = ClockTracker(self._estimate.position_s, tail_s=FINISH_GRACE_S)
        output.on("playback_started", self._on_started)
        output.on("playback_finished", self._on_finished)

    @property
    def is_estimate(self) -> bool:
        """Whether positions come from a clock: between two events they always do."""
        return True

    @property
    def measured_latency_s(self) -> float:
        """Measured seconds from a push to its sound."""
        return self._estimate.latency_s

    def follow(self, take: Take) -> None:
        """Apply the events from now on to a take.

        Args:
            take: The take that begins on the transport.
        """
        self._take = take
        self._clock.follow(take)

    async def aclose(self) -> None:
        """Stop following takes, and remove the listeners; idempotent."""
        await self._clock.aclose()
        self._output.off("playback_started", self._on_started)
        self._output.off("playback_finished", self._on_finished)

    def _on_started(self, _: io.PlaybackStartedEvent) -> None:
        take = self._take
        if take is not None and take.pushed_s > 0:
            self._estimate.learn_start(take)
            take.report(state=TakeState.PLAYING)

    def _on_finished(self, event: io.PlaybackFinishedEvent) -> None:
        take = self._take
        if take is None or take.pushed_s == 0:
            return
        if event.interrupted:
            if take.cutting:
                take.report(event.playback_position, TakeState.CUT)
        elif take.ended and not take.cutting:
            self._estimate.learn_end(take)
            take.report(event.playback_position, TakeState.DONE)
