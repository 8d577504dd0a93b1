"""Real speech without a network or an account: espeak-ng, in this process."""

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

_INSTALL_HINT = (
    "Install it with: pip install 'avatar-core[demo]' (or: pip install espeakng-loader)."
)
_QUIET = 200  # of 32768: a word's end is where it falls under this for good

_lock = Lock()  # espeak-ng keeps its voice, rate and callback in globals

Word = tuple[str, float, float]


@dataclass(frozen=True, slots=True)
class SpokenText:
    """What was synthesised.

    Attributes:
        pcm: Mono int16 little-endian.
        rate_hz: Its sample rate.
        words: Each word with its start and end, seconds; ordered, never overlapping. Joined
            with spaces they are the text; small words spoken as one ("of the") are one.
        phonemes: Each sound as espeak-ng writes it in IPA, with its start and end, seconds;
            an empty one is a pause. A stop starts at its burst: its closure ends the one before.
    """

    pcm: bytes
    rate_hz: int
    words: list[Word]
    phonemes: list[Word]

    @property
    def duration_s(self) -> float:
        """Length of `pcm`, seconds."""
        return len(self.pcm) / 2 / self.rate_hz


class Speech:
    """A voice; any number may be used from any threads, one speaks at a time.

    Args:
        voice: A language of espeak-ng, such as `en-us` or `de`.
        words_per_minute: 80 to 450.

    Raises:
        ConfigError: espeak-ng is not installed or does not start, or the voice is unknown.
    """

    def __init__(self, voice: str = "en-us", words_per_minute: int = 170) -> None:
        self.voice = voice
        self.words_per_minute = words_per_minute
        with _lock:
            self.rate_hz = _library().rate_hz
            self._take_voice()

    def speak(self, text: str) -> SpokenText:
        """Synthesise at once, some hundred times faster than it plays; blocks meanwhile."""
        text = text.replace("\0", " ")
        with _lock:
            self._take_voice()
            pcm, events, sounds = _library().synthesise(text)
        duration_s = len(pcm) / 2 / self.rate_hz
        return SpokenText(
            pcm,
            self.rate_hz,
            _words(text, pcm, events, self.rate_hz),
            [
                (ipa, min(start_s, duration_s), min(end_s, duration_s))
                for (ipa, start_s), (_, end_s) in pairwise([*sounds, ("", duration_s)])
            ],
        )

    def _take_voice(self) -> None:
        api = _library().api
        if api.espeak_SetVoiceByName(self.voice.encode()) != 0:
            raise ConfigError(
                f"espeak-ng has no voice {self.voice!r}.", hint="Use a language code such as en-us."
            )
        api.espeak_SetParameter(_RATE_PARAMETER, self.words_per_minute, 0)


class _WordEvent(NamedTuple):
    start: int  # of the text, characters
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
    """The shared library, initialised once in a process; use it under `_lock`."""

    def __init__(self, api: Any, data_path: str) -> None:
        self.api = api
        self._pcm = bytearray()
        self._events: list[_WordEvent] = []
        self._sounds: list[tuple[str, float]] = []
        options = _DONT_EXIT | _PHONEME_EVENTS | _IPA
        self.rate_hz: int = api.espeak_Initialize(_SYNCHRONOUS, 0, data_path.encode(), options)
        if self.rate_hz <= 0:
            raise ConfigError("espeak-ng did not accept its data.", hint=_INSTALL_HINT)
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


def _words(text: str, pcm: bytes, events: Sequence[_WordEvent], rate_hz: int) -> list[Word]:
    """Every part of the text between spaces goes to the latest event at or before it.

    espeak-ng runs small words together ("was the" is one event) and splits others ("$3.50"
    is five). A word lasts to the last audible sample before the next one begins.
    """
    starts = [part.start() for part in re.finditer(r"\S+", text)]
    if not starts:
        return []
    firsts: dict[int, int] = {}  # a part of the text, and the sample it begins at
    for event in events:
        part = max(bisect_right(starts, event.start) - 1, max(firsts, default=0))
        firsts.setdefault(part, round(event.at_ms * rate_hz / 1000))

    samples = np.abs(np.frombuffer(pcm, "<i2").astype(np.int32))
    sample_bounds = pairwise([*firsts.values(), samples.size])
    text_bounds = pairwise([0, *[starts[part] for part in firsts][1:], len(text)])
    words = []
    for (start, next_start), (begin, end) in zip(sample_bounds, text_bounds, strict=False):
        audible = np.flatnonzero(samples[start:next_start] > _QUIET)
        last = start + int(audible[-1]) + 1 if audible.size else next_start
        words.append((" ".join(text[begin:end].split()), start / rate_hz, last / rate_hz))
    return words
