"""Maps the phonemes of espeak-ng to visemes and their times."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from avatar_demo.speech import SpokenText

Floats = npt.NDArray[np.float32]

SOUNDS = {
    "PP": "pbm",
    "FF": "fv",
    "TH": "θð",
    "DD": "tdɾʔ",
    "kk": "kgɡhxçɣ",
    "CH": "ʃʒ",
    "SS": "sz",
    "nn": "nŋlɲʎɫ",
    "RR": "rɹʁɚɝɜ",
    "aa": "aɑæʌɐ",
    "E": "eɛəœøᵻ",
    "I": "iɪjy",
    "O": "oɔɒ",
    "U": "uʊwʉ",
}
VISEME_OF = {sound: name for name, sounds in SOUNDS.items() for sound in sounds}
VOWELS = set("".join(SOUNDS[name] for name in ("aa", "E", "I", "O", "U")))
STOPS = ("PP", "DD", "kk", "CH")
CLOSURE_S, CLOSURE_QUIET = 0.08, 0.06
FIRST_SHARE = 0.55
"""Share of the first sound in the length of a diphthong."""


def viseme_spans(spoken: SpokenText) -> list[tuple[str, float, float]]:
    """Return visemes with start and end in seconds; where two overlap, the later one is valid.

    Args:
        spoken: The synthesised speech.
    """
    level = np.abs(np.frombuffer(spoken.pcm, "<i2").astype(np.float32))
    envelope = level / (level.max(initial=0.0) + 1.0)
    found = []
    for sound, start_s, end_s in spoken.phonemes:
        letters = [letter for letter in sound if letter in VISEME_OF]
        if not letters:
            found.append(("sil", start_s, end_s))
        elif letters[0] in "td" and letters[-1] in "ʃʒ":
            found.append(("CH", find_closure(start_s, spoken, envelope), end_s))
        elif len(letters) > 1 and all(letter in VOWELS for letter in letters):
            middle_s = start_s + FIRST_SHARE * (end_s - start_s)
            found.append((VISEME_OF[letters[0]], start_s, middle_s))
            found.append((VISEME_OF[letters[-1]], middle_s, end_s))
        else:
            viseme = VISEME_OF[letters[0]]
            is_stop = viseme in STOPS
            begin_s = find_closure(start_s, spoken, envelope) if is_stop else start_s
            found.append((viseme, begin_s, end_s))
    return found


def find_closure(burst_s: float, spoken: SpokenText, envelope: Floats) -> float:
    """Return the start in seconds of the closure before a plosive's burst.

    espeak-ng counts the closure to the phoneme before.

    Args:
        burst_s: Time of the burst in seconds.
        spoken: The synthesised speech.
        envelope: Absolute samples of the speech, relative to their maximum.
    """
    rate_hz, step = spoken.rate_hz, spoken.rate_hz // 200
    at = round(burst_s * rate_hz)
    first = max(0, at - round(CLOSURE_S * rate_hz))
    while at - step >= first and envelope[at - step : at].max(initial=0) < CLOSURE_QUIET:
        at -= step
    return at / rate_hz
