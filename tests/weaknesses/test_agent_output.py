"""W29 to W35: the agent's audio output while the avatar is absent, slow or faulty."""

from __future__ import annotations

import asyncio

import pytest
from livekit import rtc

from avatar_core.testing.clock import now
from avatar_core.testing.failover_harness import FailoverHarness
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.scripted_provider import ScriptedProvider
from tests.weaknesses.stock_agent import AVATAR, StockAgent, audio_frame
from tests.weaknesses.weakness import Weakness, never_ends

pytestmark = pytest.mark.virtual_time

LAST_REPORT_S = 0.2
"""The last report of the position is at most this old, with its latency."""
VIDEO = rtc.TrackKind.KIND_VIDEO

W29 = Weakness(
    "W29",
    "A",
    "The output does not notice that the avatar has left.",
    stock="Speech that nobody interrupts waits forever, and so does the next speech after an "
    "interruption.",
    ours="The agent's voice continues the sentence, and no word is lost.",
    avoided_in=[
        "tests/unit/test_controller.py::"
        "test_voice_continues_after_a_crash_until_the_next_avatar_speaks",
        "tests/unit/test_stock_liveness.py::test_voice_continues_after_a_stock_worker_dies",
        "tests/livekit/test_stock_kill.py::"
        "test_voice_continues_after_a_stock_worker_is_killed_and_the_avatar_returns",
    ],
)


@W29.shown_by
async def test_stock_speech_to_an_absent_avatar_never_ends() -> None:
    stock = StockAgent()
    await stock.say(2.0)
    stock.hub.leave(AVATAR)
    assert await never_ends(stock.output.wait_for_playout())
    stock.output.clear_buffer()
    await stock.output.wait_for_playout()
    await stock.say(2.0)
    assert await never_ends(stock.output.wait_for_playout())


W30 = Weakness(
    "W30",
    "A",
    "The timeout of a clear begins after the RPC `lk.clear_buffer` has returned.",
    stock="An interruption ends after 7 s if the avatar has left, and after 5 s if its response "
    "takes 3 s; the next speech waits as long.",
    ours="A cut ends within 0.4 s, and the next segment does not wait for its confirmation.",
    avoided_in=[
        "tests/unit/test_byte_stream_sink.py::"
        "test_cut_ends_at_its_deadline_and_sends_the_other_messages",
        "tests/unit/test_player_cuts.py::"
        "test_next_segment_does_not_wait_for_a_late_cut_confirmation",
    ],
)


@pytest.mark.parametrize(
    ("has_left", "response_s", "expected_s"), [(True, 0.0, 7.0), (False, 3.0, 5.0)]
)
@W30.shown_by
async def test_interruption_of_stock_speech_takes_seconds(
    has_left: bool, response_s: float, expected_s: float
) -> None:
    stock = StockAgent()
    await stock.say(10.0)
    if has_left:
        stock.hub.leave(AVATAR)
    stock.room.local_participant.response_delay_s = response_s
    began = now()
    stock.output.clear_buffer()
    await stock.push(0.1)
    assert now() - began == pytest.approx(expected_s)
    assert [at - began for at, _ in stock.finished] == pytest.approx([expected_s])


W31 = Weakness(
    "W31",
    "A",
    "The error of the first start is kept.",
    stock="If the avatar leaves before it has published its video, each later `capture_frame` "
    "raises, also after the avatar has returned.",
    ours="A worker that returns is used again, and another avatar is provisioned otherwise.",
    avoided_in=[
        "tests/unit/test_recovery.py::test_worker_that_returns_with_a_new_sid_is_used_again",
        "tests/unit/test_recovery.py::test_lost_avatar_is_provisioned_again_by_the_same_provider",
    ],
)


@W31.shown_by
async def test_stock_output_raises_after_the_avatar_has_returned() -> None:
    stock = StockAgent(has_avatar=False, wait_remote_track=VIDEO)
    stock.join_avatar(has_video=False)
    await asyncio.sleep(0.1)
    stock.hub.leave(AVATAR)
    await asyncio.sleep(0.1)
    stock.join_avatar()
    for _ in range(2):
        with pytest.raises(RuntimeError, match="disconnected while waiting"):
            await stock.push(0.1)


W32 = Weakness(
    "W32",
    "A",
    "`capture_frame` waits for the avatar without a timeout.",
    stock="The greeting is held until the avatar joins; without an avatar the agent is silent.",
    ours="The first segment waits for at most 8 s, then the agent's voice speaks it.",
    avoided_in=[
        "tests/unit/test_controller.py::test_only_the_first_segment_waits_for_the_avatar_up_to_a_limit",
        "tests/livekit/test_laws.py::test_greeting_uses_the_voice_if_the_avatar_does_not_join",
    ],
)


@W32.shown_by
async def test_stock_greeting_waits_forever_for_an_absent_avatar() -> None:
    stock = StockAgent(has_avatar=False)
    assert await never_ends(stock.output.capture_frame(audio_frame()))
    assert stock.output._start_atask is not None
    stock.output._start_atask.cancel()


W33 = Weakness(
    "W33",
    "B",
    "After a timeout, the audio that was sent counts as the audio that was heard.",
    stock="30 s of speech that was interrupted after 1 s count as 30 s.",
    ours="The position is at most the audio that was heard.",
    avoided_in=[
        "tests/unit/test_heard_history.py::test_history_does_not_grow_while_a_cut_is_not_confirmed"
    ],
)


@W33.shown_by
async def test_stock_position_of_an_unconfirmed_clear_is_the_audio_that_was_sent() -> None:
    stock = StockAgent()
    await stock.say(30.0)
    await asyncio.sleep(1.0)
    stock.output.clear_buffer()
    await asyncio.sleep(3.0)
    assert [event.playback_position for _, event in stock.finished] == pytest.approx([30.0])


@W33.avoided_by
async def test_position_of_an_unconfirmed_cut_is_at_most_the_audio_that_was_heard() -> None:
    room = MemoryRoom()
    harness = FailoverHarness(room, provider := ScriptedProvider(room))
    await harness.controller.start()
    await harness.controller.wait_until_settled()
    over = harness.push_speech(30.0)
    await harness.wait_until(lambda: room.recording.seconds() >= 1.0, 5.0)
    (identity,) = provider.workers
    room.members[identity].link.freeze()
    harness.player.clear()
    position_s, interrupted = await asyncio.wait_for(over, 1.0)
    assert interrupted
    heard_s = room.recording.seconds()
    assert heard_s - LAST_REPORT_S <= position_s <= heard_s
    await harness.close()


W34 = Weakness(
    "W34",
    "B",
    "A segment that is interrupted while its stream is being opened has the length of the "
    "segment before it.",
    stock="10 s count as heard, although no audio was sent; the stream is never closed.",
    ours="The segment finishes at position 0.",
    avoided_in=[
        "tests/unit/test_player_cuts.py::"
        "test_clear_finishes_a_segment_that_waits_for_its_transport",
        "tests/unit/test_player_cuts.py::test_clear_finishes_the_segment_at_the_heard_position",
    ],
)


@W34.shown_by
async def test_stock_segment_without_audio_has_the_length_of_the_segment_before() -> None:
    stock = StockAgent()
    await stock.say(10.0)
    await stock.finish(10.0)
    stock.room.local_participant.open_gate = asyncio.Event()
    capturing = asyncio.create_task(stock.push(0.1))
    await asyncio.sleep(0.1)
    capturing.cancel()
    await asyncio.gather(capturing, return_exceptions=True)
    stock.output.flush()
    stock.output.clear_buffer()
    await asyncio.sleep(3.0)
    last = stock.finished[-1][1]
    assert (last.playback_position, last.interrupted) == (pytest.approx(10.0), True)
    assert stock.writers[1].chunks == []
    assert [writer.closed for writer in stock.writers] == [True, False]


W35 = Weakness(
    "W35",
    "A",
    "A segment whose stream cannot be written is not finished.",
    stock="`capture_frame` raises, and `wait_for_playout` waits forever.",
    ours="The transport is lost, and the agent's voice continues the segment.",
    avoided_in=["tests/unit/test_player_losses.py::test_transport_whose_sink_raises_is_lost"],
)


@W35.shown_by
async def test_stock_segment_never_finishes_after_a_write_error() -> None:
    stock = StockAgent()
    await stock.push(0.1)
    stock.writers[0].error = rtc.StreamError("disconnected")
    with pytest.raises(rtc.StreamError):
        await stock.push(0.1)
    stock.output.flush()
    assert await never_ends(stock.output.wait_for_playout())
