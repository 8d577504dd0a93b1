"""Synthesises speech with espeak-ng in this process, without a network or an account."""

from __future__ import annotations

import ctypes
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from itertools import pairwise
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from avatar_core.contracts.errors import ConfigError

# espeak-ng's speak_lib.h
_SYNCHRONOUS, _DONT_EXIT = 2, 0x8000
_UTF8, _POSITION_CHARACTER = 1, 1
_RATE_PARAMETER = 1
_LIST_TERMINATED, _WORD, _PHONEME = 0, 1, 7
_PHONEME_EVENTS, _IPA = 1, 2

_INSTALL_HINT = "Run: pip install espeakng-loader"
_QUIET = 200  # of 32768; a word ends where its samples stay below this level

_lock = Lock()  # espeak-ng keeps its voice, rate and callback in global variables

Span = tuple[str, float, float]
"""A word or phoneme with its start and end in seconds."""


@dataclass(frozen=True, slots=True)
class SpokenText:
    """A synthesised text.

    Attributes:
        pcm: Mono int16 PCM, little-endian.
        rate_hz: Sample rate of `pcm`.
        word_times: Each word with its start and end in seconds, in order, without overlaps.
            The text consists of these words with spaces between them. Short words that
            espeak-ng speaks as one word, such as "of the", are one item.
        phonemes: Each phoneme in IPA, as espeak-ng writes it, with its start and end in seconds;
            an empty phoneme is a pause. The time of a plosive starts at its burst; its
            closure is a part of the previous phoneme.
    """

    pcm: bytes
    rate_hz: int
    word_times: list[Span]
    phonemes: list[Span]

    @property
    def duration_s(self) -> float:
        """Length of `pcm` in seconds."""
        return len(self.pcm) / 2 / self.rate_hz


class Synthesiser:
    """A speech synthesiser with one voice; it can be used in several threads, which take turns.

    Args:
        voice: Language code of espeak-ng, such as `en-us` or `de`.
        rate_wpm: Speaking rate in words per minute, 80 to 450.

    Attributes:
        voice: Language code of espeak-ng.
        rate_wpm: Speaking rate in words per minute.
        rate_hz: Sample rate of the synthesised audio.

    Raises:
        ConfigError: espeak-ng is not installed or does not start, or the voice is unknown.
    """

    def __init__(self, voice: str = "en-us", rate_wpm: int = 170) -> None:
        self.voice = voice
        self.rate_wpm = rate_wpm
        with _lock:
            self.rate_hz = _library().rate_hz
            self._select_voice()

    def speak(self, text: str) -> SpokenText:
        """Synthesise a text; the call blocks for about a hundredth of the duration of the speech.

        Args:
            text: The text; null characters become spaces.

        Returns:
            The audio, with the times of words and phonemes.
        """
        text = text.replace("\0", " ")
        with _lock:
            self._select_voice()
            pcm, events, sounds = _library().synthesise(text)
        duration_s = len(pcm) / 2 / self.rate_hz
        return SpokenText(
            pcm,
            self.rate_hz,
            _time_spans(text, pcm, events, self.rate_hz),
            [
                (ipa, min(start_s, duration_s), min(end_s, duration_s))
                for (ipa, start_s), (_, end_s) in pairwise([*sounds, ("", duration_s)])
            ],
        )

    def _select_voice(self) -> None:
        api = _library().api
        if api.espeak_SetVoiceByName(self.voice.encode()) != 0:
            raise ConfigError(
                f"espeak-ng has no voice {self.voice!r}.", hint="Use a language code such as en-us."
            )
        api.espeak_SetParameter(_RATE_PARAMETER, self.rate_wpm, 0)


class _WordEvent(NamedTuple):
    start: int  # index of a character in the text
    at_ms: int


class _EventId(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    ]


_Samples = ctypes.POINTER(ctypes.c_short)
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, _Samples, ctypes.c_int, ctypes.POINTER(_Event))


class _Library:
    """The shared library of espeak-ng, which a process loads once; callers must hold `_lock`."""

    def __init__(self, api: Any, data_path: str) -> None:
        self.api = api
        self._pcm = bytearray()
        self._events: list[_WordEvent] = []
        self._sounds: list[tuple[str, float]] = []
        options = _DONT_EXIT | _PHONEME_EVENTS | _IPA
        self.rate_hz: int = api.espeak_Initialize(_SYNCHRONOUS, 0, data_path.encode(), options)
        if self.rate_hz <= 0:
            raise ConfigError("espeak-ng could not load its data.", hint=_INSTALL_HINT)
        self._callback = _Callback(self._collect)
        api.espeak_SetSynthCallback(self._callback)

    def synthesise(
        self, text: str
    ) -> tuple[bytes, Sequence[_WordEvent], Sequence[tuple[str, float]]]:
        self._pcm, self._events, self._sounds = bytearray(), [], []
        encoded = text.encode("utf-8", "replace") + b"\0"
        size = ctypes.c_size_t(len(encoded))
        self.api.espeak_Synth(encoded, size, 0, _POSITION_CHARACTER, 0, _UTF8, None, None)
        return bytes(self._pcm), self._events, self._sounds

    def _collect(self, samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            self._pcm += ctypes.string_at(samples, 2 * count)
        at = 0
        while events[at].type != _LIST_TERMINATED:
            event = events[at]
            if event.type == _WORD:
                self._events.append(_WordEvent(event.text_position - 1, event.audio_position))
            elif event.type == _PHONEME:
                ipa = event.id.string.decode("utf-8", "ignore")
                self._sounds.append((ipa, event.sample / self.rate_hz))
            at += 1
        return 0


@cache
def _library() -> _Library:
    try:
        loader = import_module("espeakng_loader")
        return _Library(ctypes.CDLL(loader.get_library_path()), loader.get_data_path())
    except (ImportError, OSError, RuntimeError) as error:
        raise ConfigError("espeak-ng is not installed.", hint=_INSTALL_HINT) from error


def _time_spans(text: str, pcm: bytes, events: Sequence[_WordEvent], rate_hz: int) -> list[Span]:
    """Assign each part of the text between spaces to the latest event at or before it.

    espeak-ng joins short words ("was the" is one event) and splits others ("$3.50" is five
    events). A word ends at the last audible sample before the start of the next one.
    """
    starts = [part.start() for part in re.finditer(r"\S+", text)]
    if not starts:
        return []
    firsts: dict[int, int] = {}  # the first sample of each part of the text
    for event in events:
        part = max(bisect_right(starts, event.start) - 1, max(firsts, default=0))
        firsts.setdefault(part, round(event.at_ms * rate_hz / 1000))

    samples = np.abs(np.frombuffer(pcm, "<i2").astype(np.int32))
    sample_bounds = pairwise([*firsts.values(), samples.size])
    text_bounds = pairwise([0, *[starts[part] for part in firsts][1:], len(text)])
    spans = []
    for (start, next_start), (begin, end) in zip(sample_bounds, text_bounds, strict=False):
        audible = np.flatnonzero(samples[start:next_start] > _QUIET)
        last = start + int(audible[-1]) + 1 if audible.size else next_start
        spans.append((" ".join(text[begin:end].split()), start / rate_hz, last / rate_hz))
    return spans
