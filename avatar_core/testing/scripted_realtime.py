"""A speech-to-speech model that says scripted words as word tones, without a vendor."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeVar

from livekit import rtc
from livekit.agents import NOT_GIVEN, NotGivenOr, llm

from avatar_core.testing.audio.tones import WordTones
from avatar_core.testing.script import RATE_HZ, THINK_S, frames
from avatar_core.testing.scripted_responses import Response, read_responses, response_to

T = TypeVar("T")

CAPABILITIES = llm.RealtimeCapabilities(
    message_truncation=True,
    turn_detection=False,
    user_transcription=False,
    auto_tool_reply_generation=False,
    audio_output=True,
    manual_function_calls=True,
    mutable_chat_context=True,
    mutable_instructions=True,
    mutable_tools=True,
)
"""The capabilities of a model that responds only when the agent calls `generate_reply`."""


class Voice(Protocol):
    """The interface of a voice that speaks words as tones: `WordTones` or `WordCodes`."""

    def speak(self, spoken_words: Sequence[str]) -> bytes:
        """Synthesise words.

        Args:
            spoken_words: The words.

        Returns:
            Mono int16 PCM at 24 kHz.

        Raises:
            ValueError: The voice cannot speak a word.
        """


class ScriptedRealtimeModel(llm.RealtimeModel):
    """A speech-to-speech model with a scripted response to each user message.

    Args:
        responses: The response to each user message, by the text of the message.

    Raises:
        ConfigError: A message or a response has the wrong type.

    Attributes:
        responses: The response to each user message, by its text: a text, or a sequence of words.
        voice: Speaks the words. The default is `WordTones`, which knows only the words of
            `VOCABULARY`; `AvatarCall` replaces it with a voice for any text.
    """

    def __init__(self, responses: Mapping[str, Response] | None = None) -> None:
        super().__init__(capabilities=CAPABILITIES)
        self.responses = read_responses(responses)
        self.voice: Voice = WordTones(RATE_HZ)

    def session(self, *, turn_detection_disabled: bool = False) -> llm.RealtimeSession[Any]:
        """Return a new session; the model has no turn detection to disable.

        Args:
            turn_detection_disabled: This model ignores the argument.

        Returns:
            The session.
        """
        return _ScriptedSession(self)

    async def aclose(self) -> None:
        """Do nothing."""


class _ScriptedSession(llm.RealtimeSession[Any]):
    def __init__(self, model: ScriptedRealtimeModel) -> None:
        super().__init__(model)
        self._model = model
        self._context = llm.ChatContext.empty()
        self._tools = llm.ToolContext.empty()
        self._ids = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def chat_ctx(self) -> llm.ChatContext:
        return self._context

    @property
    def tools(self) -> llm.ToolContext:
        return self._tools

    async def update_instructions(self, instructions: str) -> None:
        pass

    async def update_chat_ctx(self, chat_ctx: llm.ChatContext) -> None:
        self._context = chat_ctx.copy()

    async def update_tools(self, tools: list[llm.Tool]) -> None:
        self._tools = llm.ToolContext(tools)

    def update_options(self, *, tool_choice: NotGivenOr[Any] = NOT_GIVEN) -> None:
        pass

    def push_audio(self, frame: rtc.AudioFrame) -> None:
        pass

    def push_video(self, frame: rtc.VideoFrame) -> None:
        pass

    def commit_audio(self) -> None:
        pass

    def clear_audio(self) -> None:
        pass

    def interrupt(self) -> None:
        """Stop the response that is being prepared."""
        for task in self._tasks:
            task.cancel()

    def truncate(
        self,
        *,
        message_id: str,
        modalities: list[Literal["text", "audio"]],
        audio_end_ms: int,
        audio_transcript: NotGivenOr[str] = NOT_GIVEN,
    ) -> None:
        pass

    def generate_reply(
        self,
        *,
        instructions: NotGivenOr[str] = NOT_GIVEN,
        tool_choice: NotGivenOr[Any] = NOT_GIVEN,
        tools: NotGivenOr[list[llm.Tool]] = NOT_GIVEN,
    ) -> asyncio.Future[llm.GenerationCreatedEvent]:
        """Respond to the last user message.

        Args:
            instructions: This model ignores the argument.
            tool_choice: This model ignores the argument.
            tools: This model ignores the argument.

        Returns:
            The future of the event that starts the response.
        """
        created: asyncio.Future[llm.GenerationCreatedEvent] = asyncio.Future()
        from_user = [one for one in self._context.messages() if one.role == "user"]
        user_text = (from_user[-1].text_content or "") if from_user else ""
        spoken_words = response_to(user_text, self._model.responses)
        task = asyncio.create_task(self._create(spoken_words, created), name="scripted-response")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: created.cancel())
        return created

    async def aclose(self) -> None:
        self.interrupt()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _create(
        self, spoken_words: Sequence[str], created: asyncio.Future[llm.GenerationCreatedEvent]
    ) -> None:
        await asyncio.sleep(THINK_S)
        number = next(self._ids)
        modalities: asyncio.Future[list[Literal["text", "audio"]]] = asyncio.Future()
        modalities.set_result(["text", "audio"])
        message = llm.MessageGeneration(
            message_id=f"message-{number}",
            text_stream=_items([" ".join(spoken_words)]),
            audio_stream=frames(self._model.voice.speak(spoken_words)),
            modalities=modalities,
        )
        event = llm.GenerationCreatedEvent(
            message_stream=_items([message]),
            function_stream=_items(list[llm.FunctionCall]()),
            user_initiated=True,
            response_id=f"response-{number}",
        )
        if not created.done():
            created.set_result(event)
        self.emit("generation_created", event)


async def _items(items: Sequence[T]) -> AsyncIterator[T]:
    """Yield the items of a sequence."""
    for item in items:
        yield item
