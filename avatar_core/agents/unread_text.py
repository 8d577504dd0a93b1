"""The text of a segment that AgentSession sent to no text output."""

from __future__ import annotations

from livekit.agents.llm import ChatMessage
from livekit.agents.voice import events

from avatar_core.agents.segment_transcript import SegmentTranscript


class UnreadText:
    """Cuts the chat message of an interrupted segment whose text no text output received.

    AgentSession sends no text after `session.output.set_transcription_enabled(False)`, and puts the
    whole text into the chat history. The message arrives with `conversation_item_added`, after the
    segment has finished. Handlers of that event that were added earlier see the whole text.
    """

    def __init__(self) -> None:
        self._transcript: SegmentTranscript | None = None
        self._position_s = 0.0

    def expect(self, transcript: SegmentTranscript, position_s: float) -> None:
        """Cut the next message of the agent.

        Args:
            transcript: The transcript of the interrupted segment, without text.
            position_s: Seconds of the segment that were heard.
        """
        self._transcript, self._position_s = transcript, position_s

    def forget(self) -> None:
        """Cut no message, because another segment has begun."""
        self._transcript = None

    def on_item_added(self, event: events.ConversationItemAddedEvent) -> None:
        """Cut a message to the words that were heard, if the message is of the interrupted segment.

        Args:
            event: The event of the agent session.
        """
        transcript, item = self._transcript, event.item
        if transcript is None or not isinstance(item, ChatMessage) or item.role != "assistant":
            return
        self._transcript = None
        if item.interrupted:
            transcript.add_text(item.raw_text_content or "")
            transcript.text_ended = True
            transcript.advance(self._position_s)
            heard = transcript.text[: transcript.heard]
            item.content = [heard] if heard else []
