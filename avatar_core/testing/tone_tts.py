"""A speech synthesis plugin for `AgentSession` that speaks any text as tones, without a vendor."""

from __future__ import annotations

from typing import Any

from livekit.agents import APIConnectOptions, tts, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS

from avatar_core.testing.audio.word_codes import WordCodes, split_speech

FRAME_MS = 300
SILENCE_S = 0.12
"""Seconds of silence for a text without a word, because a synthesis must return audio."""


class ToneTTS(tts.TTS[Any]):
    """A voice that speaks each word as a pair of tones, so that a test can read what was heard.

    Args:
        codes: The tones of the words; None for new ones.

    Attributes:
        codes: The tones of the words.
    """

    def __init__(self, codes: WordCodes | None = None) -> None:
        self.codes = codes or WordCodes()
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=True),
            sample_rate=self.codes.rate_hz,
            num_channels=1,
        )

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        """Speak a text.

        Args:
            text: The text.
            conn_options: The connection options of livekit-agents.

        Returns:
            The stream of the audio.
        """
        return self._synthesize_with_stream(text, conn_options=conn_options)

    def stream(
        self, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS, **_: Any
    ) -> tts.SynthesizeStream:
        """Speak the pieces of a text, each word as soon as the word is complete.

        Args:
            conn_options: The connection options of livekit-agents.
            _: Other arguments of `tts.TTS.stream`, which are ignored.

        Returns:
            The stream, which accepts the text and returns the audio.
        """
        return _ToneStream(tts=self, conn_options=conn_options)


class _ToneStream(tts.SynthesizeStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        assert isinstance(self._tts, ToneTTS)
        codes = self._tts.codes
        output_emitter.initialize(
            request_id=utils.shortuuid("tones_"),
            sample_rate=codes.rate_hz,
            num_channels=1,
            mime_type="audio/pcm",
            frame_size_ms=FRAME_MS,
            stream=True,
        )
        rest, has_started, has_spoken = "", False, False
        async for item in self._input_ch:
            ended = not isinstance(item, str)
            rest += item if isinstance(item, str) else ""
            if not has_started and rest:
                output_emitter.start_segment(segment_id=utils.shortuuid("segment_"))
                self._mark_started()
                has_started = True
            spoken_words, rest = split_speech(rest, ended=ended)
            if spoken_words:
                output_emitter.push(codes.speak(spoken_words))
                has_spoken = True
            if ended and has_started:
                if not has_spoken:
                    output_emitter.push(bytes(2 * round(SILENCE_S * codes.rate_hz)))
                output_emitter.end_segment()
                has_started = has_spoken = False
