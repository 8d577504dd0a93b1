"""The laws, against a real server: a real AgentSession speaks through a worker process."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from itertools import pairwise

import pytest

from avatar_core.devserver import DevServer
from tests.livekit.stage import MORE_WORDS, TEST_S, WORDS, Stage

pytestmark = pytest.mark.livekit

Record = Callable[[str, object], None]

CUT_AT = WORDS[5]
FINISHED_WITHIN_S = 1.0
HEARD_AFTER_CUT_S = 0.3
SILENCE_AT_KILL_S = 0.8


def now_s() -> float:
    return asyncio.get_running_loop().time()


def longest_silence_s(stage: Stage, after: float) -> float:
    """Between any two sounds of which the later one begins after that loop time."""
    gaps = [
        begin_s - end_s
        for (_, end_s), (begin_s, _) in pairwise(stage.hearing.ear.sounds())
        if begin_s > after
    ]
    return max(gaps, default=0.0)


async def test_a_turn_is_heard_word_for_word_and_so_is_the_next(server: DevServer) -> None:
    async with asyncio.timeout(TEST_S), Stage(server) as stage:
        await stage.say_all(WORDS)
        await stage.say_all(MORE_WORDS)
        stage.check()
        assert stage.history() == [" ".join(WORDS), " ".join(MORE_WORDS)]


async def test_an_interruption_is_prompt_and_the_next_turn_whole(
    server: DevServer, record_property: Record
) -> None:
    async with asyncio.timeout(TEST_S), Stage(server) as stage:
        turn = stage.say(WORDS)
        await stage.heard_word(CUT_AT)
        cut_at = now_s()
        turn.handle.interrupt()
        await turn.handle
        finished_s = now_s() - cut_at
        await stage.quiet(0.5)
        last_sound_s = stage.hearing.ear.sounds()[-1][1] - cut_at
        record_property("finished_s", finished_s)
        record_property("last_sound_s", last_sound_s)
        assert turn.handle.interrupted
        assert finished_s <= FINISHED_WITHIN_S
        assert last_sound_s <= HEARD_AFTER_CUT_S

        await stage.say_all(MORE_WORDS)
        stage.check(cut=WORDS[5:])


async def test_a_killed_worker_costs_at_most_a_word_said_twice(
    server: DevServer, record_property: Record
) -> None:
    async with asyncio.timeout(TEST_S), Stage(server) as stage:
        turn = stage.say(WORDS)
        await stage.heard_word(CUT_AT)
        killed_at = now_s()
        os.kill(stage.worker().pid, signal.SIGKILL)
        await turn.handle
        await stage.quiet()
        silence_s = longest_silence_s(stage, killed_at)
        record_property("silence_s", silence_s)
        assert silence_s <= SILENCE_AT_KILL_S
        assert not turn.handle.interrupted

        assert stage.avatar.avatar is None
        await stage.say_all(MORE_WORDS)
        stage.check(torn=1)
        assert stage.history() == [" ".join(WORDS), " ".join(MORE_WORDS)]
