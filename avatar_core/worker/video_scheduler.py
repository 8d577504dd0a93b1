"""The video scheduler: runs a renderer beside the event loop, so slow frames do not delay audio."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from avatar_core.contracts.clock import Clock, loop_time
from avatar_core.contracts.renderer import Renderer, VideoFrame
from avatar_core.contracts.tracks import VideoTrack
from avatar_core.worker.executors import Executor

log = logging.getLogger("avatar_core.worker")

HUNG_S = 1.0
CLOSE_S = 1.0
BUSY_S = 0.02
"""Seconds until a scheduler that is drawing may need the next frame of a silent avatar."""
ROUNDING_S = 0.001
LEAST_GAP = 0.5
"""Share of a frame period between an idle frame and the first frame of speech."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The audio of one video frame.

    Attributes:
        chunk: The audio of the frame, in the format that `Renderer.render` takes.
        last: Whether the speech ends with `chunk`.
        ahead: The audio after `chunk`, up to the renderer's `lookahead_s`, as far as it has
            arrived.
    """

    chunk: bytes
    last: bool
    ahead: bytes = b""


@dataclass(frozen=True, slots=True)
class _Order:
    """A pending call of the renderer.

    Attributes:
        work: Calls the renderer and returns the drawn frames.
        due: The clock time in seconds at which the frame is shown.
        wanted: Returns whether the frame may still be shown.
        if_late: Called instead of `work` if the frame is already due and another order waits; None
            if the order must always run.
    """

    work: Callable[[], Sequence[VideoFrame]]
    due: float = 0.0
    """Clock time in seconds at which the frame is shown."""
    wanted: Callable[[], bool] = lambda: True
    if_late: Callable[[], None] | None = None
    """Called instead of `work` if `due` has passed and a newer order waits."""


class VideoScheduler:
    """Runs a renderer in an executor and shows each video frame when it is due.

    `AvatarWorker` creates the scheduler, and the pacer orders the frames. If the renderer is slower
    than real time, the scheduler skips frames that are already due while newer orders wait. If the
    renderer raises an exception, the scheduler logs it and skips one frame.

    Args:
        renderer: Draws the frames; `aclose` closes it.
        executor: Runs the calls of the renderer; `aclose` closes it.
        clock: Returns monotonic seconds.

    Attributes:
        lookahead_s: The renderer's `lookahead_s`, in seconds.
    """

    def __init__(self, renderer: Renderer, executor: Executor, clock: Clock = loop_time) -> None:
        self._renderer = renderer
        self._executor = executor
        self._clock = clock
        self.lookahead_s = renderer.lookahead_s
        self._period_s = 1 / renderer.fps
        self._orders: deque[_Order] = deque()
        self._ordered = asyncio.Event()
        self._busy_since: float | None = None
        self._next_idle, self._spoken = 0.0, math.inf
        """The clock time at which the next frame of speech is due; infinite if there is none."""
        self._drawn = self._seen = 0

    @property
    def hung(self) -> bool:
        """Whether the current call of the renderer has taken longer than `HUNG_S`."""
        since = self._busy_since
        return since is not None and self._clock() - since > HUNG_S

    def speak(self, stretch: Stretch, due: float, wanted: Callable[[], bool]) -> None:
        """Order the video frame for a piece of audio.

        Args:
            stretch: The audio of the frame.
            due: The clock time in seconds at which a listener hears the audio.
            wanted: Called before the frame is shown; returns False if the take was cut.
        """

        def draw() -> Sequence[VideoFrame]:
            """Call the renderer's `lookahead` if it has a lookahead, and then `render`.

            Returns:
                The frames that the renderer drew.

            Raises:
                Exception: Any exception of the renderer.
            """
            if self.lookahead_s:
                self._renderer.lookahead(stretch.chunk + stretch.ahead)
            return self._renderer.render(stretch.chunk, stretch.last)

        def skip() -> None:
            """Pass the audio to the renderer's `skip`, because its frame would be too late."""
            self._renderer.skip(stretch.chunk, stretch.last)

        self._idle_until(due - LEAST_GAP * self._period_s)
        self._next_idle = due + self._period_s
        self._spoken = due if self._spoken < self._clock() else min(self._spoken, due)
        self._order(_Order(draw, due, wanted, None if stretch.last else skip))

    def idle(self) -> float:
        """Order a frame of a silent avatar if one is due soon; the pacer may call this at any rate.

        The frame is drawn one period before it is shown, so that the renderer is free for speech
        that begins in between.

        Returns:
            Seconds until the next call can order a frame.
        """
        if self._orders or self._busy_since is not None:
            return BUSY_S
        self._spoken = math.inf
        self._idle_until(self._clock() + self._period_s + ROUNDING_S)
        return self._next_idle - self._period_s - self._clock()

    def _idle_until(self, end: float) -> None:
        """Order the idle frames that are due before a clock time, at the constant frame rate."""
        while (due := max(self._next_idle, self._clock())) < end:
            self._next_idle = due + self._period_s
            self._order(_Order(self._idle, due, partial(self._fits, due), if_late=lambda: None))

    def _idle(self) -> Sequence[VideoFrame]:
        return (self._renderer.idle(),)

    def _fits(self, due: float) -> bool:
        """Return whether an idle frame is due early enough before the first frame of speech."""
        return due <= self._spoken - LEAST_GAP * self._period_s

    def reset(self) -> None:
        """Drop all orders and reset the renderer after a cut; continue with idle frames."""
        self._orders.clear()
        self._spoken = math.inf
        self._next_idle = min(self._next_idle, self._clock() + self._period_s / 2)
        self._order(_Order(self._forget))

    async def run(self, video: VideoTrack) -> None:
        """Draw the ordered frames and show them on a track, until this coroutine is cancelled.

        Args:
            video: The published track that shows the frames.
        """
        loop = asyncio.get_running_loop()
        while True:
            await self._ordered.wait()
            order, passed = self._next()
            try:
                self._busy_since = self._clock()
                video_frames = await self._executor(partial(_do, order, passed))
            except Exception:
                log.exception("The renderer raised an error, so a video frame is missing.")
                video_frames = ()
            finally:
                self._busy_since = None
            for video_frame in islice(video_frames, 1):
                self._drawn += 1
                ahead_s = max(0.0, order.due - self._clock())
                loop.call_later(ahead_s, self._show, video, video_frame, self._drawn, order.wanted)

    async def aclose(self) -> None:
        """Close the renderer and the executor.

        If the renderer does not close within `CLOSE_S`, the scheduler logs a warning and leaves the
        renderer to its thread.
        """
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._executor(self._renderer.close)
        except TimeoutError:
            log.warning("The renderer did not close in time; its thread continues to run.")
        except Exception:
            log.exception("The renderer raised an error while it closed.")
        self._executor.close()

    def _order(self, order: _Order) -> None:
        self._orders.append(order)
        self._ordered.set()

    def _next(self) -> tuple[_Order, list[_Order]]:
        """Return the order to run now, and the late orders that it replaces."""
        order, passed = self._orders.popleft(), []
        while self._orders and order.if_late and order.due < self._clock():
            passed.append(order)
            order = self._orders.popleft()
        if not self._orders:
            self._ordered.clear()
        return order, passed

    def _forget(self) -> Sequence[VideoFrame]:
        self._renderer.discard(self._drawn - self._seen)
        self._renderer.reset()
        return ()

    def _show(
        self, video: VideoTrack, video_frame: VideoFrame, number: int, wanted: Callable[[], bool]
    ) -> None:
        if not wanted():
            return
        self._seen = number
        if len(video_frame.rgba) != video_frame.width * video_frame.height * 4:
            log.warning(
                "The worker dropped a video frame of %d bytes, which do not match its size in "
                "pixels.",
                len(video_frame.rgba),
            )
            return
        try:
            video.capture(video_frame)
        except Exception:
            log.exception("The video track did not accept a frame.")


def _do(order: _Order, passed: Sequence[_Order]) -> Sequence[VideoFrame]:
    for late in passed:
        if late.if_late:
            late.if_late()
    return order.work()
