"""A queue of captions for the text outputs of an agent session."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable

from livekit.agents.voice import io

log = logging.getLogger("avatar_core")


class CaptionQueue:
    """Passes captions to text outputs one after another; the caller does not wait."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[io.TextOutput, str | None]] = deque()
        self._task: asyncio.Task[None] | None = None

    def put(self, output: io.TextOutput | None, pieces: Iterable[str]) -> None:
        """Pass pieces of text to a text output after all earlier captions.

        Args:
            output: The text output; with None, the pieces are dropped.
            pieces: The pieces of text.
        """
        self._append(output, pieces)

    def flush(self, output: io.TextOutput | None) -> None:
        """Flush a text output once it has received all earlier captions.

        Args:
            output: The text output; None does nothing.
        """
        self._append(output, [None])

    def _append(self, output: io.TextOutput | None, pieces: Iterable[str | None]) -> None:
        if output is None:
            return
        self._waiting.extend((output, piece) for piece in pieces)
        if self._waiting and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._send(), name="transcript-captions")

    async def _send(self) -> None:
        while self._waiting:
            output, piece = self._waiting.popleft()
            try:
                if piece is None:
                    output.flush()
                else:
                    await output.capture_text(piece)
            except Exception:
                log.exception("A text output of the agent session raised an error.")
