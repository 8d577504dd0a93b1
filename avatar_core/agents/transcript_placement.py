"""The insertion of a text output before the text outputs of an agent session, and the removal."""

from __future__ import annotations

from typing import Any

from livekit.agents import AgentSession
from livekit.agents.voice import io

from avatar_core.agents.output_chain import find_synchronizer, outputs_of
from avatar_core.agents.transcript_output import TextReceiver, TranscriptOutput


class TranscriptPlacement:
    """The place of a `TranscriptOutput` in the chain of text outputs of its agent session.

    AgentSession reads its text output after the event `speech_created`. A call of `attach` at the
    event `speech_created` is therefore early enough, also if the application has set another text
    output.

    Args:
        session: The agent session.
        tail: The audio tail of the agent session.
        receiver: Receives the text of the segments.

    Attributes:
        target: The text output that shows captions, if any.
        is_pacing: Whether avatar-core paces the captions, instead of LiveKit's synchronizer.
    """

    def __init__(
        self, session: AgentSession[Any], tail: io.AudioOutput, receiver: TextReceiver
    ) -> None:
        self._session = session
        self._tail = tail
        self._receiver = receiver
        self._output: TranscriptOutput | None = None
        self.target: io.TextOutput | None = None
        self.is_pacing = False

    @property
    def is_attached(self) -> bool:
        """Whether the output is in the chain, so that its receiver gets the text."""
        output = self._session.output.transcription
        while output is not None and output is not self._output:
            output = output.next_in_chain
        return output is not None

    @property
    def is_audible(self) -> bool:
        """Whether AgentSession sends audio to the audio tail."""
        return self._session.output.audio_enabled and self._tail in outputs_of(self._session)

    @property
    def is_synchronized(self) -> bool:
        """Whether LiveKit's synchronizer decides what was heard."""
        synchronizer = find_synchronizer(self._session)
        return synchronizer is not None and synchronizer.enabled

    def attach(self) -> bool:
        """Insert the output, unless it is in the chain or a speech needs the synchronizer.

        Returns:
            Whether the audio tail is in the chain of audio outputs.
        """
        output = self._session.output
        if self._tail not in outputs_of(self._session):
            return False
        synchronizer = find_synchronizer(self._session)
        is_synced = synchronizer is not None and output.transcription is synchronizer.text_output
        if self.is_attached or (is_synced and self._session.current_speech is not None):
            return True  # without its text output, the synchronizer drops the text of the speech
        self.is_pacing, self.target = is_synced, output.transcription
        if is_synced and synchronizer is not None:
            self.target = synchronizer.text_output.next_in_chain
        self._output = TranscriptOutput(self._receiver, output.transcription)
        output.transcription = self._output
        return True

    def detach(self) -> None:
        """Restore the previous text output; idempotent."""
        output = self._session.output
        if self._output is not None and output.transcription is self._output:
            output.transcription = self._output.next_in_chain

    def disable_synchronizer(self) -> None:
        """Make LiveKit's synchronizer pass on the text that the audio tail reports as heard.

        AgentSession enables the synchronizer again whenever it attaches an output.
        """
        synchronizer = find_synchronizer(self._session)
        if self.is_pacing and synchronizer is not None and synchronizer.enabled:
            synchronizer.set_enabled(False)
