"""The text outputs of an agent session in memory, which has no room of LiveKit."""

from __future__ import annotations

from typing import Any, Literal

from livekit.agents import AgentSession
from livekit.agents.voice.transcription import TranscriptSynchronizer

from avatar_core.testing.captions import CaptionLog

Transcription = Literal["synchronized", "direct", "none"]
"""The ways from text to captions: through LiveKit's transcript synchronizer, as with the default
`RoomOptions`; without the synchronizer, as with `sync_transcription=False`; or no captions, as with
`text_output=False`."""


class MemoryOutputs:
    """The text outputs that `AgentSession.start` would create for a room of LiveKit.

    Create the object after the start of the avatar and before the start of the session.

    Args:
        session: The agent session, whose audio output exists.
        transcription: How the text of the agent reaches its captions.
        captions: Receives the captions.
    """

    def __init__(
        self,
        session: AgentSession[Any],
        transcription: Transcription,
        captions: CaptionLog,
    ) -> None:
        self._synchronizer: TranscriptSynchronizer | None = None
        tail = session.output.audio
        assert tail is not None
        if transcription == "synchronized":
            self._synchronizer = TranscriptSynchronizer(
                next_in_chain_audio=tail, next_in_chain_text=captions
            )
            session.output.audio = self._synchronizer.audio_output
            session.output.transcription = self._synchronizer.text_output
        elif transcription == "direct":
            session.output.transcription = captions

    async def aclose(self) -> None:
        """Close the transcript synchronizer, after the session."""
        if self._synchronizer is not None:
            await self._synchronizer.aclose()
