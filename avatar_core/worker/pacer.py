"""The pacer: plays takes in real time, orders the matching video frames, and updates positions."""

from __future__ import annotations

import asyncio
from collections import deque

from avatar_core.contracts.clock import Clock, loop_time
from avatar_core.contracts.playback import TakeState
from avatar_core.contracts.tracks import AudioTrack
from avatar_core.playout import PLAYOUT_TAIL_S
from avatar_core.worker.incoming_take import IncomingTake
from avatar_core.worker.reporter import Reporter
from avatar_core.worker.video_scheduler import Stretch, VideoScheduler

FRAME_S = 0.08
"""Audio that one capture passes to the track, if so much is ready: each capture costs CPU."""
LOW_S = 0.025
"""Audio that the track's queue holds before the next capture. A cut clears it at once."""
SOURCE_S = 0.01
"""LiveKit's queue holds shorter audio back until more follows, so the last frame is padded."""
VIDEO_DELAY_S = 0.04
"""Additional delay of audio over video at a listener, from Opus and the jitter buffer."""
IDLE_TICK_S = 0.02


class Pacer:
    """The loop of a worker that plays one take after another, with idle video frames between them.

    `AvatarWorker` creates the pacer and runs it as a task.

    Args:
        scheduler: Draws and shows the video frames.
        audio: The worker's audio track; its queue sets the pace.
        reporter: Sends positions and states of takes to the agent.
        takes: The takes to play, in order; the receiver appends new takes to this queue.
        on_audio: An event that the receiver sets when a take has more audio or is complete.
        period_s: Seconds of one video frame.
        clock: Returns monotonic seconds.
    """

    def __init__(
        self,
        scheduler: VideoScheduler,
        audio: AudioTrack,
        reporter: Reporter,
        takes: deque[IncomingTake],
        on_audio: asyncio.Event,
        period_s: float,
        clock: Clock = loop_time,
    ) -> None:
        self._scheduler = scheduler
        self._audio = audio
        self._reporter = reporter
        self._clock = clock
        self._takes = takes
        self._on_audio = on_audio
        self._rest = b""
        self._period_s = period_s

    def silence(self, take: IncomingTake) -> None:
        """Drop the queued audio and video of a take, and record its position, before a cut.

        A frame that is on its way into the audio queue is dropped afterwards.

        Args:
            take: The take. The method does nothing unless the take is the one that is being
                played.
        """
        if self._takes and self._takes[0] is take:
            self._rest = b""
            take.update_position(self._audio.queued_s)
            self._audio.clear()
            self._scheduler.reset()
            self._on_audio.set()

    async def run(self) -> None:
        """Play the takes in order until this coroutine is cancelled.

        Raises:
            Exception: The audio track did not accept a frame. `AvatarWorker` then calls `run`
                again.
        """
        while True:
            self._on_audio.clear()
            while self._takes and self._takes[0].has_ended():
                self._takes.popleft()
            take = self._takes[0] if self._takes else None
            self._send_heartbeat(take)
            chunk, last = take.read(self._period_s) if take else (b"", False)
            if take is not None and (chunk or last):
                await self._play(take, chunk, last)
            else:
                if take is not None:
                    await self._emit(take)
                    take.update_position(self._audio.queued_s)
                wait_s = self._scheduler.idle()
                # A report that is due may be impossible now, because the renderer hangs.
                report_s = max(IDLE_TICK_S, self._reporter.due_s)
                wait_s = min(wait_s, report_s) if take is None else IDLE_TICK_S
                tick = asyncio.get_running_loop().call_later(wait_s, self._on_audio.set)
                await self._on_audio.wait()
                tick.cancel()

    async def _play(self, take: IncomingTake, chunk: bytes, last: bool) -> None:
        format = self._audio.format
        ahead_s = self._audio.queued_s + format.duration_s(len(self._rest)) + VIDEO_DELAY_S
        self._scheduler.speak(
            Stretch(chunk, last, take.peek(self._scheduler.lookahead_s)),
            self._clock() + ahead_s,
            lambda: take.state is not TakeState.CUT,
        )
        self._rest += chunk
        await self._emit(take, last)
        if last and not take.has_ended():
            await self._drain(take)

    async def _emit(self, take: IncomingTake, last: bool = False) -> None:
        """Pass collected audio to the track in whole frames, shorter ones if its queue runs low."""
        size, whole = self._audio.format.size(FRAME_S), self._audio.format.size(SOURCE_S)
        while self._rest:
            taken = min(len(self._rest), size)
            if taken < size and not last:
                taken = taken // whole * whole if self._audio.queued_s < LOW_S else 0
            if not taken:
                return
            frame, self._rest = self._rest[:taken], self._rest[taken:]
            await self._capture(take, frame.ljust(-(-taken // whole) * whole, b"\0"), taken)
            if take.has_ended():
                self._rest = b""

    async def _capture(self, take: IncomingTake, frame: bytes, taken: int) -> None:
        while not take.has_ended() and (surplus_s := self._audio.queued_s - LOW_S) > 1e-3:
            await asyncio.sleep(min(surplus_s, FRAME_S / 2))
            take.update_position(self._audio.queued_s)
            self._send_heartbeat(take)
        if take.has_ended():
            return
        take.captured_s += self._audio.format.duration_s(taken)
        await self._audio.capture(frame)
        if take.has_ended():
            self._audio.clear()  # the cut came while this frame was on its way in
            return
        if take.state is TakeState.OPEN:
            take.state = TakeState.PLAYING
            self._reporter.report_state(take)
        take.update_position(self._audio.queued_s)
        self._send_heartbeat(take)

    async def _drain(self, take: IncomingTake) -> None:
        """Wait until the last audio of a take was heard, then report the state DONE."""
        until = self._clock() + self._audio.queued_s + PLAYOUT_TAIL_S
        while not take.has_ended() and (rest_s := until - self._clock()) > 0:
            take.update_position(self._audio.queued_s)
            self._send_heartbeat(take)
            self._scheduler.idle()
            await asyncio.sleep(min(rest_s, IDLE_TICK_S))
        if not take.has_ended():
            take.position_s = take.captured_s
            take.state = TakeState.DONE
            self._reporter.report_state(take)

    def _send_heartbeat(self, take: IncomingTake | None) -> None:
        """Send a due report, unless the renderer hangs.

        If the reports stop, the agent replaces the avatar. So the agent also replaces an avatar
        whose video is frozen.
        """
        if not self._scheduler.hung:
            self._reporter.send_heartbeat(take)
