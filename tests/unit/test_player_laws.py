"""The laws of playback in random conversations.

A failure prints its timeline, its script as an `@example(...)` to paste above the failed test, and
hypothesis's own `@reproduce_failure(...)`, which is valid for this version of the code only.
`AVATAR_TEST_EXAMPLES=5000` tries more random examples; without it the examples are always the
same 850.
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
from avatar_core.testing.fake_transport import lost_error, speech
from avatar_core.testing.player_harness import NOTICED_S, PlayerHarness

EXAMPLES = os.environ.get("AVATAR_TEST_EXAMPLES", "")
CUT_S, REWIND_S, REPORT_S = 0.4, 0.6, 0.05


class Conversation:
    """Performs the actions of a script and checks the laws at its end."""

    def __init__(self, has_voice: bool) -> None:
        self.harness = PlayerHarness(has_voice=has_voice)
        self.tasks: list[asyncio.Task[None]] = []
        self.has_false_claims = self.has_unconfirmed_cuts = False
        self.losses = 0

    def do(self, action: str) -> None:
        """Perform one action."""
        harness, avatar = self.harness, self.harness.avatar
        actions: dict[str, Callable[[], object]] = {
            "say": lambda: harness.say(1.3),
            "say a word": lambda: harness.say(0.25),
            "say nothing": lambda: harness.say(0.0),
            "push": lambda: harness.push(speech(0.4, seed=harness.segment_count)),
            "push an odd length": lambda: harness.push(speech(0.0301, seed=7)),
            "end": harness.end,
            "clear": harness.clear,
            "pause": harness.pause,
            "resume": harness.resume,
            "pause, resume": lambda: (harness.pause(), harness.resume()),
            "restart": lambda: harness.player.restart(avatar.transport),
            "lose": lambda: (avatar.die(), self._lose()),
            "die": self._die,
            "raise": self._raise,
            "finish early": avatar.finish_early,
            "slow": lambda: setattr(avatar, "push_s", 0.03),
            "slow to begin": lambda: setattr(avatar, "begin_s", 0.2),
            "fast": lambda: (setattr(avatar, "push_s", 0.0), setattr(avatar, "begin_s", 0.0)),
            "cuts late": lambda: setattr(avatar, "cut_s", 0.3),
            "cuts never": self._never_confirm_cuts,
            "claim impossible": lambda: [avatar.claim(x) for x in (math.nan, -math.inf, -1.0)],
            "claim too much": lambda: self._claim(1e9),
            "claim done": lambda: self._claim(0.1, TakeState.DONE),
            "claim cut": lambda: self._claim(0.1, TakeState.CUT),
        }
        actions[action]()

    def _lose(self) -> None:
        self.losses += self.harness.avatar.transport.lost is None
        self.harness.lose()

    def _die(self) -> None:
        if not self.harness.avatar.dead:
            self.losses += 1
            self.tasks.append(asyncio.create_task(self.harness.die()))

    def _raise(self) -> None:
        self.harness.avatar.push_error = lost_error()
        self.losses += 1

    def _never_confirm_cuts(self) -> None:
        self.harness.avatar.cut_s = None
        self.has_unconfirmed_cuts = True

    def _claim(self, position_s: float, state: TakeState | None = None) -> None:
        self.has_false_claims = True
        self.harness.avatar.claim(position_s, state)

    async def check(self) -> None:
        """Check that every segment finished in time and was heard whole, as far as it must be."""
        harness = self.harness
        if harness.is_segment_open:
            harness.end()
        harness.resume()
        sound_s = sum(len(pcm) for pcm in harness.pushed.values()) / harness.format.bytes_per_s
        slow = 1.0 if harness.avatar.push_s == 0 else 2.5
        takes_s = 0.4 * len(harness.pushed) + 3 * (REWIND_S + NOTICED_S + CUT_S)
        if harness.pushed:
            await harness.wait_finished(len(harness.pushed), within_s=slow * sound_s + takes_s)
        await asyncio.gather(*self.tasks)
        for segment_id in harness.pushed:
            if self.has_false_claims or harness.observer.interrupted[segment_id]:
                continue
            cuts = sum(take.state is TakeState.CUT for take in harness.observer.takes)
            again_s = self.losses * (REWIND_S + REPORT_S + 0.01)
            if self.has_unconfirmed_cuts:  # audio heard since the last report is repeated
                again_s += cuts * (REPORT_S + 0.01)
            harness.check_all_heard(segment_id, repeated_s=again_s)
            assert abs(harness.observer.position_s[segment_id] - self._pushed_s(segment_id)) < 0.006
        if not self.has_false_claims:
            for segment_id, position_s in harness.observer.position_s.items():
                counts = harness.count_heard(segment_id)
                heard_s = (counts.nonzero()[0].max() + 1) / 24_000 if counts.any() else 0.0
                assert position_s <= heard_s + 0.006, f"segment {segment_id} leads: {position_s}"
                assert segment_id in harness.observer.started_ids or position_s == 0.0
        await harness.aclose()

    def _pushed_s(self, segment_id: int) -> float:
        return self.harness.format.duration_s(len(self.harness.pushed[segment_id]))


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Disable the log, so that the timeline of a failure is easy to find."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


ACTIONS = [
    *("say", "say", "say a word", "say nothing", "push", "push", "push an odd length", "end"),
    *("clear", "clear", "pause", "pause", "resume", "resume", "pause, resume", "pause, resume"),
    *("restart", "lose", "die", "raise", "finish early"),
    *("slow", "slow to begin", "fast", "cuts late", "cuts never"),
    *("claim impossible", "claim too much", "claim done", "claim cut"),
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
actions_tried = 0
"""Actions of all scripts so far."""


def converse(script: list[tuple[float, str]], voice: bool) -> None:
    """Run one conversation from beginning to end; note what a failure prints."""

    async def main() -> None:
        conversation = Conversation(has_voice=voice)
        try:
            for gap_s, action in script:
                if gap_s:
                    await asyncio.sleep(gap_s)
                conversation.harness.timeline.note(f"script: {action}")
                conversation.do(action)
            await conversation.check()
        finally:
            note("\n".join(conversation.harness.timeline.lines[-120:]))
            note(f"To reproduce: @example({script!r}, {voice!r})")

    run(main())


@LAWS
@given(SCRIPTS, st.booleans())
@example([(0.0, "say"), (0.5, "lose"), (0.1, "pause, resume"), (0.0, "say")], True)
def test_random_conversation_keeps_the_laws(script: list[tuple[float, str]], voice: bool) -> None:
    global actions_tried
    actions_tried += len(script)
    converse(script, voice)


def test_failed_random_conversation_prints_its_example(monkeypatch: pytest.MonkeyPatch) -> None:
    async def planted(conversation: Conversation) -> None:
        await conversation.harness.aclose()
        raise AssertionError("planted")

    monkeypatch.setattr(Conversation, "check", planted)
    law = LAWS(given(st.just([(0.0, "say")]), st.booleans())(converse))
    with pytest.raises(AssertionError, match="planted") as caught:
        law()
    printed = "\n".join(caught.value.__notes__)
    assert "script: say" in printed, "the timeline is missing"
    assert "@example([(0.0, 'say')], False)" in printed
    assert "@reproduce_failure(" in printed


def test_random_scripts_perform_at_least_10_000_actions() -> None:
    """The first test of this module performs the actions."""
    if actions_tried:  # 0 if this test runs alone
        assert actions_tried >= 10_000
