"""The demo's test user: listens in the room, controls the agent, and recognises its words."""

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
from avatar_core.testing.audio.word_alignment import AlignedWord, align
from avatar_core.testing.listener import Listener
from avatar_demo.recording import Recorder
from avatar_demo.rpc_names import INTERRUPT, KILL, NOTIFY, SAY, Payload
from avatar_demo.speech import SpokenText, Synthesiser

READY_S = 60.0
FIRST_SOUND_S = 15.0
SETTLE_S = 0.5
RPC_MARGIN_S = 30.0


@dataclass(frozen=True, slots=True)
class HeardSpeech:
    """A text of the agent and the words that the user heard; times are loop time in seconds.

    Attributes:
        spoken_words: The words of the whole text, in order.
        requested_at: Time at which the user asked the agent to say the text.
        latency_s: Seconds from the agent's first audio to the first sound that the user heard.
        ended_at: Time at which the agent reported the end of the speech.
        result: The response of the agent to the RPC `SAY`.
        aligned: Each word of the text, with the times at which the user heard it.
    """

    spoken_words: list[str]
    requested_at: float
    latency_s: float
    ended_at: float
    result: Payload
    aligned: list[AlignedWord]

    @property
    def count(self) -> int:
        """The number of words up to the last word that the user heard."""
        heard = (at + 1 for at, word in enumerate(self.aligned) if not word.is_missing)
        return max(heard, default=0)

    @property
    def skipped(self) -> list[str]:
        """The missing words, after an interruption only those before the last heard word."""
        end = self.count if self.result["interrupted"] else len(self.aligned)
        return [word.word for word in self.aligned[:end] if word.is_missing]

    @property
    def repeated(self) -> list[str]:
        """The words that the user heard more than once."""
        return [word.word for word in self.aligned if word.is_repeated]


class DemoUser:
    """The test user in the room, which joins before the agent.

    Args:
        on_event: Called with each event of the agent.
        recorder: The recorder of the audio and video that the user receives; None records nothing.

    Attributes:
        meter: Meter of the received audio; its times are loop time in seconds.
    """

    def __init__(
        self, on_event: Callable[[Payload], None], recorder: Recorder | None = None
    ) -> None:
        self._on_event = on_event
        self._recorder = recorder
        self._agent: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._listener: Listener | None = None
        self._synthesiser = Synthesiser()
        self.meter = AudioMeter()

    async def join(self, url: str, token: str) -> None:
        """Join the room.

        Args:
            url: WebSocket URL of the livekit-server.
            token: The user's access token.

        Raises:
            RoomError: The server cannot be reached or rejects the token.
        """
        self._listener = await Listener.join(
            url, token, self._add_audio, self._add_video if self._recorder is not None else None
        )
        self._listener.link.serve(NOTIFY, self._receive)

    async def wait_for_agent(self) -> None:
        """Wait until the agent reports that its avatar is ready.

        Raises:
            TimeoutError: The agent did not report within 60 s.
        """
        async with asyncio.timeout(READY_S):
            await asyncio.shield(self._agent)

    async def listen_to(
        self, text: str, during: Callable[[float, SpokenText], Any] | None = None
    ) -> HeardSpeech:
        """Ask the agent to say a text, and find the words of the text in the received audio.

        Args:
            text: The text.
            during: An async function that the user calls at the first sound. Its arguments are
                the loop time of the sound in seconds, and the synthesised text.

        Returns:
            The text, and the words that the user heard.

        Raises:
            TimeoutError: The first sound did not arrive within 15 s.
            RoomError: The agent did not respond.
        """
        speech = self._synthesiser.speak(text)
        requested_at = loop_time()
        saying = asyncio.create_task(self._call(SAY, text, speech.duration_s + RPC_MARGIN_S))
        try:
            first_at = await self._wait_for_sound(requested_at, saying)
            if during is not None:
                await during(first_at, speech)
            result = await saying
        finally:
            saying.cancel()
            await asyncio.gather(saying, return_exceptions=True)
        ended_at = loop_time()
        await asyncio.sleep(SETTLE_S)
        _, heard = self.meter.mix(speech.rate_hz, since_s=requested_at)
        aligned = await asyncio.to_thread(
            align, speech.pcm, heard, speech.rate_hz, speech.word_times
        )
        said_at = result["said_at"] - time.time() + loop_time()
        latency_s = first_at - said_at - speech.word_times[0][1]
        spoken_words = [word for word, _, _ in speech.word_times]
        return HeardSpeech(spoken_words, requested_at, latency_s, ended_at, result, aligned)

    async def interrupt(self) -> None:
        """Interrupt the agent.

        Raises:
            RoomError: The agent did not respond within 30 s.
        """
        await self._call(INTERRUPT, "", RPC_MARGIN_S)

    async def kill_avatar(self) -> str | None:
        """Kill the avatar's worker.

        Returns:
            A description of the kill, as a sentence without a full stop; None if there is no
            avatar.

        Raises:
            RoomError: The agent did not respond within 30 s.
        """
        method: str | None = (await self._call(KILL, "", RPC_MARGIN_S))["killed"]
        return method

    async def leave(self) -> None:
        """Leave the room."""
        if self._listener is not None:
            await self._listener.aclose()

    @property
    def video_frames(self) -> int:
        """The number of video frames that the user has received."""
        return self._listener.video_frames if self._listener is not None else 0

    async def data_bytes(self) -> int:
        """Return the size of the data packets that the user has received.

        Returns:
            The number of bytes.
        """
        return await self._listener.data_bytes() if self._listener is not None else 0

    def _add_audio(self, track: str, at_s: float, pcm: bytes, rate_hz: int) -> None:
        self.meter.add(track, at_s, pcm, rate_hz)
        if self._recorder is not None:
            self._recorder.add_audio(track, at_s, pcm, rate_hz)

    def _add_video(self, track: str, at_s: float, stamp_s: float, frame: rtc.VideoFrame) -> None:
        if self._recorder is not None:
            self._recorder.add_video(track, at_s, frame, stamp_s)

    def _receive(self, caller: str, payload: str) -> str:
        event = json.loads(payload)
        if event["type"] == "ready" and not self._agent.done():
            self._agent.set_result(caller)
        self._on_event(event)
        return wire.OK

    async def _call(self, method: str, payload: str, timeout_s: float) -> Payload:
        assert self._listener is not None
        link = self._listener.link
        response = await link.call(self._agent.result(), method, payload, timeout_s=timeout_s)
        result: Payload = json.loads(response)
        return result

    async def _wait_for_sound(self, after_s: float, saying: asyncio.Task[Payload]) -> float:
        async with asyncio.timeout(FIRST_SOUND_S):
            while (first_at := self.meter.first_sound_after(after_s)) is None:
                if saying.done():
                    saying.result()
                await asyncio.sleep(0.02)
        return first_at
