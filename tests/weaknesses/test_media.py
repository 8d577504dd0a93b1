"""W23 to W28: audio and video of a worker, and the start of its tracks."""

from __future__ import annotations

import asyncio

import pytest
from livekit import rtc
from livekit.agents.voice.avatar import QueueAudioOutput, VideoGenerator

from avatar_core.contracts.renderer import Renderer
from avatar_core.contracts.wire import PUBLISH_ON_BEHALF
from avatar_core.testing.clock import now
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.scripted_renderer import ScriptedRenderer
from avatar_core.testing.worker_harness import WorkerHarness
from avatar_core.worker.executors import InlineExecutor
from avatar_core.worker.worker import AvatarWorker
from tests.weaknesses.stock_agent import RATE_HZ, StockAgent, audio_frame
from tests.weaknesses.stock_media import FakeAudioSource, FakeVideoSource
from tests.weaknesses.stock_worker import FPS, DelayGenerator, StockRunner, media
from tests.weaknesses.weakness import Weakness, never_ends

__all__ = ["media"]
pytestmark = [pytest.mark.virtual_time, pytest.mark.usefixtures("media")]


class StockSynchronizer:
    """An `rtc.AVSynchronizer` with sources in virtual time.

    Attributes:
        audio: The audio source.
        video: The video source.
        synchronizer: The stock synchronizer.
    """

    def __init__(self) -> None:
        self.audio, self.video = FakeAudioSource(RATE_HZ, 1, 100), FakeVideoSource(2, 2)
        self.synchronizer = rtc.AVSynchronizer(
            audio_source=self.audio,  # type: ignore[arg-type]
            video_source=self.video,  # type: ignore[arg-type]
            video_fps=FPS,
        )

    async def push_video(self, timestamp_s: float | None = None) -> None:
        """Push a video frame with the time at which it should be shown.

        Args:
            timestamp_s: The time in seconds; None for a frame without a time.
        """
        frame = rtc.VideoFrame(2, 2, rtc.VideoBufferType.RGBA, bytes(16))
        await self.synchronizer.push(frame, timestamp_s)


W23 = Weakness(
    "W23",
    "A",
    "One video frame that cannot be captured ends the video task of `AVSynchronizer`.",
    stock="The queue fills, and `push` waits forever, which also stops the audio.",
    ours="The frame is lost, and audio and video continue.",
    avoided_in=[
        "tests/unit/test_worker_frames.py::test_failing_renderer_loses_frames_and_no_audio"
    ],
)


@W23.shown_by
async def test_bad_video_frame_blocks_the_stock_synchronizer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stock = StockSynchronizer()
    stock.video.error = ValueError("a bad frame")
    await stock.push_video()
    await asyncio.sleep(0.1)
    stock.video.error = None
    await stock.push_video()
    await stock.push_video()
    assert await never_ends(stock.push_video())
    assert stock.video.shown == []
    assert not caplog.messages
    with pytest.raises(ValueError, match="a bad frame"):
        await stock.synchronizer._capture_video_task
    await stock.synchronizer.aclose()


W24 = Weakness(
    "W24",
    "B",
    "`AVSynchronizer` has no common clock for audio and video; timestamps are only recorded.",
    stock="Frames for the times 0 s, 5 s and 10 s are shown 40 ms apart.",
    ours="Each frame is shown when its audio is heard, also after a stall.",
    avoided_in=[
        "tests/unit/test_worker_frames.py::test_frames_are_on_time_again_after_a_stall",
        "tests/unit/test_worker_frames.py::test_worker_shows_frames_at_a_constant_rate",
    ],
)


@W24.shown_by
async def test_stock_synchronizer_ignores_the_times_of_frames() -> None:
    stock = StockSynchronizer()
    for timestamp_s in (0.0, 5.0, 10.0):
        await stock.push_video(timestamp_s)
    await asyncio.sleep(60.0)
    assert stock.video.shown == pytest.approx([0.0, 0.04, 0.08])
    await stock.synchronizer.aclose()


W25 = Weakness(
    "W25",
    "A",
    "Agent and worker may wait for each other, or miss each other's first message, at the start.",
    stock="A stream that is opened before the worker has its handler is lost; a worker without a "
    "subscriber does not publish its video, for which the agent waits.",
    ours="The worker registers its handlers before it publishes both tracks, without a "
    "subscriber, and the agent waits for a track.",
    avoided_in=[
        "tests/unit/test_byte_stream_sink.py::test_open_waits_for_the_event_that_ready_on_names",
        "tests/unit/test_memory_workers.py::test_start_returns_once_both_tracks_are_published",
    ],
)


@W25.shown_by
async def test_stock_segment_before_the_handler_of_the_worker_is_lost() -> None:
    stock = StockAgent()
    await stock.say(1.0)
    assert stock.writers[0].readers == []
    assert await never_ends(stock.output.wait_for_playout())


@W25.shown_by
async def test_stock_worker_without_a_subscriber_publishes_no_video() -> None:
    worker = StockRunner(DelayGenerator(is_always_audible=True), has_listener=False)
    agent = StockAgent(
        worker.stock.hub, has_avatar=False, wait_remote_track=rtc.TrackKind.KIND_VIDEO
    )
    async with worker:
        assert await never_ends(agent.output.capture_frame(audio_frame()))
        published = worker.stock.worker.local_participant.publications.values()
        assert [track.kind for track in published] == [rtc.TrackKind.KIND_AUDIO]
    agent.output._start_atask.cancel()


@W25.avoided_by
async def test_worker_without_a_subscriber_publishes_both_tracks() -> None:
    room = MemoryRoom(listening=False)
    room.agent()
    link = room.join("avatar", attributes={PUBLISH_ON_BEHALF: "agent"})
    worker = AvatarWorker(link, ScriptedRenderer(), executor=InlineExecutor())
    running = asyncio.create_task(worker.run())
    await asyncio.wait_for(worker.ready.wait(), 1.0)
    assert room.members["avatar"].tracks == {"audio", "video"}
    worker.stop()
    await running


W26 = Weakness(
    "W26",
    "C",
    "A runner that was not started cannot be closed.",
    stock="`aclose` and `wait_for_complete` raise `AttributeError`; `aclose` unpublishes no track.",
    ours="A worker that has not started or could not start frees its resources.",
    avoided_in=[
        "tests/unit/test_worker_life.py::test_worker_raises_if_a_track_cannot_be_published",
        "tests/livekit/test_session.py::"
        "test_avatar_closed_before_or_during_start_is_not_provisioned",
    ],
)


@pytest.mark.parametrize("method", ["aclose", "wait_for_complete"])
@W26.shown_by
async def test_stock_runner_cannot_be_closed_before_its_start(method: str) -> None:
    runner = StockRunner().runner
    with pytest.raises(AttributeError, match="_read_audio_atask"):
        await getattr(runner, method)()
    await runner.av_sync.aclose()


@W26.shown_by
async def test_closed_stock_runner_leaves_its_tracks_published() -> None:
    async with StockRunner() as worker:
        await worker.stock.say(0.4)
        await asyncio.sleep(1.0)
    assert len(worker.stock.worker.local_participant.publications) == 2


@W26.avoided_by
async def test_closed_worker_leaves_no_track_published() -> None:
    harness = WorkerHarness()
    await harness.worker.ready.wait()
    assert harness.room.members["avatar"].tracks == {"audio", "video"}
    await harness.aclose()
    assert harness.room.members["avatar"].tracks == set()


W27 = Weakness(
    "W27",
    "C",
    "`QueueAudioOutput` is an output and a receiver in one object, without a limit.",
    stock="It accepts 10 minutes of audio at once, and its iterator does not end after `aclose`.",
    ours="A transport accepts `run_ahead_s` of audio; sink and worker end with `aclose`.",
    avoided_in=[
        "tests/unit/test_capabilities.py::test_declared_run_ahead_is_sent",
        "tests/unit/test_byte_stream_sink.py::test_aclose_ends_within_its_deadline_and_never_raises",
    ],
)


@W27.shown_by
async def test_stock_queue_has_no_limit_and_no_end() -> None:
    output = QueueAudioOutput()
    for _ in range(600):
        await output.capture_frame(audio_frame(1.0))
    assert now() == 0.0
    output.flush()
    assert output._data_ch.qsize() == 601
    await output.aclose()
    items = aiter(output)
    for _ in range(601):
        await anext(items)
    assert await never_ends(anext(items))


W28 = Weakness(
    "W28",
    "B",
    "`VideoGenerator` has no methods for start, end, health or latency.",
    stock="The class has only `push_audio`, `clear_buffer` and an iterator.",
    ours="`Renderer` has `close`, `reset`, `discard`, `skip` and `lookahead_s`; a renderer that "
    "hangs stops the heartbeat.",
    avoided_in=[
        "tests/unit/test_worker_frames.py::test_worker_with_a_hung_renderer_sends_no_heartbeat",
        "tests/unit/test_worker_frames.py::test_renderer_is_notified_of_discarded_frames",
    ],
)


@W28.shown_by
def test_stock_generator_has_three_methods() -> None:
    public = {name for name in vars(VideoGenerator) if not name.startswith("_")}
    assert public == {"push_audio", "clear_buffer"}
    assert "__aiter__" in vars(VideoGenerator)


@W28.avoided_by
def test_renderer_has_methods_for_its_end_and_its_latency() -> None:
    assert {"close", "reset", "discard", "skip", "lookahead", "lookahead_s"} <= set(vars(Renderer))
