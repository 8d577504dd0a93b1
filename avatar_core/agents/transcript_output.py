"""A text output that tells avatar-core the text of each segment."""

from __future__ import annotations

from typing import Protocol

from livekit.agents.voice import io


class TextReceiver(Protocol):
    """Receives the text of the segments."""

    def on_text(self, text: str) -> None:
        """Handle the next piece of the text of a segment.

        Args:
            text: The piece, possibly a `TimedString`.
        """

    def on_text_ended(self) -> None:
        """Handle the end of the text of a segment."""


class TranscriptOutput(io.TextOutput):
    """The first text output of an agent session; its receiver decides when text is passed on.

    Args:
        receiver: Receives the text of the segments.
        next_in_chain: The text output that this output precedes; None if there is none.
    """

    def __init__(self, receiver: TextReceiver, next_in_chain: io.TextOutput | None) -> None:
        super().__init__(label="Avatar", next_in_chain=next_in_chain)
        self._receiver = receiver

    async def capture_text(self, text: str) -> None:
        """Pass text to the receiver.

        Args:
            text: The next piece of the text of a segment.
        """
        self._receiver.on_text(text)

    def flush(self) -> None:
        """Tell the receiver that the text of the segment is complete."""
        self._receiver.on_text_ended()
