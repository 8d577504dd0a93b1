"""The demo's person: listens in the room, tells the agent what to do, and checks its words."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from livekit import rtc

from avatar_core.contracts import wire
from avatar_core.contracts.clock import loop_time
from avatar_core.testing.audio.meter import AudioMeter
from avatar_core.testing.audio.word_alignment import Found, align
from avatar_core.testing.listener import Listener
from avatar_demo.recording import Recorder
from avatar_demo.rpc_names import INTERRUPT, KILL, SAY, TELL, Facts
from avatar_demo.speech import Speech, SpokenText

READY_S = 60.0
FIRST_SOUND_S = 15.0
SETTLE_S = 0.5
MARGIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Heard:
    """One speech as it was heard.

    Attributes:
        words: Of the whole text, in order.
        asked_at: When the agent was told to say it; loop time, as all of these.
        latency_s: From the agent's first audio to its first sound here.
        facts: What the agent says of it.
        over_at: When the agent said so.
        found: Each word, and where it was heard.
    """

    words: list[str]
    asked_at: float
    latency_s: float
    over_at: float
    facts: Facts
    found: list[Found]

    @property
    def count(self) -> int:
        """Words up to the last one heard."""
        return max((at + 1 for at, word in enumerate(self.found) if not word.missing), default=0)

    @property
    def skipped(self) -> list[str]:
        """Words missing before the last one heard; all that are missing, if it played out."""
        end = self.count if self.facts["interrupted"] else len(self.found)
        return [word.word for word in self.found[:end] if word.missing]

    @property
    def doubled(self) -> list[str]:
        """Words heard more than once."""
        return [word.word for word in self.found if word.doubled]


class Person:
    """Joins the room before the agent does.

    Args:
        tell: Gets the facts of the agent.
        recorder: Records what is heard and seen.
    """

    def __init__(self, tell: Callable[[Facts], None], recorder: Recorder | None = None) -> None:
        self._tell = tell
        self._recorder = recorder
        self._agent: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._listener: Listener | None = None
        self._speech = Speech()
        self.ear = AudioMeter()

    async def join(self, url: str, token: str) -> None:
        """Enter the room as a listener."""
        self._listener = await Listener.join(
            url, token, self._hear, self._see if self._recorder is not None else None
        )
        self._listener.link.serve(TELL, self._told)

    async def agent_ready(self) -> None:
        """Wait for the agent and its avatar."""
        async with asyncio.timeout(READY_S):
            await asyncio.shield(self._agent)

    async def listen_to(
        self, text: str, meanwhile: Callable[[float, SpokenText], Any] | None = None
    ) -> Heard:
        """Let the agent say a text, and compare what comes.

        Args:
            text: What to say.
            meanwhile: An async function that gets the time of the first sound and the speech.
        """
        speech = self._speech.speak(text)
        asked_at = loop_time()
        saying = asyncio.create_task(self._ask(SAY, text, speech.duration_s + MARGIN_S))
        try:
            first_at = await self._first_sound(asked_at, saying)
            if meanwhile is not None:
                await meanwhile(first_at, speech)
            facts = await saying
        finally:
            saying.cancel()
            await asyncio.gather(saying, return_exceptions=True)
        over_at = loop_time()
        await asyncio.sleep(SETTLE_S)
        _, heard = self.ear.mix(speech.rate_hz, since_s=asked_at)
        found = await asyncio.to_thread(align, speech.pcm, heard, speech.rate_hz, speech.words)
        words = [word for word, _, _ in speech.words]
        said_at = facts["said_at"] - time.time() + loop_time()
        latency_s = first_at - said_at - speech.words[0][1]
        return Heard(words, asked_at, latency_s, over_at, facts, found)

    async def interrupt(self) -> None:
        """Cut the agent short."""
        await self._ask(INTERRUPT, "", MARGIN_S)

    async def kill_avatar(self) -> str | None:
        """End the avatar's worker without a word; how, or None where there is no worker."""
        how: str | None = (await self._ask(KILL, "", MARGIN_S))["killed"]
        return how

    async def leave(self) -> None:
        """Leave the room."""
        if self._listener is not None:
            await self._listener.aclose()

    @property
    def pictures(self) -> int:
        """Video frames seen."""
        return self._listener.video_frames if self._listener is not None else 0

    async def data_bytes(self) -> int:
        """Bytes of data packets that reached this listener."""
        return await self._listener.data_bytes() if self._listener is not None else 0

    def _hear(self, track: str, at_s: float, pcm: bytes, rate_hz: int) -> None:
        self.ear.add(track, at_s, pcm, rate_hz)
        if self._recorder is not None:
            self._recorder.hear(track, at_s, pcm, rate_hz)

    def _see(self, track: str, at_s: float, stamp_s: float, frame: rtc.VideoFrame) -> None:
        if self._recorder is not None:
            self._recorder.see(track, at_s, frame, stamp_s)

    def _told(self, caller: str, payload: str) -> str:
        fact = json.loads(payload)
        if fact["what"] == "ready" and not self._agent.done():
            self._agent.set_result(caller)
        self._tell(fact)
        return wire.OK

    async def _ask(self, method: str, payload: str, timeout_s: float) -> Facts:
        assert self._listener is not None
        link = self._listener.link
        reply = await link.call(self._agent.result(), method, payload, timeout_s=timeout_s)
        facts: Facts = json.loads(reply)
        return facts

    async def _first_sound(self, after_s: float, saying: asyncio.Task[Facts]) -> float:
        async with asyncio.timeout(FIRST_SOUND_S):
            while (first_at := self.ear.first_sound_after(after_s)) is None:
                if saying.done():
                    saying.result()
                await asyncio.sleep(0.02)
        return first_at
