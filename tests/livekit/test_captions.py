"""Captions in a real room: a user reads what was heard, and the chat history says the same."""

from __future__ import annotations

import asyncio

import pytest
from livekit import rtc
from livekit.agents import Agent
from livekit.agents.voice.room_io import RoomOptions

from avatar_core.testing.audio.tones import VOCABULARY
from avatar_core.testing.server import DevServer
from tests.livekit.live_conversation import (
    MORE_SPOKEN_WORDS,
    SPOKEN_WORDS,
    TEST_S,
    LiveConversation,
)

pytestmark = pytest.mark.livekit

TOPIC = "lk.transcription"
INTERRUPTED_AT = 4
LAST_SPOKEN_WORDS = VOCABULARY[18:22]


class CaptionedConversation(LiveConversation):
    """A conversation whose user reads the captions in the room.

    Attributes:
        captions: The text of each caption, in order; a caption grows while the agent speaks.
        ended: Set when a caption has ended.
        text_output: The `text_output` of the agent's `RoomOptions`.
    """

    text_output = True

    async def join_listener(self) -> None:
        """Let the user join, who reads captions."""
        await super().join_listener()
        self.captions: list[str] = []
        self.ended = asyncio.Event()
        self._reading: set[asyncio.Task[None]] = set()
        self.listener.link.room.register_text_stream_handler(TOPIC, self._on_caption)

    async def start_session(self, agent: Agent) -> None:
        """Start the agent session with the text output of this class."""
        options = RoomOptions(text_output=self.text_output)
        await self.session.start(agent, room=self.room, room_options=options)

    def _on_caption(self, reader: rtc.TextStreamReader, _: str) -> None:
        reading = asyncio.create_task(self._read(reader), name="read-caption")
        self._reading.add(reading)
        reading.add_done_callback(self._reading.discard)

    async def _read(self, reader: rtc.TextStreamReader) -> None:
        index = len(self.captions)
        self.captions.append("")
        async for piece in reader:
            self.captions[index] += piece
        self.ended.set()


class UncaptionedConversation(CaptionedConversation):
    """A conversation of an agent that sends no captions."""

    text_output = False


async def test_captions_of_an_interrupted_turn_equal_the_chat_history(server: DevServer) -> None:
    async with asyncio.timeout(TEST_S), CaptionedConversation(server) as conversation:
        # RoomIO sends no captions at first, and the server drops those that it sends before the
        # user's data channel is open.
        while not conversation.captions:
            await conversation.say_all(MORE_SPOKEN_WORDS)
        await conversation.ended.wait()
        conversation.ended.clear()
        turn = conversation.say(SPOKEN_WORDS)
        await conversation.wait_for_word(SPOKEN_WORDS[INTERRUPTED_AT])
        turn.handle.interrupt()
        await turn.handle
        await conversation.ended.wait()
        assert conversation.captions[-1] == conversation.history()[-1]
        assert 3 <= len(conversation.history()[-1].split()) <= INTERRUPTED_AT + 1
        conversation.ended.clear()
        await conversation.say_all(LAST_SPOKEN_WORDS)
        await conversation.ended.wait()
        assert (
            conversation.captions[-1] == conversation.history()[-1] == " ".join(LAST_SPOKEN_WORDS)
        )


@pytest.mark.slow
async def test_history_without_captions_ends_at_the_last_heard_word(server: DevServer) -> None:
    async with asyncio.timeout(TEST_S), UncaptionedConversation(server) as conversation:
        turn = conversation.say(SPOKEN_WORDS)
        await conversation.wait_for_word(SPOKEN_WORDS[INTERRUPTED_AT])
        turn.handle.interrupt()
        await turn.handle
        assert 3 <= len(conversation.history()[0].split()) <= INTERRUPTED_AT + 1
        await conversation.say_all(MORE_SPOKEN_WORDS)
        assert conversation.history()[1] == " ".join(MORE_SPOKEN_WORDS)
        assert conversation.captions == []
