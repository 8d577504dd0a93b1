"""Runs a renderer beside the loop, so that a slow frame never delays the sound."""

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
LEAST_GAP = 0.5
"""Share of a frame period between an idle frame and the first frame of speech."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Sound for one video_frame.

    Attributes:
        chunk: As `Renderer.render` takes it.
        last: The sound ends with it.
        ahead: What follows, as far as it is known and the renderer wants it.
    """

    chunk: bytes
    last: bool
    ahead: bytes = b""


@dataclass(frozen=True, slots=True)
class _Order:
    work: Callable[[], Sequence[VideoFrame]]
    due: float = 0.0
    """Clock time at which its frame is to be seen."""
    wanted: Callable[[], bool] = lambda: True
    if_late: Callable[[], None] | None = None
    """What is done in its place, once that time is over and a newer one waits."""


class VideoScheduler:
    """Orders frames of a renderer and shows each when it is due.

    A renderer too slow for real time costs frames: one that is due already is skipped
    where a newer one waits. An error costs its video_frame.

    Args:
        renderer: Draws; closed with the scheduler.
        executor: Where it draws; closed too.
        clock: Monotonic seconds.
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
        """When the first frame of speech is due, of those that are not seen yet."""
        self._drawn = self._seen = 0

    @property
    def hung(self) -> bool:
        """The renderer has not answered for a second: its face stands still."""
        since = self._busy_since
        return since is not None and self._clock() - since > HUNG_S

    def speak(self, stretch: Stretch, due: float, wanted: Callable[[], bool]) -> None:
        """Order the frame of a stretch of sound.

        Args:
            stretch: The sound.
            due: Clock time at which it is heard.
            wanted: Asked before the frame is shown; a cut makes it False.
        """

        def draw() -> Sequence[VideoFrame]:
            if self.lookahead_s:
                self._renderer.lookahead(stretch.chunk + stretch.ahead)
            return self._renderer.render(stretch.chunk, stretch.last)

        def skip() -> None:
            self._renderer.skip(stretch.chunk, stretch.last)

        self._idle_until(due - LEAST_GAP * self._period_s)
        self._next_idle = due + self._period_s
        self._spoken = due if self._spoken < self._clock() else min(self._spoken, due)
        self._order(_Order(draw, due, wanted, None if stretch.last else skip))

    def idle(self) -> None:
        """Order a frame of nobody speaking, if one is due soon; ask as often as you like.

        It is drawn a period ahead, so that speech which begins meanwhile waits for its own alone.
        """
        if not self._orders and self._busy_since is None:
            self._spoken = math.inf
            self._idle_until(self._clock() + self._period_s)

    def _idle_until(self, end: float) -> None:
        """Order what is seen until then: the face keeps its pace, also as speech begins."""
        while (due := max(self._next_idle, self._clock())) < end:
            self._next_idle = due + self._period_s
            self._order(_Order(self._idle, due, partial(self._fits, due), if_late=lambda: None))

    def _idle(self) -> Sequence[VideoFrame]:
        return (self._renderer.idle(),)

    def _fits(self, due: float) -> bool:
        """Speech that began meanwhile leaves an idle frame its time."""
        return due <= self._spoken - LEAST_GAP * self._period_s

    def reset(self) -> None:
        """The sound was cut: forget what is not drawn yet, and go on as one who listens."""
        self._orders.clear()
        self._spoken = math.inf
        self._next_idle = min(self._next_idle, self._clock() + self._period_s / 2)
        self._order(_Order(self._forget))

    async def run(self, video: VideoTrack) -> None:
        """Draw until cancelled."""
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
        """Close the renderer; one that hangs is left to its thread."""
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
        """Return the job to run now, and the late jobs that it replaces."""
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
