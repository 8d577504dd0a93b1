"""The drawn mouth matches the spoken sounds better than a mouth that only follows the loudness."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest
from avatar_demo.speech import SpokenText, Synthesiser
from avatar_provider_local.face.motion import Pose
from avatar_provider_local.face.mouth import MOUTHS, NAMES
from avatar_provider_local.face.renderer import FaceRenderer

from providers.local.tests.drawing import Seen, at_rate, seen, shown
from tools.phonemes import viseme_spans

TEXT = (
    "My brother bought a big brown map, and Bob's papa made a lamp of bamboo. Pam, my mama has "
    "a hard job: a car park, a bomb, a palm. Stop at a farm bar, Mark. The market opens apart."
)
VOICES = ("en-us+f5", "en-us+m8", "en-us+klatt3")
"""None of them was trained on."""
OPEN = 4e-4
"""Share of the frame from which a mouth counts as open: 105 pixels of 512 by 512."""
PRESSED = 31e-4
"""Lips of which less is seen are pressed; at rest they show 36e-4."""
FRAME_S = 0.04
SIDE = 320
NEAR_S = 0.02
PAUSE_S, SETTLE_S = 0.2, 0.1


class LoudnessMouth(FaceRenderer):
    """The baseline: the jaw falls with the level of the sound, as in most drawn avatars."""

    def _spoken(self, chunk: bytes, last: bool) -> Pose | None:
        samples = np.frombuffer(chunk, "<i2") / 32768.0
        level_db = 10.0 * np.log10((samples**2).mean() + 1e-9)
        target = np.zeros(len(NAMES), np.float32)
        target[NAMES.index("jaw")] = 0.88 * np.clip((level_db + 45.0) / 30.0, 0.0, 1.0)
        return self._motion.step(self._lips.follow(target), 0.5)


@dataclass(frozen=True)
class Watched:
    """A speech, and the mouth of each of its video_frames."""

    spoken: SpokenText
    mouths: list[Seen]

    def between(self, start_s: float, end_s: float) -> list[Seen]:
        """Mouths shown in a stretch of it."""
        return [
            mouth
            for at, mouth in enumerate(self.mouths)
            if start_s - NEAR_S <= (at + 0.5) * FRAME_S < end_s + NEAR_S
        ]

    def agreement(self) -> dict[str, float]:
        """Share of the open vowels, closed lips and pauses that are seen as such.

        Lips that are `closed` are pressed, as silence is not; `shut` asks for less.
        """
        right: dict[str, list[bool]] = {"open": [], "closed": [], "shut": [], "silent": []}
        for viseme, start_s, end_s in viseme_spans(self.spoken):
            if viseme == "sil" and end_s - start_s >= PAUSE_S:
                here = self.between(start_s + SETTLE_S, end_s - SETTLE_S)
                right["silent"] += [m.open < OPEN and m.lips >= PRESSED for m in here]
            elif viseme == "aa" and end_s - start_s >= FRAME_S:
                here = self.between(start_s, end_s)
                right["open"].append(max(m.open for m in here) >= OPEN)
            elif viseme == "PP" and (here := self.between(start_s, end_s)):
                least = min(here, key=lambda mouth: mouth.lips)
                right["closed"].append(least.open < OPEN and least.lips < PRESSED)
                right["shut"].append(min(m.open for m in here) < OPEN)
        return {what: float(np.mean(found)) for what, found in right.items()}

    def lag_s(self) -> float:
        """By how much the seen opening follows the one that the sounds ask for."""
        seen_now = np.array([mouth.open for mouth in self.mouths])
        wanted = self._jaw()
        at_ms = ((np.arange(len(seen_now)) + 0.5) * FRAME_S * 1000).astype(int)

        def likeness(lag_ms: int) -> float:
            requested = wanted[np.clip(at_ms - lag_ms, 0, len(wanted) - 1)]
            return float(np.corrcoef(seen_now, requested)[0, 1])

        return max(range(-150, 151, 5), key=likeness) / 1000

    def _jaw(self) -> npt.NDArray[np.float64]:
        """How far the jaw is to be open, each ms, spread as lips do who cannot jump."""
        jaw = np.zeros(int(self.spoken.duration_s * 1000) + 1)
        for viseme, start_s, end_s in viseme_spans(self.spoken):
            jaw[int(start_s * 1000) : int(end_s * 1000)] = MOUTHS[viseme].jaw
        return np.convolve(jaw, np.hanning(81) / np.hanning(81).sum(), mode="same")


@cache
def watch(voice: str, renderer: type[FaceRenderer]) -> Watched:
    spoken = Synthesiser(voice, 165).speak(TEXT)
    video_frames = shown(renderer(SIDE, SIDE), at_rate(spoken, 24_000))
    return Watched(spoken, [seen(video_frame) for video_frame in video_frames])


@pytest.mark.parametrize("voice", VOICES)
def test_mouth_distinguishes_open_vowels_closed_lips_and_silence(voice: str) -> None:
    found = watch(voice, FaceRenderer).agreement()
    assert min(found.values()) >= 0.7
    assert np.mean(list(found.values())) >= 0.85


def test_face_closes_its_lips_more_often_than_a_loudness_driven_mouth() -> None:
    face, loudness = (watch(VOICES[0], kind).agreement() for kind in (FaceRenderer, LoudnessMouth))
    assert face["shut"] >= loudness["shut"] + 0.4


@pytest.mark.parametrize("voice", VOICES)
def test_mouth_follows_the_audio_within_one_frame(voice: str) -> None:
    assert abs(watch(voice, FaceRenderer).lag_s()) <= FRAME_S


if __name__ == "__main__":
    for spoken_by in VOICES:
        for kind in (FaceRenderer, LoudnessMouth):
            found = watch(spoken_by, kind)
            shares = ", ".join(
                f"{what} {100 * part:.0f} %" for what, part in found.agreement().items()
            )
            print(f"{spoken_by:13} {kind.__name__:13} {shares}, lag {1000 * found.lag_s():.0f} ms")
