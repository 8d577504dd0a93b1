"""The worker's side of the stock classes: a `DataStreamAudioReceiver`, and an `AvatarRunner`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

import pytest
from livekit import rtc
from livekit.agents.voice.avatar import (
    AudioReceiver,
    AudioSegmentEnd,
    AvatarOptions,
    AvatarRunner,
    DataStreamAudioReceiver,
    VideoGenerator,
)
from livekit.rtc import synchronizer

from avatar_core.testing.clock import now
from tests.weaknesses.stock_agent import (
    AGENT,
    AUDIO_TOPIC,
    AVATAR,
    CLEAR,
    FINISHED,
    RATE_HZ,
    STARTED,
    audio_frame,
)
from tests.weaknesses.stock_media import FakeAudioSource, FakeTrack, FakeVideoSource, PerfCounter
from tests.weaknesses.stock_room import StockHub
from tests.weaknesses.stock_streams import StockWriter

FPS = 25.0


class StockReceiver:
    """A started `DataStreamAudioReceiver` of the participant `avatar`, and its agent.

    Args:
        sender_identity: The argument of the receiver.
        others: Participants of the kind AGENT that join before the agent.

    Attributes:
        hub: The room.
        agent: The agent's connection; its RPC calls of playback are in `reported`.
        worker: The worker's connection.
        receiver: The stock receiver.
        reported: The loop time, the name and the payload of each playback RPC.
    """

    def __init__(
        self, sender_identity: str | None = AGENT, *, others: tuple[str, ...] = ()
    ) -> None:
        self.hub = StockHub()
        for other in others:
            self.hub.join(other)
        self.agent = self.hub.join(AGENT)
        self.worker = self.hub.join(AVATAR)
        self.reported: list[tuple[float, str, dict[str, Any]]] = []
        for method in (STARTED, FINISHED):
            self.agent.local_participant.register_rpc_method(method, self._report)
        self.receiver = DataStreamAudioReceiver(
            self.worker,  # type: ignore[arg-type]
            sender_identity=sender_identity,
        )

    def _report(self, data: rtc.RpcInvocationData) -> str:
        name = data.method.removeprefix("lk.playback_")
        self.reported.append((now(), name, json.loads(data.payload or "{}")))
        return "ok"

    async def __aenter__(self) -> Self:
        await self.receiver.start()
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self.receiver.aclose()

    async def open_stream(self, duration_s: float = 0.0, **attributes: str) -> StockWriter:
        """Open an audio stream as the agent, and send audio in chunks of 20 ms.

        Args:
            duration_s: The duration of the audio in seconds.
            **attributes: Further attributes of the stream.

        Returns:
            The writer of the stream.
        """
        writer = await self.agent.local_participant.stream_bytes(
            name="AUDIO",
            topic=AUDIO_TOPIC,
            destination_identities=[AVATAR],
            attributes=attributes or {"sample_rate": str(RATE_HZ), "num_channels": "1"},
        )
        for _ in range(round(duration_s / 0.02)):
            await writer.write(bytes(audio_frame(0.02).data))
        return writer

    async def say(self, duration_s: float) -> None:
        """Send a complete segment as the agent.

        Args:
            duration_s: The duration of the segment in seconds.
        """
        await (await self.open_stream(duration_s)).aclose()

    async def clear(self) -> str:
        """Call `lk.clear_buffer` as the agent.

        Returns:
            The response of the worker.
        """
        return await self.agent.local_participant.perform_rpc(
            destination_identity=AVATAR, method=CLEAR, payload=""
        )

    async def receive_segment(self) -> float:
        """Receive one segment, until its end.

        Returns:
            Seconds of audio.

        Raises:
            AssertionError: The generator ended before the segment.
        """
        received_s = 0.0
        async for item in self.receiver:
            if isinstance(item, AudioSegmentEnd):
                return received_s
            received_s += item.duration
        raise AssertionError("The receiver has ended.")


class DelayGenerator(VideoGenerator):
    """A generator that returns each audio frame after a delay, with a video frame.

    Args:
        delay_s: Seconds from a frame to its video.
        is_always_audible: Whether the generator sends silent audio frames without a segment.

    Attributes:
        error: An exception that the iteration raises with the next audio frame.
    """

    def __init__(self, delay_s: float = 0.0, *, is_always_audible: bool = False) -> None:
        self._delay_s = delay_s
        self._is_always_audible = is_always_audible
        self._queue: asyncio.Queue[tuple[float, rtc.AudioFrame | AudioSegmentEnd]] = asyncio.Queue()
        self.error: Exception | None = None

    async def push_audio(self, frame: rtc.AudioFrame | AudioSegmentEnd) -> None:
        self._queue.put_nowait((now() + self._delay_s, frame))

    def clear_buffer(self) -> None:
        while not self._queue.empty():
            self._queue.get_nowait()

    async def __aiter__(
        self,
    ) -> AsyncIterator[rtc.VideoFrame | rtc.AudioFrame | AudioSegmentEnd]:
        while True:
            try:
                timeout_s = 1 / FPS if self._is_always_audible else None
                due_at, item = await asyncio.wait_for(self._queue.get(), timeout_s)
            except TimeoutError:
                yield rtc.AudioFrame.create(RATE_HZ, 1, round(RATE_HZ / FPS))
                continue
            await asyncio.sleep(max(0.0, due_at - now()))
            if self.error is not None:
                raise self.error
            if isinstance(item, rtc.AudioFrame):
                yield rtc.VideoFrame(2, 2, rtc.VideoBufferType.RGBA, bytes(16))
            yield item


@pytest.fixture
def media(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace LiveKit's native sources and tracks by sources in virtual time."""
    monkeypatch.setattr(rtc, "AudioSource", FakeAudioSource)
    monkeypatch.setattr(rtc, "VideoSource", FakeVideoSource)
    monkeypatch.setattr(rtc.LocalAudioTrack, "create_audio_track", FakeTrack.create_audio)
    monkeypatch.setattr(rtc.LocalVideoTrack, "create_video_track", FakeTrack.create_video)
    monkeypatch.setattr(synchronizer, "time", PerfCounter())


class StockRunner:
    """An `AvatarRunner` with a stock receiver and a generator; a test may pass another receiver.

    Args:
        generator: The generator; None creates one without a delay.
        receiver: The audio receiver; None creates a `StockReceiver`.
        has_listener: Whether somebody subscribes to the tracks of the worker.

    Attributes:
        stock: The receiver with its agent and its room.
        runner: The stock runner.
        generator: The generator.
    """

    def __init__(
        self,
        generator: DelayGenerator | None = None,
        receiver: AudioReceiver | None = None,
        *,
        has_listener: bool = True,
    ) -> None:
        self.stock = StockReceiver()
        if has_listener:
            self.stock.worker.local_participant.subscribed.set()
        self.generator = generator or DelayGenerator()
        self.runner = AvatarRunner(
            self.stock.worker,  # type: ignore[arg-type]
            audio_recv=receiver or self.stock.receiver,
            video_gen=self.generator,
            options=AvatarOptions(2, 2, FPS, RATE_HZ, 1),
        )

    async def __aenter__(self) -> Self:
        await self.runner.start()
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self.runner.aclose()

    @property
    def audio(self) -> FakeAudioSource:
        """The audio source of the runner."""
        source = self.runner._audio_source
        assert isinstance(source, FakeAudioSource)
        return source

    @property
    def names(self) -> list[str]:
        """The names of the playback RPCs that the agent received."""
        return [name for _, name, _ in self.stock.reported]
