"""W1 to W4c: the messages between an agent and the worker of its avatar."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
from livekit import rtc

from avatar_core.contracts import wire
from avatar_core.testing.player_harness import PlayerHarness
from avatar_core.testing.worker_harness import WorkerHarness, with_worker
from tests.weaknesses.stock_agent import AGENT, CLEAR, FINISHED, RATE_HZ, StockAgent
from tests.weaknesses.stock_room import StockHub
from tests.weaknesses.stock_worker import StockReceiver
from tests.weaknesses.weakness import Weakness

pytestmark = pytest.mark.virtual_time

MINUTE_S = 60.0

W1 = Weakness(
    "W1",
    "A",
    "`lk.playback_finished` does not name its segment.",
    stock="A late finish of a segment finishes the next segment before that is complete.",
    ours="Each take has an id; a late finish without an id does not end the next take.",
    avoided_in=[
        "tests/unit/test_stock_rpcs.py::test_late_finished_rpc_does_not_end_the_next_take",
        "tests/unit/test_worker_takes.py::test_late_clear_of_a_take_does_not_affect_the_next_take",
    ],
)


@W1.shown_by
async def test_late_finish_of_a_stock_segment_finishes_the_next_segment() -> None:
    stock = StockAgent()
    await stock.say(1.0)
    stock.output.clear_buffer()
    await asyncio.sleep(3.0)
    assert len(stock.finished) == 1, "the local timeout did not finish the first segment"
    await stock.push(0.1)
    await stock.finish(0.4, interrupted=True)
    positions = [event.playback_position for _, event in stock.finished]
    assert positions == pytest.approx([1.0, 0.4])
    assert stock.output._pending_playback_count == 0, "the open segment is still pending"


W2 = Weakness(
    "W2",
    "B",
    "The payload of `lk.playback_finished` allows no further key.",
    stock="An additional or a missing key raises `TypeError`, and the segment never finishes.",
    ours="Missing and additional keys are allowed.",
    avoided_in=["tests/unit/test_wire.py::test_finished_accepts_missing_extra_and_camel_case_keys"],
)


@pytest.mark.parametrize(
    "payload",
    [{"playback_position": 1.0, "interrupted": False, "segment": 1}, {"playback_position": 1.0}],
    ids=["additional key", "missing key"],
)
@W2.shown_by
async def test_stock_output_rejects_a_finish_with_other_keys(payload: dict[str, object]) -> None:
    stock = StockAgent()
    await stock.say(1.0)
    with pytest.raises(rtc.RpcError) as raised:
        await stock.avatar.local_participant.perform_rpc(
            destination_identity=AGENT, method=FINISHED, payload=json.dumps(payload)
        )
    assert isinstance(raised.value.__cause__, TypeError)
    assert stock.finished == []


W3 = Weakness(
    "W3",
    "A",
    "The RPC handlers are attributes of the class, by the identity of the avatar.",
    stock="With two rooms in one process, a finish in one room finishes the segment of the other.",
    ours="Each room has its own handlers.",
    avoided_in=[
        "tests/unit/test_room_isolation.py::test_rooms_in_one_process_share_no_word_and_no_take",
        "tests/livekit/test_laws.py::test_two_rooms_in_one_process_stay_separate",
    ],
)


@W3.shown_by
async def test_finish_in_one_stock_room_finishes_the_segment_of_another_room() -> None:
    one, other = StockAgent(StockHub()), StockAgent(StockHub())
    await one.say(1.0)
    await other.say(1.0)
    await one.finish(1.0)
    assert one.finished == []
    assert len(other.finished) == 1


W4 = Weakness(
    "W4",
    "B",
    "The worker ignores the response `reject`.",
    stock="A rejected `lk.playback_finished` is neither repeated nor logged, so the agent waits.",
    ours="The worker logs a rejection, and repeats state and position in its heartbeat.",
)


@W4.shown_by
async def test_stock_receiver_ignores_a_rejected_finish(caplog: pytest.LogCaptureFixture) -> None:
    async with StockReceiver() as stock:
        stock.agent.local_participant.register_rpc_method(FINISHED, lambda _: "reject")
        with caplog.at_level(logging.INFO):
            stock.receiver.notify_playback_finished(1.0, False)
            await asyncio.sleep(MINUTE_S)
        assert [call.method for call in stock.worker.local_participant.calls] == [FINISHED]
        assert caplog.messages == []


@with_worker
@W4.avoided_by
async def test_agent_that_rejects_an_rpc_gets_the_state_by_heartbeat(
    harness: WorkerHarness, caplog: pytest.LogCaptureFixture
) -> None:
    harness.agent.router.rpc(wire.TAKE_RPC, "avatar", lambda *_: wire.REJECT)
    await harness.whole(0.5)
    await asyncio.sleep(0.5)
    assert harness.turns == []
    assert harness.reports[-1][1].state.value == "done"
    assert harness.reports[-1][1].position_s == pytest.approx(0.5)
    rejected = [record for record in caplog.records if "rejected the RPC" in record.message]
    assert [record.levelno for record in rejected] == [logging.WARNING] * 2


W4B = Weakness(
    "W4b",
    "B",
    "Audio and RPCs share one ordered channel, and the agent sends audio without a limit.",
    stock="A minute of audio is sent at once, and `lk.clear_buffer` is sent after it.",
    ours="At most 0.5 s of audio is sent ahead; a lossy message, not in the same order, also "
    "clears the take.",
    untested="The test shows only that all audio is sent before the clear. The row "
    "`clear_loaded_ms` in [What a listener hears and sees](performance.md) contains the delay of "
    "the clear in a real room.",
    avoided_in=[
        "tests/unit/test_byte_stream_sink.py::"
        "test_cut_sends_the_take_id_and_then_closes_the_stream",
    ],
)


@W4B.shown_by
async def test_stock_output_sends_a_minute_of_audio_at_once() -> None:
    stock = StockAgent()
    await stock.say(MINUTE_S)
    (writer,) = stock.writers
    assert {at for at, _ in writer.chunks} == {0.0}
    assert sum(len(chunk) for _, chunk in writer.chunks) == 2 * RATE_HZ * MINUTE_S
    stock.output.clear_buffer()
    await asyncio.sleep(0.1)
    assert [call.method for call in stock.room.local_participant.calls] == [CLEAR]


@W4B.avoided_by
async def test_player_sends_at_most_half_a_second_of_a_minute_ahead() -> None:
    harness = PlayerHarness(run_ahead_s=0.5)
    harness.say(MINUTE_S)
    await asyncio.sleep(5.0)
    assert 0.4 < harness.avatar.max_ahead_s <= 0.5 + 1e-6
    harness.clear()
    await harness.aclose()


W4C = Weakness(
    "W4c",
    "B",
    "The chunks of an addressed byte stream have no destination.",
    stock="Every participant of the room receives the agent's raw audio (livekit before 1.2).",
    ours="The header, each chunk and the trailer are addressed to the avatar.",
    shown_in=[
        "tests/livekit/test_interop.py::test_agent_of_livekit_agents_speaks_through_our_worker"
    ],
    avoided_in=[
        "tests/room_link/test_link_streams.py::test_stream_reaches_only_its_receivers",
        "tests/livekit/test_laws.py::test_every_word_of_two_turns_is_heard_once",
    ],
)
