"""A model and a voice without a vendor: scripted answers, said in word tones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence
from typing import Any

from livekit import rtc
from livekit.agents import Agent, APIConnectOptions, ModelSettings, llm
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS

from avatar_core.testing.audio.tones import WordTones

RATE_HZ = 24_000
FRAME_S = 0.02
TTS_SPEED = 5
THINK_S = 0.3
"""From what a person wrote to the first word of the answer."""
TOKEN_S = 0.02

Said = list[tuple[str, str]]
"""Who said what: role and text of each message, in order."""


def said(context: llm.ChatContext) -> Said:
    """The dialogue in a chat context."""
    return [
        (message.role, message.text_content or "")
        for message in context.messages()
        if message.role in ("user", "assistant")
    ]


class ScriptedLLM(llm.LLM[Any]):
    """Answers the last thing a person wrote, a word at a time.

    Attributes:
        answers: What it says to each text.
        shown: The dialogue it was given with each request.
    """

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, Sequence[str]] = {}
        self.shown: list[Said] = []

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        **_: Any,
    ) -> llm.LLMStream:
        """Begin to answer."""
        self.shown.append(said(chat_ctx))
        return _Answer(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class _Answer(llm.LLMStream):
    async def _run(self) -> None:
        assert isinstance(self._llm, ScriptedLLM)
        asked = [text for role, text in said(self._chat_ctx) if role == "user"][-1]
        await asyncio.sleep(THINK_S)
        for number, word in enumerate(self._llm.answers[asked]):
            delta = llm.ChoiceDelta(role="assistant", content=f" {word}" if number else word)
            self._event_ch.send_nowait(llm.ChatChunk(id="answer", delta=delta))
            await asyncio.sleep(TOKEN_S)


class ToneAgent(Agent):
    """An agent whose speech is word tones."""

    def __init__(self) -> None:
        super().__init__(instructions="")
        self._tones = WordTones(RATE_HZ)

    async def tts_node(
        self, text: AsyncIterable[str], model_settings: ModelSettings
    ) -> AsyncGenerator[rtc.AudioFrame, None]:
        """Each word once it is whole."""
        rest = ""
        async for piece in text:
            *words, rest = (rest + piece).split(" ")
            async for frame in frames(self._tones.speak([word for word in words if word])):
                yield frame
        async for frame in frames(self._tones.speak([rest] if rest else [])):
            yield frame


async def frames(pcm: bytes) -> AsyncIterator[rtc.AudioFrame]:
    """As a voice delivers it: in pieces, faster than it is heard."""
    size = 2 * round(FRAME_S * RATE_HZ)
    for start in range(0, len(pcm), size):
        piece = pcm[start : start + size]
        yield rtc.AudioFrame(piece, RATE_HZ, 1, len(piece) // 2)
        await asyncio.sleep(FRAME_S / TTS_SPEED)
