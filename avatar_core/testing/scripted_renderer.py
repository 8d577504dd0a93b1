"""A renderer and an executor for tests of `AvatarWorker`, which record the calls of the worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.renderer import Renderer, VideoFrame
from avatar_core.worker.executors import InlineExecutor

RATE = AudioFormat(24_000)
"""Audio format of the tests: mono PCM at 24 kHz."""
IDLE, TALK = VideoFrame(2, 2, bytes(16)), VideoFrame(2, 2, bytes(range(16)))
"""The frame of the silent avatar, and the frame of the speaking avatar."""


class ScriptedRenderer(Renderer):
    """A renderer that returns the same response for each chunk, and records the calls.

    Attributes:
        response: The result of `render`: a sequence of frames, an exception to raise, or a function
            that receives the chunk and returns the frames.
        sizes: Length of each rendered chunk in bytes.
        discarded: The argument of each call of `discard`.
        lasts: Number of rendered chunks that ended a speech.
        resets: Number of `reset` calls.
        closed: Number of `close` calls.
    """

    width, height, fps, audio = 2, 2, 25.0, RATE

    def __init__(self) -> None:
        self.response: Any = (TALK,)
        self.sizes: list[int] = []
        self.discarded: list[int] = []
        self.lasts = self.resets = self.closed = 0

    def render(self, chunk: bytes, last: bool) -> Sequence[VideoFrame]:
        """Record the chunk, and return or raise the `response`.

        Args:
            chunk: Mono int16 PCM at 24 kHz.
            last: Whether the speech ends with this chunk.

        Returns:
            The frames of `response`.

        Raises:
            Exception: The attribute `response` is this exception.
        """
        self.sizes.append(len(chunk))
        self.lasts += last
        if isinstance(self.response, Exception):
            raise self.response
        if callable(self.response):
            return self.response(chunk)  # type: ignore[no-any-return]
        return self.response  # type: ignore[no-any-return]

    def idle(self) -> VideoFrame:
        """Return the frame of the silent avatar.

        Returns:
            The constant `IDLE`.
        """
        return IDLE

    def discard(self, count: int) -> None:
        """Record the number of frames that will not be shown.

        Args:
            count: Number of frames.
        """
        self.discarded.append(count)

    def reset(self) -> None:
        """Count a reset."""
        self.resets += 1

    def close(self) -> None:
        """Count a close."""
        self.closed += 1


class SlowExecutor(InlineExecutor):
    """An executor that runs work on the event loop after a delay.

    Attributes:
        each_s: Delay of each call in seconds.
    """

    each_s = 0.0

    async def __call__(self, work: Callable[[], Any], /) -> Any:
        """Run work on the event loop after `each_s` seconds.

        Args:
            work: Called without arguments.

        Returns:
            The result of `work`.

        Raises:
            Exception: `work` raised the exception.
        """
        await asyncio.sleep(self.each_s)
        return work()
