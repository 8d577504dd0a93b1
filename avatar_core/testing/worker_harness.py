"""A test harness for `AvatarWorker`: a room in memory with an agent and one worker."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable
from typing import Any

from avatar_core.contracts import wire
from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.renderer import VideoFrame
from avatar_core.contracts.streams import StreamWriter
from avatar_core.contracts.wire import Report
from avatar_core.testing.clock import now
from avatar_core.testing.fake_transport import speech
from avatar_core.testing.faults.stock_wire import StockWireLink
from avatar_core.testing.link_spy import LinkSpy
from avatar_core.testing.room.recording import Run
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.scripted_renderer import RATE, ScriptedRenderer, SlowExecutor
from avatar_core.worker.worker import AvatarWorker


class WorkerHarness:
    """An agent and a running worker in a room in memory, and records of the worker's behaviour.

    Create the harness while an event loop runs. In each record, `at` is loop time in seconds.

    Args:
        agent: Whether the agent is in the room when the worker starts.
        stock_wire: Whether the worker uses a `StockWireLink`, which hides avatar-core's own
            protocol.

    Attributes:
        room: The room in memory.
        agent: The agent's link to the room.
        link: The worker's link to the room.
        tap: Records what the worker sends, and can make sending fail.
        shown: The video frames that the worker showed, as pairs (at, frame).
        renderer: The worker's renderer.
        executor: The worker's executor.
        worker: The worker.
        reports: The position reports that the agent received as data packets, as pairs (at,
            report).
        turns: The changes of a take's state that the agent received by RPC, as pairs (at, report).
        stock: The calls of LiveKit's stock RPCs, as tuples (at, method, payload).
        running: The task that runs the worker.
    """

    def __init__(self, *, agent: bool = True, stock_wire: bool = False) -> None:
        self.room = MemoryRoom()
        self.agent = self.room.join("agent", is_agent=True)
        if not agent:
            self.room.remove("agent")
        self.link = self.room.join("avatar", attributes={wire.PUBLISH_ON_BEHALF: "agent"})
        self.tap = LinkSpy(self.link)
        self.shown: list[tuple[float, VideoFrame]] = []
        self.room.recording.watch = lambda _, frame: self.shown.append((now(), frame))
        self.renderer = ScriptedRenderer()
        self.executor = SlowExecutor()
        link = StockWireLink(self.link) if stock_wire else self.link
        self.worker = AvatarWorker(link, self.renderer, executor=self.executor)
        self.reports: list[tuple[float, Report]] = []
        self.turns: list[tuple[float, Report]] = []
        self.stock: list[tuple[float, str, Any]] = []
        self.listen()
        self.running = asyncio.create_task(self.worker.run())

    def listen(self) -> None:
        """Register the agent's handlers, which fill `reports`, `turns` and `stock`."""
        router = self.agent.router
        router.data(
            wire.REPORT_TOPIC,
            "avatar",
            lambda _, payload: self.reports.append((now(), Report.decode(payload))),
        )

        def report_state(_: str, payload: str) -> str:
            """Record a change of a take's state.

            Args:
                payload: A report as JSON.

            Returns:
                The response "ok".

            Raises:
                WireError: The payload is not a report.
            """
            self.turns.append((now(), Report.decode(payload)))
            return wire.OK

        def reported(method: str) -> Any:
            """Return a handler that records the calls of a stock RPC.

            Args:
                method: Name of the RPC method.

            Returns:
                The handler.
            """

            def handler(_: str, payload: str) -> str:
                """Record a call.

                Args:
                    payload: The payload as JSON, or an empty string.

                Returns:
                    The response "ok".

                Raises:
                    ValueError: The payload is not JSON.
                """
                self.stock.append((now(), method, json.loads(payload) if payload else None))
                return wire.OK

            return handler

        router.rpc(wire.TAKE_RPC, "avatar", report_state)
        for method in (wire.PLAYBACK_STARTED, wire.PLAYBACK_FINISHED):
            router.rpc(method, "avatar", reported(method))

    async def say(self, pcm: bytes, id: str = "a", format: AudioFormat = RATE) -> StreamWriter:
        """Open an audio stream to the worker and send PCM, without ending the stream.

        Args:
            pcm: Interleaved int16 PCM in `format`.
            id: The take id; an empty id sends the stream as a stock agent does.
            format: The format of `pcm`.

        Returns:
            The writer of the open stream.

        Raises:
            RoomError: The agent is not in the room.
        """
        attributes = wire.stream_attributes(format, id)
        if not id:
            del attributes[wire.TAKE_ATTRIBUTE]
        writer = await self.agent.open_stream(
            wire.AUDIO_STREAM, to=["avatar"], attributes=attributes
        )
        for start in range(0, len(pcm), 4800):
            await writer.write(pcm[start : start + 4800])
        return writer

    async def whole(self, duration_s: float, id: str = "a", format: AudioFormat = RATE) -> bytes:
        """Send a complete take of speech to the worker, and wait until the take has been played.

        Args:
            duration_s: Seconds of speech.
            id: The take id; an empty id sends the stream as a stock agent does.
            format: The format of the audio.

        Returns:
            The interleaved int16 PCM that was sent.

        Raises:
            RoomError: The agent is not in the room.
        """
        pcm = speech(duration_s, format)
        await (await self.say(pcm, id, format)).aclose()
        await asyncio.sleep(duration_s + 0.3)
        return pcm

    async def clear(self) -> str:
        """Call the stock RPC `lk.clear_buffer` of the worker, which interrupts all audio.

        Returns:
            The worker's response.

        Raises:
            RoomError: The call failed or timed out.
        """
        return await self.agent.call("avatar", wire.CLEAR_BUFFER, "", timeout_s=0.4)

    async def clear_take(self, id: str) -> None:
        """Send the worker a request to cut one take.

        Args:
            id: The take id.

        Raises:
            RoomError: The agent is not in the room.
        """
        await self.agent.send(wire.CLEAR_TOPIC, id.encode(), to=["avatar"])

    @property
    def runs(self) -> list[Run]:
        """The audio that a listener heard from the worker; each `Run` has no gap."""
        assert {run.identity for run in self.room.recording.runs} <= {"avatar"}
        return self.room.recording.runs

    @property
    def heard(self) -> bytes:
        """The int16 PCM that a listener heard from the worker, without the gaps."""
        return b"".join(run.pcm for run in self.runs)

    @property
    def states(self) -> list[tuple[str, str]]:
        """The take id and the new state of each change in `turns`."""
        return [(report.take_id, report.state.value) for _, report in self.turns]

    def check_stopped(self) -> None:
        """Check that the worker closed its renderer and removed its handlers and tracks.

        Raises:
            AssertionError: The worker left a renderer, a handler or a track behind.
        """
        assert self.renderer.closed == 1
        assert self.link.subscriptions == set()
        member = self.room.member("avatar")
        assert member is None or not member.tracks

    async def aclose(self) -> None:
        """Stop the worker, and check that it freed its resources.

        Raises:
            TimeoutError: The worker did not stop within 5 s.
            AssertionError: The worker left a renderer, a handler or a track behind.
            Exception: The worker raised the exception.
        """
        self.worker.stop()
        await asyncio.wait_for(self.running, 5.0)
        self.check_stopped()


def with_worker(test: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a test so that its first argument is a `WorkerHarness` with a ready worker.

    The decorator replaces a pytest fixture, because fixtures run outside virtual time. A parameter
    `stock_wire` of the test also selects the `stock_wire` of the harness.

    Args:
        test: A coroutine function; its first parameter is the harness.

    Returns:
        The test without its first parameter.
    """

    async def within(**params: Any) -> None:
        """Run the test with a new harness, and close the harness afterwards.

        Args:
            params: Keyword arguments of the test.

        Raises:
            Exception: The test failed, or the worker did not stop correctly.
        """
        harness = WorkerHarness(stock_wire=params.get("stock_wire", False))
        await harness.worker.ready.wait()
        await asyncio.sleep(0.02)
        await test(harness, **params)
        await harness.aclose()

    within.__name__ = test.__name__
    signature = inspect.signature(test)
    within.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=list(signature.parameters.values())[1:]
    )
    return within
