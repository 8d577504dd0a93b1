"""A test harness for `Player`: scripted transports, and checks of the audio that was heard."""

from __future__ import annotations

import asyncio

import numpy as np

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import AvatarError
from avatar_core.playback.player import Player
from avatar_core.playback.segment import INAUDIBLE_S
from avatar_core.playback.transport import Transport
from avatar_core.testing.clock import now
from avatar_core.testing.fake_transport import MONO, FakeTransport, lost_error, speech
from avatar_core.testing.playback_laws import PlaybackLaws
from avatar_core.testing.timeline import Timeline

NOTICED_S = 0.3
"""Seconds from the death of a transport until the harness marks it as lost, like a health check."""


class PlayerHarness:
    """A player with two scripted transports: one to an avatar and one to the agent's own voice.

    The harness is the `TransportChooser` of the player. Create the harness while a loop with
    virtual time runs. Methods that add a line to the timeline raise `LivelockError` if the timeline
    is full.

    Args:
        avatar_format: The audio format that the avatar's sink needs; None for the format of each
            segment.
        run_ahead_s: Seconds of audio that may be sent to the avatar beyond the audio that was
            heard.
        latency_s: Seconds from a push to the avatar until the audio is heard.
        report_s: Seconds between two position reports of the avatar.
        has_voice: Whether the voice exists. Without the voice, the player has no transport after a
            loss of the avatar.

    Attributes:
        timeline: A log of all events, and of violations of the playback rules.
        avatar: The avatar's scripted transport.
        voice: The scripted transport of the voice; None without a voice.
        observer: The observer of the player, which checks the playback rules.
        player: The player under test.
        start_gate: An event that each new segment waits for; None starts segments at once.
        format: The format of the audio that the test pushes.
        pushed: The audio of each segment in `format`, by segment id. Audio that the test pushed
            after a clear is excluded.
        segment_count: The number of segments that began.
        is_segment_open: Whether a segment is open, so that a push continues it.
    """

    def __init__(
        self,
        *,
        avatar_format: AudioFormat | None = None,
        run_ahead_s: float = 0.5,
        latency_s: float = 0.05,
        report_s: float = 0.05,
        has_voice: bool = True,
    ) -> None:
        self.timeline = Timeline()
        self.avatar = FakeTransport(
            "avatar",
            self.timeline,
            format=avatar_format,
            run_ahead_s=run_ahead_s,
            latency_s=latency_s,
            report_s=report_s,
        )
        self.voice = (
            FakeTransport("voice", self.timeline, run_ahead_s=0.2, latency_s=0.01)
            if has_voice
            else None
        )
        self.observer = PlaybackLaws(self.timeline)
        self.player = Player(self.observer)
        for transport in self.transports:
            transport.is_paused = lambda: self.player._paused
        self.start_gate: asyncio.Event | None = None
        self.format = MONO
        self.pushed: dict[int, bytearray] = {}
        self.segment_count = 0
        self.is_segment_open = False
        self.player.use(self)

    @property
    def transports(self) -> list[FakeTransport]:
        """The transport of the avatar, and the transport of the voice if there is one."""
        return [self.avatar, *([self.voice] if self.voice is not None else [])]

    # The `TransportChooser` of the player.

    async def at_start(self) -> Transport:
        """Wait for `start_gate`, then return the transport of a new segment.

        Returns:
            The avatar's transport, or the voice's transport if the avatar is lost.

        Raises:
            RoomError: The avatar is lost and the harness has no voice.
        """
        if self.start_gate is not None:
            await self.start_gate.wait()
        if self.avatar.transport.lost is None:
            return self.avatar.transport
        return await self.after_loss()

    async def after_loss(self) -> Transport:
        """Return the transport that continues a segment after the loss of the avatar.

        Returns:
            The voice's transport.

        Raises:
            RoomError: The harness has no voice.
        """
        if self.voice is None:
            raise lost_error("The agent has no voice in this test.")
        return self.voice.transport

    # The actions of an AgentSession.

    def push(self, pcm: bytes) -> int:
        """Push audio to the open segment; begin a new segment if none is open.

        Args:
            pcm: Interleaved int16 PCM in `format`, whole samples.

        Returns:
            The id of the segment.
        """
        if not self.is_segment_open:
            self.is_segment_open = True
            self.segment_count += 1
            self.pushed[self.segment_count] = bytearray()
            self.timeline.note(f"segment {self.segment_count} begins")
        if self.segment_count not in self.observer.cleared_at:
            self.pushed[self.segment_count] += pcm
        self.player.push(pcm, self.format)
        return self.segment_count

    def end(self) -> None:
        """End the open segment, so that the next push begins a new segment."""
        self.timeline.note("end")
        self.is_segment_open = False
        self.player.end()

    def say(self, duration_s: float) -> int:
        """Push a complete segment of speech.

        Args:
            duration_s: Seconds of speech.

        Returns:
            The id of the segment.
        """
        segment_id = self.push(speech(duration_s, self.format, seed=self.segment_count))
        self.end()
        return segment_id

    def clear(self) -> None:
        """Interrupt every segment that has begun and has not finished."""
        self.timeline.note("clear")
        for segment_id in self.pushed:
            if segment_id not in self.observer.finished_ids:
                self.observer.cleared_at.setdefault(segment_id, now())
        self.player.clear()

    def pause(self) -> None:
        """Pause the playback."""
        self.timeline.note("pause")
        self.player.pause()

    def resume(self) -> None:
        """Continue the playback after a pause."""
        self.timeline.note("resume")
        self.player.resume()

    # The actions of a health check.

    def lose(
        self, transport: FakeTransport | None = None, error: AvatarError | None = None
    ) -> None:
        """Mark a transport as lost.

        Args:
            transport: The transport to mark; None for the avatar's transport.
            error: The error that describes the loss; None for a `RoomError`.
        """
        transport = transport or self.avatar
        self.timeline.note(f"lose {transport.name}")
        transport.transport.lose(error or lost_error())

    async def die(
        self, transport: FakeTransport | None = None, noticed_s: float = NOTICED_S
    ) -> None:
        """Stop the sound and the reports of a transport, and mark the transport as lost later.

        Args:
            transport: The transport to stop; None for the avatar's transport.
            noticed_s: Seconds until the transport is marked as lost.
        """
        transport = transport or self.avatar
        transport.die()
        await asyncio.sleep(noticed_s)
        self.lose(transport)

    # The checks of the audio that a listener heard.

    def heard_s(self, segment_id: int) -> float:
        """Return the duration of a segment's audio that was heard on all transports together.

        Args:
            segment_id: The id of the segment.

        Returns:
            The duration in seconds; repeated audio counts each time.
        """
        return sum(
            run.take.format.duration_s(len(run.pcm))
            for transport in self.transports
            for run in transport.runs
            if run.take.segment_id == segment_id
        )

    def count_heard(self, segment_id: int) -> np.ndarray:
        """Count how often each sample of a segment was heard.

        The method records a fault in the timeline if the audio that was heard differs from the
        audio that was pushed. The method ignores audio that was played in another format than
        `format`.

        Args:
            segment_id: The id of the segment.

        Returns:
            An int array of shape (samples,): how often each sample was heard.
        """
        pcm = bytes(self.pushed[segment_id])
        counts = np.zeros(len(pcm) // self.format.frame_bytes, dtype=int)
        for transport in self.transports:
            for run in transport.runs:
                if run.take.segment_id != segment_id or run.take.format != self.format:
                    continue
                start = self.format.size(run.take.offset_s) + run.start
                if pcm[start : start + len(run.pcm)] != run.pcm:
                    self.timeline.fault(f"{run.take}: wrong audio at byte {run.start}")
                first = start // self.format.frame_bytes
                counts[first : first + len(run.pcm) // self.format.frame_bytes] += 1
        return counts

    def check_all_heard(self, segment_id: int, *, repeated_s: float = 0.0) -> None:
        """Check that every sample of a segment was heard.

        The method records a fault in the timeline if a sample was not heard, or if too much audio
        was heard more than once. The method ignores the last 5 ms of the segment, which are
        inaudible.

        Args:
            segment_id: The id of the segment.
            repeated_s: The most seconds of audio that may be heard more than once.
        """
        counts = self.count_heard(segment_id)
        rate = self.format.rate_hz
        audible = counts[: max(0, len(counts) - round(INAUDIBLE_S * rate))]
        if (missed := np.flatnonzero(audible == 0)).size:
            self.timeline.fault(
                f"segment {segment_id}: {missed.size} samples unheard, "
                f"from {missed[0] / rate:.4f} to {missed[-1] / rate:.4f} s"
            )
        again_s = float((counts - 1).clip(min=0).sum()) / rate
        if again_s > repeated_s + 1e-3:
            self.timeline.fault(f"segment {segment_id}: {again_s:.3f} s heard more than once")

    def check(self) -> None:
        """Check the audio of all segments and the limits of all transports.

        A listener must hear the audio of each segment as the test pushed it. The audio that a
        transport has received and not played must never exceed `run_ahead_s`.

        Raises:
            AssertionError: The timeline has a fault; the message contains the timeline.
        """
        for segment_id in self.pushed:
            self.count_heard(segment_id)
        for transport in self.transports:
            if transport.max_ahead_s > transport.transport.run_ahead_s + 1e-6:
                self.timeline.fault(f"{transport.name}: {transport.max_ahead_s:.3f} s on the wire")
        self.timeline.check()

    async def wait_finished(self, segment_id: int, within_s: float) -> None:
        """Wait until a segment has finished.

        Args:
            segment_id: The id of the segment.
            within_s: The most seconds to wait.

        Raises:
            AssertionError: The segment did not finish in time; the message contains the timeline.
        """
        try:
            async with asyncio.timeout(within_s):
                await self.observer.wait_finished(segment_id)
        except TimeoutError:
            self.timeline.fault(f"segment {segment_id} was not finished within {within_s:.3f} s")
            self.check()

    async def aclose(self) -> None:
        """Close the player and the transports, then check the playback rules.

        Raises:
            AssertionError: The timeline has a fault; the message contains the timeline.
        """
        await self.player.aclose()
        for transport in self.transports:
            await transport.aclose()
        self.check()
