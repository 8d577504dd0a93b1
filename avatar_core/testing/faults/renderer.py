"""Wrappers of a renderer and of its executor that apply the faults of a scenario."""

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
    """A renderer whose `render` fails with the probabilities of a scenario.

    Args:
        renderer: The wrapped renderer.
        scenario: The scenario with the probabilities.

    Attributes:
        width: Width of a frame of the wrapped renderer in pixels.
        height: Height of a frame of the wrapped renderer in pixels.
        fps: Frames per second of the wrapped renderer.
        audio: The audio format of the wrapped renderer.
        lookahead_s: Seconds of lookahead of the wrapped renderer.
    """

    def __init__(self, renderer: Renderer, scenario: Scenario) -> None:
        self._renderer = renderer
        self._scenario = scenario
        self._chance = scenario.random("renderer")
        self.width, self.height = renderer.width, renderer.height
        self.fps, self.audio = renderer.fps, renderer.audio
        self.lookahead_s = renderer.lookahead_s

    def lookahead(self, sound: bytes) -> None:
        """Pass the audio of a lookahead to the wrapped renderer.

        Args:
            sound: PCM in the format `audio`: the next chunk and the audio that follows it.
        """
        self._renderer.lookahead(sound)

    def skip(self, chunk: bytes, last: bool) -> None:
        """Pass a chunk whose frames would be too late to the wrapped renderer.

        Args:
            chunk: PCM in the format `audio`.
            last: Whether the speech ends with this chunk.
        """
        self._renderer.skip(chunk, last)

    def render(self, chunk: bytes, last: bool) -> Sequence[VideoFrame]:
        """Render a chunk with the wrapped renderer, and apply the faults of the scenario.

        Args:
            chunk: PCM in the format `audio`.
            last: Whether the speech ends with this chunk.

        Returns:
            The frames of the wrapped renderer. A fault replaces them with one frame of a wrong
            size, with no frame, or with each frame three times.

        Raises:
            RuntimeError: The scenario requires an error.
            Exception: The wrapped renderer raised the exception.
        """
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
        """Tell the wrapped renderer that its latest frames will not be shown.

        Args:
            count: Number of frames that were drawn and will not be shown.
        """
        self._renderer.discard(count)

    def idle(self) -> VideoFrame:
        """Return the next frame of the silent avatar from the wrapped renderer.

        Returns:
            An RGBA frame.
        """
        return self._renderer.idle()

    def reset(self) -> None:
        """Reset the wrapped renderer, because the speech was interrupted."""
        self._renderer.reset()

    def close(self) -> None:
        """Free the resources of the wrapped renderer."""
        self._renderer.close()


class FaultyExecutor:
    """An executor that delays every call and blocks one call, as a scenario requires.

    Create the executor while an event loop runs.

    Args:
        executor: The wrapped executor.
        scenario: The scenario; its `stall_at_s` counts from the creation of this executor.
    """

    def __init__(self, executor: Executor, scenario: Scenario) -> None:
        self._executor = executor
        self._scenario = scenario
        self._loop = asyncio.get_running_loop()
        self._stall_at = self._loop.time() + scenario.stall_at_s if scenario.stall_s else math.inf

    async def __call__(self, work: Callable[[], T], /) -> T:
        """Run work on the wrapped executor after the delays of the scenario.

        Args:
            work: Called without arguments.

        Returns:
            The result of `work`.

        Raises:
            Exception: `work` raised the exception.
        """
        await asyncio.sleep(self._scenario.renderer_slow_s)
        if self._loop.time() >= self._stall_at:
            self._stall_at = math.inf
            await asyncio.sleep(self._scenario.stall_s)
        return await self._executor(work)

    def close(self) -> None:
        """Close the wrapped executor."""
        self._executor.close()
