"""Speaks for the agent of the demo, and sends the agent's events to the user."""

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
from avatar_demo.responses import find_response
from avatar_demo.rpc_names import NOTIFY, Payload
from avatar_demo.speech import SpokenText, Synthesiser

NOTIFY_TIMEOUT_S = 5.0
RETRY_S = 0.5
MAX_TRIES = 60
FRAME_S = 0.02
TTS_SPEED = 5
"""Speed of the synthesised audio relative to playback."""


class Notifier(Protocol):
    """An object that reports events to the user: `RpcNotifier`, or the user in the same process."""

    def notify(self, type: str, **fields: Any) -> None:
        """Report an event.

        Args:
            type: Name of the event.
            fields: JSON values that belong to it.
        """


class RpcNotifier:
    """A notifier that sends events to a participant by RPC, in order, and repeats lost events.

    Args:
        link: The agent's room link.
        identity: Identity of the participant.
        present: An awaitable that completes once the participant is in the room.
    """

    def __init__(self, link: RtcLink, identity: str, present: Awaitable[object]) -> None:
        self._link = link
        self._identity = identity
        self._present = present
        self._events: asyncio.Queue[Payload] = asyncio.Queue()
        self._sending = asyncio.create_task(self._send())

    def notify(self, type: str, **fields: Any) -> None:
        """Queue an event; the notifier sends it once the participant is in the room.

        Args:
            type: Name of the event.
            fields: JSON values that belong to it.
        """
        self._events.put_nowait({"type": type, **fields})

    async def stop(self) -> None:
        """Stop sending, and drop the events in the queue."""
        self._sending.cancel()

    async def _send(self) -> None:
        await self._present
        while True:
            event = json.dumps(await self._events.get())
            for _ in range(MAX_TRIES):
                try:
                    await self._link.call(self._identity, NOTIFY, event, timeout_s=NOTIFY_TIMEOUT_S)
                    break
                except RoomError:  # the agent may be reconnecting
                    await asyncio.sleep(RETRY_S)


class Speaker:
    """The speech of the demo's agent: texts on request, and responses to the user's texts.

    Args:
        session: The session that plays the speech.
        notifier: Sends latencies and the heard text of interrupted speeches to the user.
    """

    def __init__(self, session: AgentSession[Any], notifier: Notifier) -> None:
        self._session = session
        self._notifier = notifier
        self._requested_at: float | None = None
        self._turn = 0
        session.on("agent_state_changed", lambda event: self._on_state(event.new_state))

    async def say(self, text: str) -> Payload:
        """Say a text, and wait until the speech has been played or interrupted.

        Args:
            text: The text.

        Returns:
            An object with `interrupted` (whether the speech was interrupted), `history` (the part
            of the text in the chat history), and `said_at` (the Unix time at which the session
            received the speech).
        """
        speech = await asyncio.to_thread(Synthesiser().speak, text)
        said_at = time.time()
        handle = self._session.say(text, audio=_frames(speech))
        await handle
        history = _heard_text(handle)
        return {"interrupted": handle.interrupted, "history": history, "said_at": said_at}

    async def interrupt(self, _: str = "") -> Payload:
        """Interrupt the current speech, and report the duration of the interruption to the user.

        Returns:
            An empty object.
        """
        started_at = time.monotonic()
        await self._start_turn()
        self._measure("interruption to silence", started_at)
        return {}

    async def respond(self, _: AgentSession[None], event: TextInputEvent) -> None:
        """Interrupt all earlier speech, and respond to a text from the user.

        Args:
            event: The text input.
        """
        requested_at = time.monotonic()
        turn = await self._start_turn()
        await self._start_saying(find_response(event.text), turn, requested_at)

    async def start_saying(self, text: str) -> None:
        """Start to say a text; do not wait for the end of the speech.

        Args:
            text: The text.
        """
        await self._start_saying(text, self._turn)

    async def _start_turn(self) -> int:
        """Interrupt the current speech, and cancel speech that is still being synthesised."""
        self._turn = turn = self._turn + 1
        self._requested_at = None
        await self._session.interrupt()
        return turn

    async def _start_saying(self, text: str, turn: int, requested_at: float | None = None) -> None:
        speech = await asyncio.to_thread(Synthesiser().speak, text)
        if turn == self._turn:
            self._requested_at = requested_at
            handle = self._session.say(text, audio=_frames(speech))
            handle.add_done_callback(self._on_done)

    def _on_done(self, handle: SpeechHandle) -> None:
        if handle.interrupted and (heard := _heard_text(handle)):
            self._notifier.notify("heard", text=heard)

    def _on_state(self, state: str) -> None:
        if state == "speaking" and self._requested_at is not None:
            self._measure("text to first sound", self._requested_at)
            self._requested_at = None

    def _measure(self, name: str, since_s: float) -> None:
        ms = round(1000 * (time.monotonic() - since_s))
        self._notifier.notify("latency", name=name, ms=ms)


def _heard_text(handle: SpeechHandle) -> str:
    """Return the part of a speech in the chat history; empty if the user heard nothing."""
    return "".join(item.text_content or "" for item in handle.chat_items if item.type == "message")


async def _frames(speech: SpokenText) -> AsyncIterator[rtc.AudioFrame]:
    """Yield the speech in frames of 20 ms, at the speed of a fast TTS."""
    size = 2 * round(speech.rate_hz * FRAME_S)
    for start in range(0, len(speech.pcm), size):
        pcm = speech.pcm[start : start + size]
        yield rtc.AudioFrame(pcm, speech.rate_hz, 1, len(pcm) // 2)
        await asyncio.sleep(FRAME_S / TTS_SPEED)
