"""Runs one cell of the fault matrix: a turn with the fault, and a turn after it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from unittest.mock import patch

from avatar_core.agents.create import create_avatar
from avatar_core.contracts.errors import JoinTimeoutError
from avatar_core.contracts.tracks import QUEUE_S
from avatar_core.settings import AvatarSettings
from avatar_core.testing.audio.tones import PAUSE_S, TONE_S, VOCABULARY, WORD_S
from avatar_core.testing.clock import now
from avatar_core.testing.conversation import Conversation
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.testing.room import link as memory_link
from avatar_core.testing.room.context import IN_MEMORY
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.turn import Turn
from tests.matrix.actions import Actions
from tests.matrix.cells import PAUSED_S, Cell, Kind, Phase
from tests.matrix.faults import AT_ONCE_S, Effect
from tests.matrix.other_voice import RingedAudio
from tests.matrix.promises import Promises
from tests.matrix.provider import MatrixProvider, TriggeredClock

FIRST, SECOND = VOCABULARY[:10], VOCABULARY[18:26]
FAULT_WORD = 4
TICK_S = 0.005
TURN_S = 40.0
JOIN_S = 0.3
AFTER_S = 0.5
NEXT_JOIN_S = 4.0
START_S = 0.2
"""Seconds from the call of `say` to the middle of the first tone."""
STOP_S = 1.0
EVENT_S = 1.0
"""Seconds until an interrupted turn must have ended (`STOP_S`), and seconds after a fault until the
application must have got an event (`EVENT_S`)."""
RUN_AHEAD_S = {Kind.OURS: 0.5}
VENDOR_RUN_AHEAD_S = 1.0


class CellRun:
    """One conversation with the fault of a cell.

    Args:
        cell: The cell.
    """

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._room = MemoryRoom()
        self._provider: MatrixProvider | None = None
        self._clock = TriggeredClock()
        self._fault_at = 0.0

    async def run(self) -> tuple[list[str], str]:
        """Run the cell.

        Returns:
            One sentence for each broken promise, and the timeline.
        """
        patched = RingedAudio if self._cell.kind is Kind.OTHER_VOICE else None
        if patched is not None:
            with patch.object(memory_link, "MemoryRemoteAudio", patched):
                return await self._run()
        return await self._run()

    async def _run(self) -> tuple[list[str], str]:
        faults: list[str] = []
        settings = AvatarSettings(retries=2)
        avatar = create_avatar(self._chain(), livekit=IN_MEMORY, settings=settings)
        async with Conversation(avatar, self._room) as self._talk:
            self._promises = Promises(self._talk, self._provider)
            self._actions = Actions(self._talk, self._provider)
            try:
                async with asyncio.timeout(TURN_S):
                    faults += [fault async for fault in self._first_turn()]
                async with asyncio.timeout(TURN_S):
                    await self._say_second()
            except TimeoutError:
                faults.append(f"a turn did not end within {TURN_S:g} s")
            await self._actions.aclose()
            faults += self._find_faults()
            timeline = self._promises.timeline()
        faults += self._promises.find_sessions_alive()
        return faults, timeline

    def _chain(self) -> str | MatrixProvider:
        cell = self._cell
        if cell.kind is Kind.VOICE:
            return "voice"
        protocol = cell.kind.value
        run_ahead_s = RUN_AHEAD_S.get(cell.kind, VENDOR_RUN_AHEAD_S)
        self._provider = provider = MatrixProvider(self._room, protocol, run_ahead_s)
        if cell.phase is Phase.NEXT:
            first = f"{protocol},crash_at_s={AT_ONCE_S}"
            self._first_clock = TriggeredClock()
            provider.planned.append((Scenario.parse(first), self._first_clock))
        faulty = f"{protocol},{cell.fault.scenario}"
        if cell.phase in (Phase.BEFORE_JOIN, Phase.JOINING) and "join" not in faulty:
            faulty += f",join_delay_s={JOIN_S}"
        provider.planned.append((Scenario.parse(faulty), self._clock))
        return provider

    def _start_fault(self) -> None:
        self._fault_at = now()
        self._promises.note(f"fault: {self._cell.fault.name}")
        self._clock.start()
        if self._cell.fault.action:
            self._actions.start(self._cell.fault.action)

    async def _first_turn(self) -> AsyncIterator[str]:
        phase, talk = self._cell.phase, self._talk
        if phase is Phase.BEFORE_JOIN:
            self._start_fault()
        elif phase is Phase.JOINING:
            waiting = asyncio.create_task(self._fail_at_join())
        else:
            await talk.avatar.wait_for_join()
        turn = talk.say(FIRST)
        self._promises.note("say")
        await self._act(turn)
        if phase is Phase.JOINING:
            await waiting
        stopped_at = now()
        await talk.over(turn)
        if turn.cut and now() - stopped_at > STOP_S + 0.35:
            yield f"the interrupted turn ended after {now() - stopped_at:.2f} s"
        if phase is Phase.BETWEEN:
            self._start_fault()
            await asyncio.sleep(AFTER_S)

    async def _act(self, turn: Turn) -> None:
        phase, output = self._cell.phase, self._talk.session.output.audio
        if phase is Phase.FIRST_CHUNK:
            await self._wait_for_sound(turn)
            self._start_fault()
        elif phase is Phase.LAST_CHUNK:
            await self._wait_for_word(turn, len(FIRST) - 2)
            self._start_fault()
        elif phase is Phase.NEXT:
            await self._wait_for_word(turn, 2)
            assert self._provider is not None
            self._provider.provision_s = JOIN_S
            self._promises.note("the first avatar is killed")
            self._first_clock.start()
            await self._provider.provisioning.wait()
            self._start_fault()
        elif phase in (Phase.MID_WORD, Phase.PAUSE, Phase.CLEAR, Phase.PAUSED, Phase.RECONNECT):
            await self._wait_for_word(turn, FAULT_WORD)
        if phase is Phase.PAUSE:
            await asyncio.sleep((TONE_S + PAUSE_S) / 2)
        if phase is Phase.CLEAR:
            turn.cut = True
            turn.handle.interrupt()
            self._promises.note("interrupt")
        elif phase is Phase.PAUSED:
            assert output is not None
            output.pause()
            self._promises.note("pause")
        elif phase is Phase.RECONNECT:
            self._actions.reconnect_agent()
            self._promises.note("the agent reconnects")
            await asyncio.sleep(0.04)
        if phase in (Phase.MID_WORD, Phase.PAUSE, Phase.CLEAR, Phase.PAUSED, Phase.RECONNECT):
            self._start_fault()
        if phase is Phase.PAUSED:
            assert output is not None
            await asyncio.sleep(PAUSED_S)
            output.resume()
            self._promises.note("resume")

    async def _fail_at_join(self) -> None:
        while len(self._room.members) < 2:  # noqa: ASYNC110
            await asyncio.sleep(TICK_S)
        self._start_fault()

    async def _wait_for_word(self, turn: Turn, word: int) -> None:
        if Scenario.parse(self._cell.fault.scenario).adds_sound:  # the room is never silent
            await asyncio.sleep(START_S + word * WORD_S)
        else:
            await self._talk.until_heard(turn, word)

    async def _wait_for_sound(self, turn: Turn) -> None:
        while not any(run.end_s > turn.said_at for run in self._room.recording.runs):  # noqa: ASYNC110
            await asyncio.sleep(TICK_S)

    async def _say_second(self) -> None:
        if self._cell.phase is Phase.NEXT:
            with suppress(JoinTimeoutError):
                await self._talk.avatar.wait_for_join(timeout=NEXT_JOIN_S)
        self._promises.note("say again")
        await self._talk.over(self._talk.say(SECOND))

    def _find_faults(self) -> Iterator[str]:
        cell, failures = self._cell, self._promises.failures()
        yield from self._promises.find_breaches(cell.longest_silence_s)
        if cell.phase is Phase.NEXT:
            failures = [failure for failure in failures if failure[0] > self._fault_at]
        if cell.is_harmless and failures:
            yield f"false fault: {failures[0][1]}"
        if cell.is_harmless and cell.kind is not Kind.VOICE and not self._promises.is_live:
            yield "no avatar is in use at the end"
        is_due = cell.fault.effect in (Effect.ABSENT, Effect.SILENT)
        if is_due and cell.phase in (Phase.MID_WORD, Phase.PAUSE) and not cell.fault.is_constant:
            late_s = min((at for at, _ in failures), default=float("inf")) - self._fault_at
            if late_s > EVENT_S + QUEUE_S:
                yield f"the application got an event {late_s:.2f} s after the fault"
