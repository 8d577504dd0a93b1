"""Interruptions after the end of a speech that a slow worker still plays."""

from __future__ import annotations

from typing import Any

from livekit.agents import AgentSession
from livekit.agents.llm import ChatMessage
from livekit.agents.voice import events

from avatar_core.playback.player import Player


def cut_late_sound(session: AgentSession[Any], player: Player) -> None:
    """Stop the rest of a finished segment as soon as the user speaks or writes.

    The agent session interrupts only speech that has not finished. If a worker does not report the
    end of its playback, avatar-core estimates the end. The worker may still play speech after the
    estimated end.

    Args:
        session: The agent session.
        player: The player of the agent session's speech.
    """

    def on_user_state(event: events.UserStateChangedEvent) -> None:
        """Stop the rest of a finished segment if the user begins to speak.

        Args:
            event: The new state of the user.
        """
        if event.new_state == "speaking":
            player.clear_rest()

    def on_item(event: events.ConversationItemAddedEvent) -> None:
        """Stop the rest of a finished segment if the user has sent a message.

        Args:
            event: The new item of the chat history.
        """
        if isinstance(event.item, ChatMessage) and event.item.role == "user":
            player.clear_rest()

    session.on("user_state_changed", on_user_state)
    session.on("conversation_item_added", on_item)
