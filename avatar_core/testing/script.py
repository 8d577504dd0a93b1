"""A scripted language model and an agent whose voice is word tones, both without a vendor."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping, Sequence
from typing import Any

from livekit import rtc
from livekit.agents import Agent, APIConnectOptions, ModelSettings, llm
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS

from avatar_core.testing.audio.tones import WordTones
from avatar_core.testing.scripted_responses import (
    Response,
    ToolCalls,
    read_calls,
    read_responses,
    response_to,
)

__tracebackhide__ = True  # pytest shows the line of the test, not the frames of this module
RATE_HZ = 24_000
FRAME_S = 0.02
TTS_SPEED = 5
THINK_S = 0.3
"""Seconds from a user message to the first word of the response."""
TOKEN_S = 0.02

Said = list[tuple[str, str]]
"""Role and text of each message, in order."""


def said(context: llm.ChatContext) -> Said:
    """Return the messages of user and agent in a chat context.

    Args:
        context: The chat context.

    Returns:
        Role and text of each message, in order.
    """
    return [
        (message.role, message.text_content or "")
        for message in context.messages()
        if message.role in ("user", "assistant")
    ]


class ScriptedLLM(llm.LLM[Any]):
    """A model that calls tools and then gives the scripted response to the last user message.

    Args:
        responses: The response to each user message, by the text of the message.
        calls: The tools to call before a response, by the text of the user message. After the
            calls, the model gives the response.

    Raises:
        ConfigError: A message, a response or a tool call has the wrong type.

    Attributes:
        responses: The response to each user message, by its text: a text, or a sequence of words.
            The key `""` is for requests without a user message, such as a greeting.
        calls: The tools to call before a response, by the text of the user message.
        shown: The messages that the model received with each request, in order.
    """

    def __init__(
        self,
        responses: Mapping[str, Response] | None = None,
        *,
        calls: Mapping[str, ToolCalls] | None = None,
    ) -> None:
        super().__init__()
        self.responses = read_responses(responses)
        self.calls = read_calls(calls)
        self.shown: list[Said] = []
        self._call_ids = itertools.count(1)

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        **_: Any,
    ) -> llm.LLMStream:
        """Record the messages of a request, and start to stream a response.

        Args:
            chat_ctx: The chat context of the request.
            tools: The tools of the agent.
            conn_options: The connection options of livekit-agents.
            _: Other arguments of `llm.LLM.chat`, which are ignored.

        Returns:
            The stream of the response.
        """
        self.shown.append(said(chat_ctx))
        return _ScriptedResponse(
            self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options
        )

    def next_step(self, context: llm.ChatContext) -> list[llm.ChoiceDelta]:
        """Return the pieces of the next response.

        Args:
            context: The chat context of the request.

        Returns:
            One piece with the tool calls if the script has calls whose outputs are not in `context`
            yet; otherwise one piece for each word of the response.

        Raises:
            LookupError: `responses` has no response to the last user message.
        """
        user_text, has_output = "", False
        for item in context.items:
            if item.type == "message" and item.role == "user":
                user_text, has_output = item.text_content or "", False
            has_output |= item.type == "function_call_output"
        if (calls := self.calls.get(user_text)) and not has_output:
            return [llm.ChoiceDelta(role="assistant", tool_calls=self._tool_calls(calls))]
        return [
            llm.ChoiceDelta(role="assistant", content=f" {word}" if number else word)
            for number, word in enumerate(response_to(user_text, self.responses))
        ]

    def _tool_calls(self, calls: ToolCalls) -> list[llm.FunctionToolCall]:
        return [
            llm.FunctionToolCall(
                name=name, arguments=json.dumps(arguments), call_id=f"call_{next(self._call_ids)}"
            )
            for name, arguments in calls.items()
        ]


class _ScriptedResponse(llm.LLMStream):
    async def _run(self) -> None:
        assert isinstance(self._llm, ScriptedLLM)
        await asyncio.sleep(THINK_S)
        for delta in self._llm.next_step(self._chat_ctx):
            self._event_ch.send_nowait(llm.ChatChunk(id="response", delta=delta))
            await asyncio.sleep(TOKEN_S)


class ToneAgent(Agent):
    """An agent whose speech is word tones.

    Args:
        tools: The function tools of the agent.
    """

    def __init__(self, tools: Sequence[llm.Tool] = ()) -> None:
        super().__init__(instructions="", tools=list(tools))
        self._tones = WordTones(RATE_HZ)

    async def tts_node(
        self, text: AsyncIterable[str], model_settings: ModelSettings
    ) -> AsyncGenerator[rtc.AudioFrame, None]:
        """Yield word tones for each word of a text as soon as the word is complete.

        Args:
            text: The pieces of the text; its words are in `VOCABULARY`.
            model_settings: Ignored.

        Yields:
            Frames of up to 20 ms, int16 mono at 24 kHz.

        Raises:
            ValueError: A word is not in `VOCABULARY`.
        """
        rest = ""
        async for piece in text:
            *spoken_words, rest = (rest + piece).split(" ")
            async for frame in frames(self._tones.speak([word for word in spoken_words if word])):
                yield frame
        async for frame in frames(self._tones.speak([rest] if rest else [])):
            yield frame


async def frames(pcm: bytes) -> AsyncIterator[rtc.AudioFrame]:
    """Yield audio in frames of up to 20 ms, five times faster than real time.

    Args:
        pcm: Mono int16 PCM at 24 kHz.

    Yields:
        Frames of up to 20 ms, int16 mono at 24 kHz.
    """
    size = 2 * round(FRAME_S * RATE_HZ)
    for start in range(0, len(pcm), size):
        piece = pcm[start : start + size]
        yield rtc.AudioFrame(piece, RATE_HZ, 1, len(piece) // 2)
        await asyncio.sleep(FRAME_S / TTS_SPEED)
