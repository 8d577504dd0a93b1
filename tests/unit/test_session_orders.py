"""Calls of an application in any order: somebody speaks, nothing hangs, no word is lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from avatar_core.testing.audio.tones import VOCABULARY
from avatar_core.testing.clock import run
from avatar_core.testing.room.room import MemoryRoom
from tests.support.session_orders import PROVIDERS, OrderHarness, Step

EXAMPLES = 150
SIMPLE = ("session", "say", "ask", "interrupt", "off", "on", "disable", "enable", "handoff")
STEPS = st.one_of(
    st.tuples(st.sampled_from((*SIMPLE, "reconnect")), st.just(0.0)),
    st.tuples(st.just("say"), st.just(0.0)),
    st.tuples(st.just("start"), st.sampled_from([float(i) for i in range(len(PROVIDERS))])),
    st.tuples(st.just("close"), st.sampled_from([0.0, 1.0, 2.0])),
    st.tuples(st.just("wait"), st.sampled_from([0.0, 0.05, 0.4, 0.7, 1.3, 3.0])),
)
SESSION, SAY, ASK, OFF, ON = ((name, 0.0) for name in ("session", "say", "ask", "off", "on"))
MOCK, VOICE, LATE_MOCK = ("start", 0.0), ("start", 1.0), ("start", 2.0)
UNCONFIRMED_MOCK = ("start", 5.0)
CLOSE, WAIT, INTERRUPT = ("close", 0.0), ("wait", 0.7), ("interrupt", 0.0)


def faults_of(steps: Sequence[Step], is_realtime: bool) -> list[str]:
    """Run one order in virtual time, and return its faults."""

    async def main() -> list[str]:
        """Run the order."""
        return await OrderHarness(is_realtime=is_realtime).run(steps)

    return run(main())


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, min_size=1, max_size=12), is_realtime=st.booleans())
@example(steps=[MOCK, CLOSE, SESSION, SAY], is_realtime=False)
@example(steps=[SESSION, SAY, WAIT, MOCK, SAY], is_realtime=False)
@example(steps=[SESSION, MOCK, SAY, WAIT, VOICE, SAY], is_realtime=False)
@example(steps=[MOCK, OFF, CLOSE, ON], is_realtime=False)
@example(steps=[SESSION, LATE_MOCK, MOCK, VOICE, CLOSE, SAY], is_realtime=False)
@example(steps=[SESSION, MOCK, ASK, WAIT, ASK, MOCK, SAY], is_realtime=True)
def test_any_order_of_calls_loses_no_word_and_never_hangs(
    steps: list[Step], is_realtime: bool
) -> None:
    logging.disable(logging.CRITICAL)
    try:
        assert faults_of(steps, is_realtime) == []
    finally:
        logging.disable(logging.NOTSET)


MID_SENTENCE = [
    pytest.param([SESSION, SAY, WAIT, MOCK], id="avatar-starts"),
    pytest.param([SESSION, MOCK, SAY, WAIT, MOCK], id="avatar-is-replaced"),
    pytest.param([SESSION, MOCK, SAY, WAIT, CLOSE], id="avatar-is-released"),
    pytest.param([SESSION, MOCK, SAY, WAIT, ("disable", 0.0), ("wait", 3.0)], id="audio-disabled"),
    pytest.param([SESSION, MOCK, SAY, WAIT, OFF, ("wait", 3.0), ON], id="audio-removed"),
    pytest.param([SESSION, MOCK, SAY, WAIT, ("reconnect", 0.0)], id="agent-reconnects"),
]


@pytest.mark.parametrize("steps", MID_SENTENCE)
@pytest.mark.virtual_time
async def test_no_word_is_lost_in_mid_sentence(steps: list[Step]) -> None:
    harness = OrderHarness()
    assert await harness.run(steps) == []
    assert not any(turn.excused for turn in harness.turns)


@pytest.mark.parametrize("wait_s", [0.2 + 0.1 * step for step in range(20)])
@pytest.mark.virtual_time
async def test_speech_that_waited_while_the_avatar_started_keeps_its_history(
    wait_s: float,
) -> None:
    """The text of that speech goes to LiveKit's synchronizer, which the throttle holds back."""
    order = [SESSION, SAY, SAY, WAIT, UNCONFIRMED_MOCK, ("wait", wait_s), INTERRUPT]
    assert await OrderHarness().run(order) == []


@pytest.mark.virtual_time
async def test_idle_avatar_is_replaced_without_a_gap() -> None:
    harness = OrderHarness()
    await harness.run([SESSION, MOCK, ("wait", 3.0), LATE_MOCK, SAY, ("wait", 6.0), SAY])
    assert harness.faults == []
    speakers = [run.identity for run in harness.room.recording.runs]
    assert harness.identity not in speakers
    assert len(set(speakers)) == 2


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.virtual_time
async def test_two_sessions_in_one_room_do_not_disturb_each_other(seed: int) -> None:
    room = MemoryRoom()
    middle = len(VOCABULARY) // 2
    orders = [
        [SESSION, MOCK, SAY, WAIT, VOICE, SAY],
        [LATE_MOCK, SESSION, SAY, WAIT, CLOSE, SAY],
        [MOCK, CLOSE, SESSION, SAY, MOCK, SAY],
    ]
    agents = [
        OrderHarness(room, "agent", VOCABULARY[:middle]),
        OrderHarness(room, "other", VOCABULARY[middle:]),
    ]
    results = await asyncio.gather(
        agents[0].run(orders[seed]), agents[1].run(orders[(seed + 1) % 3])
    )
    assert results == [[], []]
