"""Events in the room and in the process of the agent, of which the avatar must not be lost."""

from __future__ import annotations

import asyncio
import itertools
import random
import time

from avatar_core.testing.listener import Listener
from avatar_core.testing.server.tokens import create_token
from tests.livekit.barge_in import Microphone
from tests.livekit.live_conversation import LiveConversation

BLOCK_S = 0.3
BLOCK_EVERY_S = 3.0, 12.0
VISIT_EVERY_S, VISIT_S = (4.0, 15.0), (1.0, 8.0)
MUTE_EVERY_S = 2.0, 10.0


class Disturbances:
    """Listeners that come and leave, a user who mutes, and a blocked event loop of the agent.

    Args:
        conversation: The conversation to disturb.
        dice: A random generator.

    Attributes:
        log: The loop time and the name of each event.
    """

    def __init__(self, conversation: LiveConversation, dice: random.Random) -> None:
        self.log: list[tuple[float, str]] = []
        self._conversation = conversation
        self._dice = dice
        self._tasks: list[asyncio.Task[None]] = []
        self._microphone = Microphone(conversation.listener.link)

    async def __aenter__(self) -> Disturbances:
        await self._microphone.open()
        for work in (self._block(), self._visit(), self._mute()):
            self._tasks.append(asyncio.create_task(work))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._microphone.aclose()
        for result in results:
            if isinstance(result, Exception):
                raise result

    def since(self, at_s: float) -> str:
        """Return the events after a loop time as text.

        Args:
            at_s: The loop time.
        """
        events = [f"{time_s - at_s:.2f} {name}" for time_s, name in self.log if time_s >= at_s]
        return ", ".join(events) or "none"

    async def _block(self) -> None:
        while True:
            await asyncio.sleep(self._dice.uniform(*BLOCK_EVERY_S))
            self._note("the loop blocks")
            time.sleep(BLOCK_S)  # noqa: ASYNC251 - the loop must block

    async def _visit(self) -> None:
        conversation = self._conversation
        for number in itertools.count():
            await asyncio.sleep(self._dice.uniform(*VISIT_EVERY_S))
            token = create_token(conversation.server, conversation.room_name, f"guest-{number}")
            guest = await Listener.join(conversation.server.url, token, lambda *_: None)
            self._note("a listener joined")
            try:
                await asyncio.sleep(self._dice.uniform(*VISIT_S))
            finally:
                await guest.aclose()
            self._note("a listener left")

    async def _mute(self) -> None:
        room = self._conversation.listener.link.room
        track = next(iter(room.local_participant.track_publications.values())).track
        assert track is not None
        for mute in itertools.cycle((track.mute, track.unmute)):
            await asyncio.sleep(self._dice.uniform(*MUTE_EVERY_S))
            mute()
            self._note(mute.__name__)

    def _note(self, name: str) -> None:
        self.log.append((asyncio.get_running_loop().time(), name))
