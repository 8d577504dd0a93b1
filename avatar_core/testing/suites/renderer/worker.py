"""A worker in a room in memory that draws with a renderer under test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from avatar_core.contracts import wire
from avatar_core.contracts.renderer import Renderer, VideoFrame
from avatar_core.contracts.streams import StreamWriter
from avatar_core.testing.clock import now
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.worker.worker import AvatarWorker

T = TypeVar("T")

START_S = 5.0
MESSAGE_S = 0.1


class WrappedRenderer(Renderer):
    """A renderer that passes each call on, records errors, and raises errors when a check wants.

    Args:
        renderer: The renderer under test.

    Attributes:
        raises: Called with the number of the next call of `render`, from 0; returns whether this
            call raises an error.
        rendered: Number of `render` calls.
        skipped: Number of `skip` calls.
        problems: A description of each error that the renderer under test raised.
    """

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self.width, self.height, self.fps = renderer.width, renderer.height, renderer.fps
        self.audio, self.lookahead_s = renderer.audio, renderer.lookahead_s
        self.raises: Callable[[int], bool] = lambda _: False
        self.rendered = self.skipped = 0
        self.problems: list[str] = []

    def lookahead(self, pcm: bytes) -> None:
        self._call(self._renderer.lookahead, pcm)

    def skip(self, chunk: bytes, last: bool) -> None:
        self.skipped += 1
        self._call(self._renderer.skip, chunk, last)

    def render(self, chunk: bytes, last: bool) -> Sequence[VideoFrame]:
        self.rendered += 1
        if self.raises(self.rendered - 1):
            raise ArithmeticError("The suite raises this error in place of a frame.")
        return self._call(self._renderer.render, chunk, last)

    def idle(self) -> VideoFrame:
        return self._call(self._renderer.idle)

    def discard(self, count: int) -> None:
        self._call(self._renderer.discard, count)

    def reset(self) -> None:
        self._call(self._renderer.reset)

    def close(self) -> None:
        self._call(self._renderer.close)

    def _call(self, method: Callable[..., T], *args: object) -> T:
        """Call a method of the renderer under test; record an error and raise it."""
        try:
            return method(*args)
        except Exception as error:
            self.problems.append(f"{method.__name__} raised {type(error).__name__}: {error}.")
            raise


class PoolExecutor:
    """An executor with a thread of its own, in which virtual time stands still while it draws.

    Attributes:
        each_s: Delay of each call in virtual seconds.
    """

    def __init__(self) -> None:
        self.each_s = 0.0
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="avatar-renderer")

    async def __call__(self, work: Callable[[], T], /) -> T:
        """Run a function in the thread after `each_s` seconds.

        Args:
            work: The function, without parameters.

        Returns:
            The return value of `work`.

        Raises:
            Exception: Any exception that `work` raises.
        """
        await asyncio.sleep(self.each_s)
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """End the thread."""
        self._pool.shutdown(wait=False)


class RendererWorker:
    """An agent and a worker in a room in memory, and the frames that the worker showed.

    Attributes:
        renderer: The renderer under test, which counts its calls.
        executor: Runs the calls of the renderer; its `each_s` delays each call.
        shown: The loop time in seconds and the frame of each frame that was shown.
        room: The room.
    """

    def __init__(self, renderer: Renderer) -> None:
        self.renderer = WrappedRenderer(renderer)
        self.executor = PoolExecutor()
        self.shown: list[tuple[float, VideoFrame]] = []
        self.room = MemoryRoom()
        self._agent = self.room.join("agent", is_agent=True)
        link = self.room.join("avatar", attributes={wire.PUBLISH_ON_BEHALF: "agent"})
        self.room.recording.watch = lambda _, frame: self.shown.append((now(), frame))
        self.room.listen()
        self.worker = AvatarWorker(link, self.renderer, executor=self.executor)

    async def say(self, pcm: bytes, take_id: str) -> StreamWriter:
        """Send a take to the worker.

        Args:
            pcm: Audio in the format of the renderer.
            take_id: The id of the take.

        Returns:
            The stream, which is open.
        """
        writer = await self._agent.open_stream(
            wire.AUDIO_STREAM,
            to=["avatar"],
            attributes=wire.stream_attributes(self.renderer.audio, take_id),
        )
        size = self.renderer.audio.size(MESSAGE_S)
        for at in range(0, len(pcm), size):
            await writer.write(pcm[at : at + size])
        return writer

    async def interrupt(self, take_id: str) -> None:
        """Tell the worker to drop a take.

        Args:
            take_id: The id of the take.
        """
        await self._agent.send(wire.CLEAR_TOPIC, take_id.encode(), to=["avatar"])

    def shown_since(self, at_s: float) -> list[VideoFrame]:
        """Return the frames that were shown since a time.

        Args:
            at_s: The loop time in seconds.

        Returns:
            The frames.
        """
        return [frame for shown_at, frame in self.shown if shown_at >= at_s]


@asynccontextmanager
async def run_worker(renderer: Renderer) -> AsyncIterator[RendererWorker]:
    """Run a worker with a renderer in a `with` block.

    Args:
        renderer: The renderer.

    Yields:
        The worker, which is ready.
    """
    worker = RendererWorker(renderer)
    running = asyncio.ensure_future(worker.worker.run())
    try:
        async with asyncio.timeout(START_S):
            await worker.worker.ready.wait()
        yield worker
    finally:
        worker.worker.stop()
        await asyncio.wait({running}, timeout=START_S)
        running.cancel()
