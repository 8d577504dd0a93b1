"""The pacer: plays takes in real time, orders the matching video frames, and updates positions."""

from __future__ import annotations

import asyncio
from collections import deque

from avatar_core.contracts.clock import Clock, loop_time
from avatar_core.contracts.playback import TakeState
from avatar_core.contracts.tracks import AudioTrack
from avatar_core.playout import PLAYOUT_TAIL_S
from avatar_core.worker.incoming_take import Speech
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
        speeches: The takes to play, in order; the receiver appends new takes to this queue.
        fed: An event that the receiver sets when a take has more audio or is complete.
        period_s: Seconds of one video frame.
        clock: Returns monotonic seconds.
    """

    def __init__(
        self,
        scheduler: VideoScheduler,
        audio: AudioTrack,
        reporter: Reporter,
        speeches: deque[Speech],
        fed: asyncio.Event,
        period_s: float,
        clock: Clock = loop_time,
    ) -> None:
        self._scheduler = scheduler
        self._audio = audio
        self._reporter = reporter
        self._clock = clock
        self._speeches = speeches
        self._fed = fed
        self._rest = b""
        self._period_s = period_s

    def silence(self, speech: Speech) -> None:
        """Drop the queued audio and video of a take, and record its position, before a cut.

        A frame that is on its way into the audio queue is dropped afterwards.

        Args:
            speech: The take. The method does nothing unless the take is the one that is being
                played.
        """
        if self._speeches and self._speeches[0] is speech:
            self._rest = b""
            speech.played(self._audio.queued_s)
            self._audio.clear()
            self._scheduler.reset()

    async def run(self) -> None:
        """Play the takes in order until this coroutine is cancelled.

        Raises:
            Exception: The audio track did not accept a frame. `AvatarWorker` then calls `run`
                again.
        """
        while True:
            self._fed.clear()
            while self._speeches and self._speeches[0].over():
                self._speeches.popleft()
            speech = self._speeches[0] if self._speeches else None
            self._beat(speech)
            chunk, last = speech.take(self._period_s) if speech else (b"", False)
            if speech is not None and (chunk or last):
                await self._play(speech, chunk, last)
            else:
                if speech is not None:
                    await self._emit(speech)
                    speech.played(self._audio.queued_s)
                self._scheduler.idle()
                tick = asyncio.get_running_loop().call_later(IDLE_TICK_S, self._fed.set)
                await self._fed.wait()
                tick.cancel()

    async def _play(self, speech: Speech, chunk: bytes, last: bool) -> None:
        format = self._audio.format
        ahead_s = self._audio.queued_s + format.duration_s(len(self._rest)) + VIDEO_DELAY_S
        self._scheduler.speak(
            Stretch(chunk, last, speech.ahead(self._scheduler.lookahead_s)),
            self._clock() + ahead_s,
            lambda: speech.state is not TakeState.CUT,
        )
        self._rest += chunk
        await self._emit(speech, last)
        if last and not speech.over():
            await self._drain(speech)

    async def _emit(self, speech: Speech, last: bool = False) -> None:
        """Pass collected audio to the track in whole frames, shorter ones if its queue runs low."""
        size, whole = self._audio.format.size(FRAME_S), self._audio.format.size(SOURCE_S)
        while self._rest:
            taken = min(len(self._rest), size)
            if taken < size and not last:
                taken = taken // whole * whole if self._audio.queued_s < LOW_S else 0
            if not taken:
                return
            frame, self._rest = self._rest[:taken], self._rest[taken:]
            await self._capture(speech, frame.ljust(-(-taken // whole) * whole, b"\0"), taken)
            if speech.over():
                self._rest = b""

    async def _capture(self, speech: Speech, frame: bytes, taken: int) -> None:
        while not speech.over() and (surplus_s := self._audio.queued_s - LOW_S) > 1e-3:
            await asyncio.sleep(min(surplus_s, FRAME_S / 2))
            speech.played(self._audio.queued_s)
            self._beat(speech)
        if speech.over():
            return
        speech.captured_s += self._audio.format.duration_s(taken)
        await self._audio.capture(frame)
        if speech.over():
            self._audio.clear()  # the cut came while this frame was on its way in
            return
        if speech.state is TakeState.OPEN:
            speech.state = TakeState.PLAYING
            self._reporter.turned(speech)
        speech.played(self._audio.queued_s)
        self._beat(speech)

    async def _drain(self, speech: Speech) -> None:
        """Wait until the last audio of a take was heard, then report the state DONE."""
        until = self._clock() + self._audio.queued_s + PLAYOUT_TAIL_S
        while not speech.over() and (rest_s := until - self._clock()) > 0:
            speech.played(self._audio.queued_s)
            self._beat(speech)
            self._scheduler.idle()
            await asyncio.sleep(min(rest_s, IDLE_TICK_S))
        if not speech.over():
            speech.position_s = speech.captured_s
            speech.state = TakeState.DONE
            self._reporter.turned(speech)

    def _beat(self, speech: Speech | None) -> None:
        """Send a due report, unless the renderer hangs.

        If the reports stop, the agent replaces the avatar. So the agent also replaces an avatar
        whose video is frozen.
        """
        if not self._scheduler.hung:
            self._reporter.beat(speech)
