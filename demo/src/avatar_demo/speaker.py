"""What the demo's agent says, and the facts it tells of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable
from typing import Any, Protocol

from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice import SpeechHandle
from livekit.agents.voice.room_io import TextInputEvent

from avatar_core.contracts.errors import RoomError
from avatar_core.rtc.link import RtcLink
from avatar_demo.answers import answer_to
from avatar_demo.rpc_names import TELL, Facts
from avatar_demo.speech import Speech, SpokenText

TELL_S = 5.0
TELL_AGAIN_S = 0.5
TELL_TIMES = 60
FRAME_S = 0.02
TTS_SPEED = 5


class Teller:
    """Tells somebody in the room facts, in their order; what is lost is told again.

    Args:
        link: The agent's place in the room.
        listener: Whom, by identity.
        present: Over once the listener is there.
    """

    def __init__(self, link: RtcLink, listener: str, present: Awaitable[object]) -> None:
        self._link = link
        self._listener = listener
        self._present = present
        self._facts: asyncio.Queue[Facts] = asyncio.Queue()
        self._telling = asyncio.create_task(self._tell())

    def tell(self, what: str, **fact: Any) -> None:
        """Say so, as soon as it can be heard."""
        self._facts.put_nowait({"what": what, **fact})

    async def stop(self) -> None:
        """Tell no more."""
        self._telling.cancel()

    async def _tell(self) -> None:
        await self._present
        while True:
            fact = json.dumps(await self._facts.get())
            for _ in range(TELL_TIMES):
                try:
                    await self._link.call(self._listener, TELL, fact, timeout_s=TELL_S)
                    break
                except RoomError:  # the agent may be reconnecting
                    await asyncio.sleep(TELL_AGAIN_S)


class Tells(Protocol):
    """Passes facts on."""

    def tell(self, what: str, **fact: Any) -> None:
        """Say so."""


class Talk:
    """The agent's part of the conversation.

    Args:
        session: Speaks.
        teller: Told how it goes.
    """

    def __init__(self, session: AgentSession[Any], teller: Tells) -> None:
        self._session = session
        self._teller = teller
        self._asked_at: float | None = None
        self._turn = 0
        session.on("agent_state_changed", lambda event: self._changed(event.new_state))

    async def say(self, text: str) -> Facts:
        """Say it, and return how it ended."""
        speech = await asyncio.to_thread(Speech().speak, text)
        said_at = time.time()
        handle = self._session.say(text, audio=_frames(speech))
        await handle
        return {"interrupted": handle.interrupted, "history": _said(handle), "said_at": said_at}

    async def interrupt(self, _: str = "") -> Facts:
        """Fall silent."""
        began_at = time.monotonic()
        await self._take_turn()
        self._measure("silent after", began_at)
        return {}

    async def answer(self, _: AgentSession[None], event: TextInputEvent) -> None:
        """Answer what somebody typed; what is being said, or is about to be, gives way."""
        asked_at = time.monotonic()
        turn = await self._take_turn()
        await self._begin(answer_to(event.text), turn, asked_at)

    async def begin(self, text: str) -> None:
        """Begin to say it."""
        await self._begin(text, self._turn)

    async def _take_turn(self) -> int:
        """Fall silent; nothing begins any more that was asked for in an earlier turn."""
        self._turn = turn = self._turn + 1
        self._asked_at = None
        await self._session.interrupt()
        return turn

    async def _begin(self, text: str, turn: int, asked_at: float | None = None) -> None:
        speech = await asyncio.to_thread(Speech().speak, text)
        if turn == self._turn:
            self._asked_at = asked_at
            handle = self._session.say(text, audio=_frames(speech))
            handle.add_done_callback(self._done)

    def _done(self, handle: SpeechHandle) -> None:
        if handle.interrupted and (heard := _said(handle)):
            self._teller.tell("heard", text=heard)

    def _changed(self, state: str) -> None:
        if state == "speaking" and self._asked_at is not None:
            self._measure("first sound after", self._asked_at)
            self._asked_at = None

    def _measure(self, name: str, since_s: float) -> None:
        self._teller.tell("latency", name=name, ms=round(1000 * (time.monotonic() - since_s)))


def _said(handle: SpeechHandle) -> str:
    """What was heard of it, empty if nothing was."""
    return "".join(item.text_content or "" for item in handle.chat_items if item.type == "message")


async def _frames(speech: SpokenText) -> AsyncIterator[rtc.AudioFrame]:
    """The speech as a good TTS brings it: several times faster than it plays."""
    size = 2 * round(speech.rate_hz * FRAME_S)
    for start in range(0, len(speech.pcm), size):
        pcm = speech.pcm[start : start + size]
        yield rtc.AudioFrame(pcm, speech.rate_hz, 1, len(pcm) // 2)
        await asyncio.sleep(FRAME_S / TTS_SPEED)
