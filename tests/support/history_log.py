"""The chat history of an agent with its times, compared with what a listener heard."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from livekit.agents import AgentSession, ConversationItemAddedEvent

from avatar_core.testing.audio.tones import HeardWord
from avatar_core.testing.clock import now

AHEAD_S = 0.1
"""A word counts as heard if the listener hears it at most this time after the history has it."""


class HistoryLog:
    """Records the texts of the agent that the chat history receives from now on.

    Args:
        session: The agent session.

    Attributes:
        texts: The texts, each with the loop time in seconds at which it was added.
    """

    def __init__(self, session: AgentSession[Any]) -> None:
        self.texts: list[tuple[float, str]] = []
        session.on("conversation_item_added", self._note)

    def spoken_words(self) -> tuple[str, ...]:
        """Return the words of all texts."""
        return tuple(word for _, text in self.texts for word in text.split())

    def find_ahead(self, heard: Iterable[HeardWord]) -> list[str]:
        """Return the words that the history contained before a listener heard them.

        Args:
            heard: The words that the listener heard, with loop times.
        """
        heard_at: dict[str, float] = {}
        for word in heard:
            heard_at[word.word] = min(word.start_s, heard_at.get(word.word, math.inf))
        return [
            word
            for added_at, text in self.texts
            for word in text.split()
            if heard_at.get(word, math.inf) > added_at + AHEAD_S
        ]

    def _note(self, event: ConversationItemAddedEvent) -> None:
        item = event.item
        if item.type == "message" and item.role == "assistant":
            self.texts.append((now(), item.text_content or ""))
