"""W36 to W40: what the agent's audio output reports, and what it does not support."""

from __future__ import annotations

import asyncio

import pytest
from livekit.agents import AgentSession
from livekit.agents.voice.avatar import DataStreamAudioOutput

from avatar_core.playback.byte_stream import ByteStreamSink, ByteStreamTracker
from avatar_core.testing.link_spy import sink_context
from avatar_core.testing.player_harness import PlayerHarness
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.script import ScriptedLLM, ToneAgent
from tests.weaknesses.stock_agent import AVATAR, StockAgent, audio_frame
from tests.weaknesses.weakness import Weakness

pytestmark = pytest.mark.virtual_time

SINKS = 6

W36 = Weakness(
    "W36",
    "C",
    "`DataStreamAudioOutput` has no `aclose`.",
    stock="Each output leaves a listener at the room, and the class keeps the last handler.",
    ours="Sink and tracker remove all handlers when they are closed.",
)


@W36.shown_by
async def test_each_stock_output_leaves_a_listener_at_the_room() -> None:
    stock = StockAgent()
    outputs = [
        stock.output,
        *(
            DataStreamAudioOutput(stock.room, destination_identity=AVATAR)  # type: ignore[arg-type]
            for _ in range(SINKS - 1)
        ),
    ]
    await asyncio.sleep(1.0)
    assert stock.room.count_listeners("connection_state_changed") == SINKS
    assert set(DataStreamAudioOutput._playback_finished_handlers) == {AVATAR}
    assert not any(hasattr(output, "aclose") for output in outputs)


@W36.avoided_by
async def test_closed_sinks_and_trackers_leave_no_handler() -> None:
    room = MemoryRoom()
    room.join(AVATAR)
    agent = room.join("agent")
    for _ in range(SINKS):
        context = sink_context(agent)
        sink, tracker = ByteStreamSink(context), ByteStreamTracker(context)
        assert agent.subscriptions, "the tracker has no handler"
        await tracker.aclose()
        await sink.aclose()
    assert agent.subscriptions == set()


W37 = Weakness(
    "W37",
    "B",
    "A stream has the format of its first frame.",
    stock="A frame of 48 kHz is sent in a stream of 24 kHz.",
    ours="Each frame is converted to the format of the transport.",
    avoided_in=[
        "tests/unit/test_segment.py::test_segment_accepts_frames_of_several_formats",
        "tests/unit/test_segment.py::test_last_frame_of_another_rate_is_heard",
    ],
)


@W37.shown_by
async def test_stock_output_sends_another_rate_in_the_same_stream() -> None:
    stock = StockAgent()
    for rate_hz in (24_000, 48_000):
        await stock.output.capture_frame(audio_frame(0.1, rate_hz))
    (writer,) = stock.writers
    assert writer.attributes["sample_rate"] == "24000"
    assert [len(chunk) for _, chunk in writer.chunks] == [4800, 9600]


W38 = Weakness(
    "W38",
    "B",
    "With `wait_playback_start=False`, playback starts when the first frame is sent.",
    stock="`playback_started` is emitted before the avatar has received audio, so the transcript "
    "starts too early.",
    ours="`playback_started` is emitted when the first sound was heard.",
    avoided_in=[
        "tests/unit/test_conversation.py::test_interruption_keeps_no_unheard_word_in_the_history",
        "tests/unit/test_vendor_behind.py::"
        "test_position_stays_zero_until_the_declared_start_report",
    ],
)


@W38.shown_by
async def test_stock_playback_starts_before_a_sound_was_heard() -> None:
    stock = StockAgent()
    await stock.push(0.1)
    assert stock.started == [0.0]
    assert stock.writers[0].readers == [], "the avatar received audio"


@W38.avoided_by
async def test_playback_starts_with_the_first_sound() -> None:
    harness = PlayerHarness(latency_s=1.0, run_ahead_s=2.0)
    segment = harness.say(2.0)
    await asyncio.sleep(0.95)
    assert harness.observer.started_ids == []
    await asyncio.sleep(0.2)
    assert harness.observer.started_ids == [segment]
    harness.clear()
    await harness.aclose()


W39 = Weakness(
    "W39",
    "B",
    "With `wait_playback_start=True`, only the RPC `lk.playback_started` starts playback.",
    stock="If that RPC is lost, a segment finishes although it never started.",
    ours="Without the RPC, the position follows the clock.",
    avoided_in=[
        "tests/unit/test_byte_stream_tracker.py::"
        "test_position_follows_the_clock_if_the_worker_sends_no_reports",
        "tests/unit/test_vendor_behind.py::"
        "test_speech_ends_although_the_worker_never_sends_its_declared_start_report",
    ],
)


@W39.shown_by
async def test_stock_segment_without_the_started_rpc_finishes_without_a_start() -> None:
    stock = StockAgent(wait_playback_start=True)
    await stock.say(1.0)
    await asyncio.sleep(60.0)
    await stock.finish(1.0)
    assert len(stock.finished) == 1
    assert stock.started == []


W40 = Weakness(
    "W40",
    "C",
    "The wire has no pause.",
    stock="`can_pause` is False, and LiveKit ignores `resume_false_interruption`.",
    ours="A pause ends the take, and `resume` continues at the paused sample.",
    avoided_in=[
        "tests/unit/test_player_cuts.py::test_resume_continues_at_the_paused_sample",
        "tests/livekit/test_laws.py::test_false_interruption_pauses_and_loses_no_word",
    ],
)


@W40.shown_by
async def test_stock_output_continues_after_a_pause(caplog: pytest.LogCaptureFixture) -> None:
    stock, session = StockAgent(), AgentSession[None](llm=ScriptedLLM())
    session.output.audio = stock.output
    await session.start(ToneAgent(()))
    assert "resume_false_interruption is enabled but audio output does not" in caplog.text
    await session.aclose()
    assert not stock.output.can_pause
    await stock.push(0.1)
    stock.output.pause()
    await stock.push(0.1)
    assert len(stock.writers[0].chunks) == 2
    assert stock.room.local_participant.calls == []
