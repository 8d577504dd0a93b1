"""Wrappers of a renderer and of its executor that fail as a scenario says."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import TypeVar

from avatar_core.contracts.renderer import Renderer, VideoFrame
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.worker.executors import Executor

T = TypeVar("T")


class FaultyRenderer(Renderer):
    """A renderer that fails as a scenario says."""

    def __init__(self, renderer: Renderer, scenario: Scenario) -> None:
        self._renderer = renderer
        self._scenario = scenario
        self._chance = scenario.random("renderer")
        self.width, self.height = renderer.width, renderer.height
        self.fps, self.audio = renderer.fps, renderer.audio
        self.lookahead_s = renderer.lookahead_s

    def lookahead(self, sound: bytes) -> None:
        """Pass the sound on to the wrapped renderer."""
        self._renderer.lookahead(sound)

    def skip(self, chunk: bytes, last: bool) -> None:
        """Skip in the wrapped renderer."""
        self._renderer.skip(chunk, last)

    def render(self, chunk: bytes, last: bool) -> Sequence[VideoFrame]:
        """Render, or raise, or return frames of a wrong size or number."""
        scenario, chance = self._scenario, self._chance
        frames = self._renderer.render(chunk, last)
        if chance.random() < scenario.renderer_raises:
            raise RuntimeError("The fault scenario made the renderer raise this error.")
        if chance.random() < scenario.renderer_sizes:
            return [VideoFrame(self.width, self.height, b"\0" * 7)]
        if chance.random() < scenario.renderer_none:
            return ()
        if chance.random() < scenario.renderer_many:
            return [*frames, *frames, *frames]
        return frames

    def discard(self, count: int) -> None:
        """Discard in the wrapped renderer."""
        self._renderer.discard(count)

    def idle(self) -> VideoFrame:
        """Return the next frame of the wrapped renderer."""
        return self._renderer.idle()

    def reset(self) -> None:
        """Reset the wrapped renderer."""
        self._renderer.reset()

    def close(self) -> None:
        """Close the wrapped renderer."""
        self._renderer.close()


class FaultyExecutor:
    """An executor that is slow, and hangs once, as a scenario says."""

    def __init__(self, executor: Executor, scenario: Scenario) -> None:
        self._executor = executor
        self._scenario = scenario
        self._loop = asyncio.get_running_loop()
        self._stall_at = self._loop.time() + scenario.stall_at_s if scenario.stall_s else math.inf

    async def __call__(self, work: Callable[[], T], /) -> T:
        """Late."""
        await asyncio.sleep(self._scenario.renderer_slow_s)
        if self._loop.time() >= self._stall_at:
            self._stall_at = math.inf
            await asyncio.sleep(self._scenario.stall_s)
        return await self._executor(work)

    def close(self) -> None:
        """Close the wrapped executor."""
        self._executor.close()
