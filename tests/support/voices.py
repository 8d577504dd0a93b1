"""Speech of any length for tests: recorded voices of Debian, a synthesised voice, word tones."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import av
import numpy as np
import soxr
from avatar_demo.speech import Synthesiser

from avatar_core.testing.audio.recording import Samples, speech_rms
from avatar_core.testing.audio.tones import VOCABULARY, WordTones

RATE_HZ = 24_000
PAUSES_S = 0.1, 1.5
LEVEL_RMS = 0.1
"""The level of speech, as a fraction of full scale (-20 dBFS)."""

SOUNDS = Path("/usr/share/asterisk/sounds")
"""The folder of Debian's recorded prompts."""
RECORDED = {"english": "en", "french": "fr", "russian": "ru"}
"""The recorded voices, and the languages of their packages `asterisk-core-sounds-<language>-gsm`.
The packages that end with `-wav` contain the same prompts."""
VOICES = (*RECORDED, "synthesised", "tones")

_FORMATS = ("wav", "gsm")
_NOT_SPEECH = ("ascending", "beep", "confbridge", "descending", "silence", "tt-")
_PROMPT_S = 0.5, 12.0
_TEXT = """The ship left the harbour in the morning, and nobody waved. What would you like to know?
    Seven thousand three hundred and twelve people live here; most of them came last summer.
    Please hold the line while I look for your booking. No, that is not possible on a Sunday.
    A quick brown fox jumps over the lazy dog. Thank you very much for your patience!"""
GREETING = "Welcome, I am your virtual host. Make yourself comfortable."
"""A sentence that no speech contains."""


def missing_voices() -> list[str]:
    """Return the recorded voices that are not installed on this machine.

    Returns:
        Names from `VOICES`.
    """
    return [voice for voice in RECORDED if not _find_prompts(voice)]


def install_hint() -> str:
    """Return how to install the recorded voices that are missing.

    Returns:
        One sentence for a message.
    """
    packages = [f"asterisk-core-sounds-{RECORDED[voice]}-gsm" for voice in missing_voices()]
    return f"the recorded voices are missing; run: apt-get install {' '.join(packages)}"


def speak(voice: str, duration_s: float, seed: int = 0) -> bytes:
    """Return speech with pauses of 0.1 to 1.5 s between its sentences.

    Args:
        voice: One of `VOICES`.
        duration_s: The length of the speech in seconds.
        seed: The seed of the order of the sentences and of the pauses.

    Returns:
        Mono int16 PCM at `RATE_HZ`.

    Raises:
        FileNotFoundError: The voice is not installed on this machine.
    """
    rng = np.random.default_rng(seed)
    wanted = round(duration_s * RATE_HZ)
    pieces, count = [], 0
    for sentence in _sentences(voice, rng):
        pause = np.zeros(round(rng.uniform(*PAUSES_S) * RATE_HZ), np.float32)
        pieces += [sentence, pause]
        count += sentence.size + pause.size
        if count >= wanted:
            break
    samples = np.concatenate(pieces)[:wanted]
    return np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


def greet(duration_s: float) -> bytes:
    """Return the beginning of `GREETING`, in the synthesised voice.

    Args:
        duration_s: The length of the result in seconds.

    Returns:
        Mono int16 PCM at `RATE_HZ`.
    """
    spoken = Synthesiser("en-us").speak(GREETING)
    samples = _level(spoken.pcm, spoken.rate_hz)[: round(duration_s * RATE_HZ)]
    return np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


def _sentences(voice: str, rng: np.random.Generator) -> Iterator[Samples]:
    """Yield sentences in random order without end, as float samples at `RATE_HZ`."""
    tones = WordTones(RATE_HZ)
    prompts = _find_prompts(voice) if voice in RECORDED else []
    if voice in RECORDED and not prompts:
        raise FileNotFoundError(install_hint())
    while True:
        if voice == "tones":
            sentence = rng.choice(VOCABULARY, rng.integers(3, 12)).tolist()
            yield np.frombuffer(tones.speak(sentence), "<i2").astype(np.float32) / 32768
        elif voice == "synthesised":
            spoken = _synthesise()
            yield spoken[rng.integers(len(spoken))]
        else:
            prompt = _read_prompt(prompts[rng.integers(len(prompts))])
            if _PROMPT_S[0] <= prompt.size / RATE_HZ <= _PROMPT_S[1]:
                yield prompt


@cache
def _find_prompts(voice: str) -> list[Path]:
    """Return the files of a recorded voice in the best format that is installed."""
    language = RECORDED[voice]
    for suffix in _FORMATS:
        found = [
            path
            for path in sorted(SOUNDS.glob(f"{language}_*/**/*.{suffix}"))
            if not path.name.startswith(_NOT_SPEECH) and path.parent.name != "silence"
        ]
        if found:
            return found
    return []


@cache
def _synthesise() -> list[Samples]:
    synthesiser = Synthesiser("en-us")
    spoken = [synthesiser.speak(sentence) for sentence in _TEXT.replace("\n", " ").split(". ")]
    return [_level(text.pcm, text.rate_hz) for text in spoken]


@cache
def _read_prompt(path: Path) -> Samples:
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    if not frames:  # some packages contain empty prompts
        return np.zeros(0, np.float32)
    pcm = np.concatenate([frame.to_ndarray().ravel() for frame in frames]).astype("<i2")
    return _level(pcm.tobytes(), frames[0].sample_rate)


def _level(pcm: bytes, rate_hz: int) -> Samples:
    """Return sound as float samples at `RATE_HZ` and at the level `LEVEL_RMS`."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)
    samples = soxr.resample(samples, rate_hz, RATE_HZ)
    level = speech_rms(samples, RATE_HZ)
    return samples * np.float32(LEVEL_RMS / level if level else 1.0)
