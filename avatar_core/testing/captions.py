"""A text output that records captions with their times."""

from __future__ import annotations

import asyncio

from livekit.agents.voice import io


class CaptionLog(io.TextOutput):
    """The last text output of an agent session; it records each piece of text.

    Attributes:
        pieces: Each piece of text with its loop time in seconds; `None` for the end of a segment.
    """

    def __init__(self) -> None:
        super().__init__(label="CaptionLog", next_in_chain=None)
        self.pieces: list[tuple[float, str | None]] = []

    async def capture_text(self, text: str) -> None:
        """Record a piece of text.

        Args:
            text: The piece.
        """
        self.pieces.append((asyncio.get_running_loop().time(), text))

    def flush(self) -> None:
        """Record the end of a segment."""
        self.pieces.append((asyncio.get_running_loop().time(), None))

    def between(self, start_s: float, end_s: float) -> str:
        """Return the text that was recorded in a period.

        Args:
            start_s: The loop time in seconds at which the period starts.
            end_s: The loop time in seconds at which the period ends.

        Returns:
            The text, without the ends of segments.
        """
        return "".join(text for at_s, text in self.pieces if text and start_s <= at_s < end_s)
