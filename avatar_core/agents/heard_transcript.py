"""The transcript of an agent session, cut to what was heard.

The transcript synchronizer of livekit-agents 1.8.9 (`voice/transcription/synchronizer.py`) paces
the text by the wall clock, and an application can turn the synchronizer off. `HeardTranscript`
works with and without the synchronizer. `HeardTranscript` reads the text of each segment, and
computes from the audio which words were heard at a position. The text of an interrupted segment in
the chat history, and the captions that the synchronizer would pace, both come from the computation
of `HeardTranscript`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

from livekit.agents import AgentSession
from livekit.agents.voice import events, io

from avatar_core.agents.caption_queue import CaptionQueue
from avatar_core.agents.segment_transcript import SegmentTranscript
from avatar_core.agents.transcript_placement import TranscriptPlacement
from avatar_core.agents.unread_text import UnreadText
from avatar_core.agents.word_times import SpeakingRate
from avatar_core.contracts.audio import AudioFormat
from avatar_core.playback.segment import Segment


class HeardTranscript:
    """Reads the text of the segments, and passes each word on when the word is heard.

    The audio tail creates the object, and passes the audio of each segment to the object.

    Args:
        session: The agent session.
        tail: The audio tail of the agent session.
    """

    def __init__(self, session: AgentSession[Any], tail: io.AudioOutput) -> None:
        self._session = session
        self._placement = TranscriptPlacement(session, tail, self)
        self._rate = SpeakingRate()
        self._detaching = False
        self._text: SegmentTranscript | None = None
        self._audio: SegmentTranscript | None = None
        self._pending: deque[SegmentTranscript] = deque()
        self._followed: Segment | None = None
        self._ending: asyncio.Handle | None = None
        self._captions = CaptionQueue()
        self._unread = UnreadText()
        session.on("speech_created", self._on_speech_created)
        session.on("conversation_item_added", self._unread.on_item_added)

    def close(self) -> None:
        """Restore the previous text output when no segment plays any more; idempotent."""
        self._session.off("speech_created", self._on_speech_created)
        self._session.off("conversation_item_added", self._unread.on_item_added)
        self.detach()

    def detach(self) -> None:
        """Restore the previous text output after all segments, unless the tail is in use again."""
        self._detaching = bool(self._pending)
        if not self._detaching:
            self._placement.detach()

    def _on_speech_created(self, _: events.SpeechCreatedEvent) -> None:
        if self._placement.attach():
            self._detaching = False

    # From the text output.

    def on_text(self, text: str) -> None:
        """Add text to the segment whose text is open, or to a new segment.

        Args:
            text: The next piece of the text.
        """
        transcript = self._text
        if transcript is None or transcript.text_ended:
            transcript = self._text = self._begin_text()
        if transcript.interrupted:
            return
        transcript.add_text(text)
        if not transcript.paced:
            self._pass_on([text])
        elif transcript.finished:
            self._pass_on(transcript.advance_to_end())
        elif self._followed is not None and self._followed.awaits_more:
            self._follow()  # the position does not move before more audio arrives

    def on_text_ended(self) -> None:
        """Complete the text of the open segment."""
        transcript = self._text
        if transcript is None or transcript.text_ended:
            return
        transcript.text_ended = True
        if not transcript.paced or transcript.finished:
            self._flush()

    def _begin_text(self) -> SegmentTranscript:
        if self._pending:
            # AgentSession sends the text of one segment at a time, so any text that the segment
            # has came from an earlier speech that had no audio.
            transcript = self._pending[-1]
            transcript.clear_text()
        else:
            transcript = SegmentTranscript(self._rate)
        transcript.audible = self._placement.is_audible
        transcript.paced = self._placement.is_pacing and transcript.audible
        self._placement.disable_synchronizer()
        return transcript

    # From the audio tail.

    def on_audio(self, pcm: bytes, format: AudioFormat) -> None:
        """Add audio to the open segment, or begin a segment.

        Args:
            pcm: Whole samples: int16, little-endian, interleaved.
            format: The format of `pcm`.
        """
        if self._audio is None:
            self._audio = self._awaiting_audio() or SegmentTranscript(self._rate)
            self._pending.append(self._audio)
            self._unread.forget()
        self._audio.add_audio(pcm, format)

    def _awaiting_audio(self) -> SegmentTranscript | None:
        """Return the transcript whose text came before its audio."""
        text = self._text
        if text is None or text.has_audio:
            return None
        # The text of a speech without audio output gets no audio, also not that of a later speech.
        return text if text.audible or not self._placement.is_audible else None

    def on_audio_truncated(self) -> None:
        """Note that the audio of the open segment covers only a part of its text."""
        if self._audio is not None:
            self._audio.truncated = True

    def on_audio_ended(self) -> None:
        """Complete the audio of the open segment, or forget the text of a speech without audio."""
        if self._audio is not None:
            # If AgentSession ends the audio early, `on_interrupted` follows before the next event.
            self._ending = asyncio.get_running_loop().call_soon(self._audio.end_audio)
        elif self._text is not None and not self._text.has_audio:
            self._text = None
        self._audio = None

    def on_started(self, segment: Segment) -> bool:
        """Pass each word of a segment to the captions when the word is heard.

        Args:
            segment: The segment that started to play.

        Returns:
            Whether this object reads the text. Otherwise LiveKit's synchronizer reads the text.
        """
        if self._pending and not segment.cleared:
            self._followed = segment
            segment.on_moved = self._follow
        return self._placement.is_attached

    def on_interrupted(self) -> None:
        """Pass no more text on until the segment has finished."""
        if self._ending is not None:
            self._ending.cancel()
        self._stop_following()

    def on_finished(self, segment: Segment, interrupted: bool) -> str | None:
        """Complete the text of a segment.

        Args:
            segment: The segment that finished, with the position that was heard.
            interrupted: Whether the segment ended before all its audio was heard.

        Returns:
            The text that was heard; None if the text is unknown.
        """
        self._stop_following()
        if not self._pending:
            return None
        transcript = self._pending.popleft()
        transcript.finished, transcript.interrupted = True, interrupted
        heard = None
        if transcript.text:
            heard = self._finish(transcript, segment.position_s)
        elif interrupted and not self._placement.is_synchronized:
            self._unread.expect(transcript, segment.position_s)
        if self._detaching:
            self.detach()
        return heard

    def _finish(self, transcript: SegmentTranscript, position_s: float) -> str | None:
        self._placement.disable_synchronizer()
        partly = transcript.interrupted or transcript.truncated
        spoken_words = transcript.advance(position_s) if partly else transcript.advance_to_end()
        is_last = partly or transcript.text_ended
        if transcript.paced:
            self._pass_on(spoken_words, at_s=position_s)
            if is_last:
                self._flush()
        return transcript.text[: transcript.heard] if is_last else None

    def _stop_following(self) -> None:
        if self._followed is not None:
            self._followed.on_moved = None
            self._followed = None

    def _follow(self) -> None:
        """Pass on the words that were heard since the last call."""
        segment, transcript = self._followed, self._pending[0]
        if segment is None:
            return
        heard = transcript.advance(segment.position_s)
        if transcript.paced:
            self._pass_on(heard, at_s=segment.position_s)

    def _pass_on(self, pieces: Sequence[str], at_s: float | None = None) -> None:
        if at_s is not None:
            pieces = [io.TimedString(piece, end_time=at_s) for piece in pieces]
        self._captions.put(self._placement.target, pieces)

    def _flush(self) -> None:
        self._captions.flush(self._placement.target)
