"""Random conversations with random faults, each the same for the same seed."""

from __future__ import annotations

import asyncio
import random

from avatar_core.agents.create import create_avatar
from avatar_core.settings import AvatarSettings
from avatar_core.testing.audio.tones import VOCABULARY, WORD_S
from avatar_core.testing.clock import now
from avatar_core.testing.conversation import Conversation
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.testing.room.context import IN_MEMORY
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.turn import Turn
from tests.matrix.actions import Actions
from tests.matrix.cell_run import RUN_AHEAD_S, STOP_S, VENDOR_RUN_AHEAD_S
from tests.matrix.cells import HOLD_S, Cell, Kind, Phase, makes_sense
from tests.matrix.faults import FAULTS, NEVER_HEARD_S, Effect, Fault
from tests.matrix.promises import Promises
from tests.matrix.provider import SESSION_END, MatrixProvider, TriggeredClock

STEPS = 20
"""Turns of one conversation."""
LONGEST_SILENCE_S = HOLD_S + NEVER_HEARD_S
"""The longest silence of any fault, which may begin while the first speech waits for the avatar."""
TURN_S = 60.0
BEFORE_JOIN = "before the avatar joined"
"""A part of the error of a worker that failed before its join; the error has no identity."""
KINDS = (Kind.OURS, Kind.STOCK, Kind.SILENT_STOCK, Kind.ALTERED)
ACTIONS = (
    *("nothing", "fault", "fault", "interrupt", "pause", "retry", "end_session"),
    *("let_listener_come_and_go", "reconnect_agent", "hang_agent", "publish_second_track"),
)
MANY_RETRIES = 1000
IDLE_S = (0.0, 0.1, 0.5, 1.5, 4.0)


class Walk:
    """One random conversation of `STEPS` turns, with one action in each turn.

    Args:
        seed: The seed of the whole run.
        number: The number of the conversation.
    """

    def __init__(self, seed: int, number: int) -> None:
        self._draw = random.Random(f"{seed} {number}")
        self.kind = self._draw.choice(KINDS)
        self._room = MemoryRoom()
        run_ahead_s = RUN_AHEAD_S.get(self.kind, VENDOR_RUN_AHEAD_S)
        self._provider = MatrixProvider(self._room, self.kind.value, run_ahead_s)
        self._provider.plan = self._plan_worker
        self._fault = FAULTS[0]
        self._identity = ""
        self._disturbed: set[str] = set()

    async def run(self, first: int = 0) -> tuple[int, list[str], str]:
        """Run the turns; stop after a turn that broke a promise.

        Args:
            first: The turn from which the promises are checked.

        Returns:
            The number of the last turn, a sentence for each broken promise, and the timeline.
        """
        avatar = create_avatar(
            self._provider, livekit=IN_MEMORY, settings=AvatarSettings(retries=MANY_RETRIES)
        )
        async with Conversation(avatar, self._room) as self._talk:
            self._promises = Promises(self._talk, self._provider)
            self._actions = Actions(self._talk, self._provider)
            step, timeline = 0, ""
            faults: list[str] = []
            for step in range(STEPS):
                faults = await self._take_step()
                timeline = self._promises.timeline()
                if faults and step >= first:
                    break
            await self._actions.aclose()
        if not faults:
            faults = list(self._promises.find_sessions_alive())
        return step, faults, timeline

    def _plan_worker(self, identity: str) -> tuple[Scenario, TriggeredClock]:
        allowed = [fault for fault in FAULTS if self._is_possible(fault)]
        self._fault = self._draw.choice(allowed)
        self._identity = identity
        if self._fault.is_constant and self._fault.effect is not Effect.NONE:
            self._disturbed.add(identity)
        text = f"{self.kind.value},{self._fault.scenario},seed={self._draw.randrange(1000)}"
        return Scenario.parse(text), TriggeredClock()

    def _is_possible(self, fault: Fault) -> bool:
        return not fault.action and any(
            makes_sense(Cell(fault, phase, self.kind)) for phase in Phase
        )

    @property
    def _hides_behind_sound(self) -> bool:
        """Whether a second sound of the avatar hides the fault of its worker.

        The monitor cannot distinguish another sound from a voice that it never heard or that is
        altered ("A second sound of the avatar" in docs/monitor.md). A second track that is not
        muted makes a muted avatar audible, so that the mute equals silence. A worker of ours is not
        heard, and publishes one audio track.
        """
        if self.kind is Kind.OURS:
            return self._fault.effect is Effect.ABSENT
        runs = self._talk.room.recording.runs
        was_heard = any(run.identity == self._identity for run in runs)
        is_known = was_heard and self.kind is not Kind.ALTERED
        is_absent = self._fault.effect is Effect.ABSENT and self._identity in self._disturbed
        return (self._fault.effect is Effect.SILENT or is_absent) and not is_known

    async def _take_step(self) -> list[str]:
        draw, talk, promises = self._draw, self._talk, self._promises
        promises.begin()
        action, size = draw.choice(ACTIONS), draw.randint(2, 10)
        acts_at_s = draw.uniform(-0.5, size * WORD_S + 0.5)
        if acts_at_s < 0:
            promises.note(f"{action} before the turn, {self._fault.name}")
            await self._act(action, None)
            await asyncio.sleep(-acts_at_s)
        turn = talk.say(draw.sample(VOCABULARY, size))
        promises.note("say " + " ".join(turn.spoken_words))
        faults: list[str] = []
        try:
            async with asyncio.timeout(TURN_S):
                if acts_at_s >= 0:
                    await asyncio.sleep(acts_at_s)
                    promises.note(f"{action}, {self._fault.name}")
                    await self._act(action, turn)
                    acted_at = now()
                await turn.handle
                if turn.cut and now() - acted_at > STOP_S + 0.05:
                    faults.append(f"the interrupted turn ended after {now() - acted_at:.2f} s")
                await talk.over(turn)
        except TimeoutError:
            faults.append(f"the turn did not end within {TURN_S:g} s")
        faults += promises.find_breaches(LONGEST_SILENCE_S)
        for _, error in promises.failures():
            if SESSION_END not in error and not any(one in error for one in self._disturbed):
                faults.append(f"false fault: {error}")
        await asyncio.sleep(draw.choice(IDLE_S))
        return faults

    async def _act(self, action: str, turn: Turn | None) -> None:
        output = self._talk.session.output.audio
        assert output is not None
        if action == "fault":
            if self._fault.effect is not Effect.NONE:
                self._disturbed |= {self._identity or BEFORE_JOIN, BEFORE_JOIN}
            self._provider.clock.start()
        elif action == "interrupt":
            if turn is not None and not turn.handle.done():
                turn.cut = True
                turn.handle.interrupt()
        elif action == "pause":
            output.pause()
            await asyncio.sleep(self._draw.uniform(0.05, 1.0))
            output.resume()
        elif action == "retry":
            task = asyncio.ensure_future(self._talk.avatar.retry())
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        elif action == "end_session":
            self._disturbed.add(self._identity)
            self._actions.start(action)
        elif action == "publish_second_track" and self._hides_behind_sound:
            return
        elif action != "nothing":
            self._actions.start(action)
