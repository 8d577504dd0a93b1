"""A user whose noise AgentSession takes for speech: it pauses, and resumes without a transcript."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable
from typing import Any

import numpy as np
from livekit import rtc
from livekit.agents import Agent, ModelSettings, stt, vad

from avatar_core.contracts.audio import AudioFormat
from avatar_core.rtc.link import RtcLink

FORMAT = AudioFormat(48_000)
FRAME_S = 0.01
NOISE_RMS, LOUD_RMS = 0.1, 0.02
SPEECH_AFTER_S, SILENCE_AFTER_S = 0.05, 0.15
FALSE_INTERRUPTION_S = 0.6


def noise_options() -> dict[str, Any]:
    """Return arguments for an AgentSession that pauses at noise and resumes after silence."""
    return {
        "vad": EnergyVAD(),
        "stt": SilentSTT(),
        "aec_warmup_duration": None,
        "turn_handling": {
            "turn_detection": "vad",
            "interruption": {
                "mode": "vad",
                "min_duration": 0.1,
                "resume_false_interruption": True,
                "false_interruption_timeout": FALSE_INTERRUPTION_S,
            },
        },
    }


class SilentSTTAgent(Agent):
    """An agent whose STT node reads all audio and returns no transcript."""

    def __init__(self) -> None:
        super().__init__(instructions="")

    async def stt_node(
        self, audio: AsyncIterable[rtc.AudioFrame], _: ModelSettings
    ) -> AsyncIterable[stt.SpeechEvent]:
        async for _frame in audio:
            pass
        return
        yield  # makes this function a generator


class SilentSTT(stt.STT):
    """An STT without transcripts, so that AgentSession never takes noise for a user's turn."""

    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=False))

    async def _recognize_impl(self, *_: Any, **__: Any) -> stt.SpeechEvent:
        raise AssertionError("SilentSTTAgent.stt_node replaces this method")


class EnergyVAD(vad.VAD):
    """A voice activity detector that takes every loud sound for speech."""

    def __init__(self) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=0.05))

    def stream(self) -> vad.VADStream:
        return _Stream(self)


class _Stream(vad.VADStream):
    async def _main_task(self) -> None:
        speech_s = silence_s = 0.0
        speaking = False
        async for frame in self._input_ch:
            if not isinstance(frame, rtc.AudioFrame):
                speech_s, silence_s, speaking = 0.0, 0.0, False
                continue
            samples = np.frombuffer(frame.data, np.int16).astype(np.float32) / 32768
            loud = float(np.sqrt(np.mean(samples**2))) > LOUD_RMS
            speech_s = speech_s + frame.duration if loud or speaking else 0.0
            silence_s = 0.0 if loud else silence_s + frame.duration
            if not speaking and speech_s >= SPEECH_AFTER_S:
                speaking = True
                self._send(vad.VADEventType.START_OF_SPEECH, speech_s, silence_s, speaking)
            self._send(vad.VADEventType.INFERENCE_DONE, speech_s, silence_s, speaking)
            if speaking and silence_s >= SILENCE_AFTER_S:
                speaking = False
                self._send(vad.VADEventType.END_OF_SPEECH, speech_s, silence_s, speaking)
                speech_s = 0.0

    def _send(
        self, type: vad.VADEventType, speech_s: float, silence_s: float, speaking: bool
    ) -> None:
        self._event_ch.send_nowait(
            vad.VADEvent(
                type=type,
                samples_index=0,
                timestamp=0.0,
                speech_duration=speech_s if speaking else 0.0,
                silence_duration=silence_s,
                speaking=speaking,
                raw_accumulated_speech=0.0 if silence_s else speech_s,
                raw_accumulated_silence=silence_s,
            )
        )


class Microphone:
    """The user's microphone track, which sends silence, and noise on request.

    Its audio queue is always full, so that LiveKit paces the frames.

    Args:
        link: The user's room link.
    """

    def __init__(self, link: RtcLink) -> None:
        self._link = link
        self._noise_s = 0.0
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Publish the track, and wait until the agent has subscribed to it."""
        out = await self._link.publish_audio(FORMAT, name="microphone")
        await out.wait_for_subscription()
        random = np.random.default_rng(0)
        size = round(FRAME_S * FORMAT.rate_hz)

        async def run() -> None:
            while True:
                loud = self._noise_s > 0
                self._noise_s -= FRAME_S if loud else 0.0
                noise = random.normal(0, NOISE_RMS if loud else 0.0, size)
                await out.capture((np.clip(noise, -1, 1) * 32767).astype("<i2").tobytes())

        self._task = asyncio.create_task(run())

    def make_noise(self, duration_s: float) -> None:
        """Send noise for `duration_s` seconds from now on."""
        self._noise_s = duration_s

    async def aclose(self) -> None:
        """Stop sending."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
