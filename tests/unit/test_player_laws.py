"""The laws of the player under random conversations.

A failure prints its timeline, its script as an `@example(...)` to paste above the test that
failed, and hypothesis's own `@reproduce_failure(...)`, which holds for this code alone.
`AVATAR_TEST_EXAMPLES=5000` looks much longer; without it the examples are few and fixed.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st

from avatar_core.contracts.playback import TakeState
from avatar_core.testing.clock import run
from avatar_core.testing.fake_transport import FakeTransport, lost, speech
from avatar_core.testing.player_harness import SILENT_S, World

EXAMPLES = os.environ.get("AVATAR_TEST_EXAMPLES", "")
CUT_S, REWIND_S, REPORT_S = 0.4, 0.6, 0.05


class Conversation:
    """Does what a script says, keeps what it may cost, and judges the end."""

    def __init__(self, has_voice: bool) -> None:
        self.world = World(has_voice=has_voice)
        self.tasks: list[asyncio.Task[None]] = []
        self.liars = self.deaf = False
        self.losses = self.unheard_cuts = 0

    @property
    def _transports(self) -> list[FakeTransport]:
        return [self.world.avatar, *([self.world.voice] if self.world.voice else [])]

    def do(self, action: str) -> None:
        """One thing happens."""
        world, avatar = self.world, self.world.avatar
        what: dict[str, Callable[[], object]] = {
            "say": lambda: world.say(1.3),
            "say a word": lambda: world.say(0.25),
            "say nothing": lambda: world.say(0.0),
            "push": lambda: world.push(speech(0.4, seed=world._begun)),
            "push an odd bit": lambda: world.push(speech(0.0301, seed=7)),
            "end": world.end,
            "clear": world.clear,
            "pause": world.pause,
            "resume": world.resume,
            "pause, resume": lambda: (world.pause(), world.resume()),
            "restart": lambda: world.player.restart(avatar.transport),
            "lose": lambda: (avatar.die(), self._lost()),
            "die": self._die,
            "raise": self._raise,
            "split": avatar.split,
            "slow": lambda: setattr(avatar, "push_s", 0.03),
            "slow to begin": lambda: setattr(avatar, "begin_s", 0.2),
            "fast": lambda: (setattr(avatar, "push_s", 0.0), setattr(avatar, "begin_s", 0.0)),
            "cuts late": lambda: setattr(avatar, "cut_s", 0.3),
            "cuts never": self._deafen,
            "claim nonsense": lambda: [avatar.lie(x) for x in (math.nan, -math.inf, -1.0)],
            "claim too much": lambda: self._lie(1e9),
            "claim done": lambda: self._lie(0.1, TakeState.DONE),
            "claim cut": lambda: self._lie(0.1, TakeState.CUT),
        }
        what[action]()

    def _lost(self) -> None:
        self.losses += self.world.avatar.transport.lost is None
        self.world.lose()

    def _die(self) -> None:
        if not self.world.avatar.dead:
            self.losses += 1
            self.tasks.append(asyncio.create_task(self.world.die()))

    def _raise(self) -> None:
        self.world.avatar.push_error = lost()
        self.losses += 1

    def _deafen(self) -> None:
        self.world.avatar.cut_s = None
        self.deaf = True

    def _lie(self, position_s: float, state: TakeState | None = None) -> None:
        self.liars = True
        self.world.avatar.lie(position_s, state)

    async def judge(self) -> None:
        """All that was said is finished, in time, and was heard."""
        world = self.world
        if world._open:
            world.end()
        world.resume()
        sound_s = sum(len(pcm) for pcm in world.said.values()) / world.format.bytes_per_s
        slow = 1.0 if world.avatar.push_s == 0 else 2.5
        takes_s = 0.4 * len(world.said) + 3 * (REWIND_S + SILENT_S + CUT_S)
        if world.said:
            await world.finished(len(world.said), within_s=slow * sound_s + takes_s)
        await asyncio.gather(*self.tasks)
        for segment_id in world.said:
            if self.liars or world.ear.interrupted[segment_id]:
                continue
            cuts = sum(take.state is TakeState.CUT for take in world.ear.takes)
            again_s = self.losses * (REWIND_S + REPORT_S + 0.01)
            if self.deaf:  # what was heard since the last report is said again
                again_s += cuts * (REPORT_S + 0.01)
            world.check_whole(segment_id, twice_s=again_s)
            assert abs(world.ear.position_s[segment_id] - self._said_s(segment_id)) < 0.006
        if not self.liars:
            for segment_id, position_s in world.ear.position_s.items():
                counts = world.counts(segment_id)
                heard_s = (counts.nonzero()[0].max() + 1) / 24_000 if counts.any() else 0.0
                assert position_s <= heard_s + 0.006, f"segment {segment_id} leads: {position_s}"
                assert segment_id in world.ear.started_ids or position_s == 0.0
        await world.aclose()

    def _said_s(self, segment_id: int) -> float:
        return self.world.format.duration_s(len(self.world.said[segment_id]))


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The timeline is what to read; ten thousand lines of log would hide it."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


ACTIONS = [
    *("say", "say", "say a word", "say nothing", "push", "push", "push an odd bit", "end"),
    *("clear", "clear", "pause", "pause", "resume", "resume", "pause, resume", "pause, resume"),
    *("restart", "lose", "die", "raise", "split"),
    *("slow", "slow to begin", "fast", "cuts late", "cuts never"),
    *("claim nonsense", "claim too much", "claim done", "claim cut"),
]
GAPS = st.sampled_from([0.0, 0.0, 0.001, 0.01, 0.02, 0.04, 0.07, 0.15, 0.3, 0.5, 1.0, 1.7])
EVENT = st.tuples(GAPS, st.sampled_from(ACTIONS))
SCRIPTS = st.lists(EVENT, min_size=10, max_size=16).map(lambda events: [(0.0, "say"), *events])
LAWS = settings(
    max_examples=int(EXAMPLES or 850),
    derandomize=not EXAMPLES,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
tried = 0
"""Events of all scripts so far."""


def converse(script: list[tuple[float, str]], voice: bool) -> None:
    """One conversation from beginning to end; notes what a failure prints."""

    async def main() -> None:
        conversation = Conversation(has_voice=voice)
        try:
            for gap_s, action in script:
                if gap_s:
                    await asyncio.sleep(gap_s)
                conversation.world.timeline.note(f"script: {action}")
                conversation.do(action)
            await conversation.judge()
        finally:
            note("\n".join(conversation.world.timeline.lines[-120:]))
            note(f"To reproduce: @example({script!r}, {voice!r})")

    run(main())


@LAWS
@given(SCRIPTS, st.booleans())
@example([(0.0, "say"), (0.5, "lose"), (0.1, "pause, resume"), (0.0, "say")], True)
def test_every_conversation_keeps_the_laws(script: list[tuple[float, str]], voice: bool) -> None:
    global tried
    tried += len(script)
    converse(script, voice)


def test_a_failure_says_how_to_reproduce_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def planted(conversation: Conversation) -> None:
        await conversation.world.aclose()
        raise AssertionError("planted")

    monkeypatch.setattr(Conversation, "judge", planted)
    law = LAWS(given(st.just([(0.0, "say")]), st.booleans())(converse))
    with pytest.raises(AssertionError, match="planted") as caught:
        law()
    printed = "\n".join(caught.value.__notes__)
    assert "script: say" in printed, "the timeline"
    assert "@example([(0.0, 'say')], False)" in printed
    assert "@reproduce_failure(" in printed


def test_enough_was_tried() -> None:
    """Ten thousand steps at the least; the test before this one has taken them."""
    if tried:  # 0 where this test runs alone
        assert tried >= 10_000
