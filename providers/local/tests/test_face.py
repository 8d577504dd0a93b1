"""The face in time: the same twice, never still, never a jump."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from avatar_demo.speech import Synthesiser
from avatar_provider_local import Character
from avatar_provider_local.face.features import BANDS, Features
from avatar_provider_local.face.renderer import FaceRenderer

from avatar_core import VideoFrame
from providers.local.tests.drawing import at_rate, pixels, seen, shown

SIDE = 256
OPEN = 4e-4


@cache
def speech() -> bytes:
    return at_rate(Synthesiser().speak("Papa Abraham, my mama has arms."), 24_000)


def face(**options: object) -> FaceRenderer:
    return FaceRenderer(**{"width": SIDE, "height": SIDE, **options})  # type: ignore[arg-type]


def change(one: VideoFrame, other: VideoFrame) -> float:
    """Mean difference of two pictures, 0 to 255."""
    return float(np.abs(pixels(one).astype(int) - pixels(other)).mean())


def same(ones: list[VideoFrame], others: list[VideoFrame]) -> bool:
    return [bytes(one.rgba) for one in ones] == [bytes(other.rgba) for other in others]


def test_the_same_seed_and_sound_give_the_same_pictures() -> None:
    once, again = (shown(face(seed=3), speech()) for _ in range(2))
    assert same(once, again)
    assert not same(once, shown(face(seed=4), speech()))


@pytest.mark.parametrize("who", list(Character))
def test_each_character_is_somebody_else(who: Character) -> None:
    others = [other for other in Character if other is not who]
    mine = face(character=who).idle()
    assert min(change(mine, face(character=other).idle()) for other in others) > 10


@pytest.mark.parametrize(("width", "height"), [(128, 128), (256, 512), (640, 360)])
def test_any_shape_of_picture_is_filled(width: int, height: int) -> None:
    picture = face(width=width, height=height).idle()
    assert (picture.width, picture.height) == (width, height)
    assert pixels(picture)[..., 3].min() == 255
    assert pixels(picture)[..., :3].std() > 20


def test_features_do_not_depend_on_the_pieces_sound_comes_in() -> None:
    samples = np.frombuffer(speech(), "<i2")
    mean = np.zeros(BANDS, np.float32)
    whole, level = Features(mean).feed(samples)
    pieces = Features(mean)
    parts = [pieces.feed(samples[at : at + 311]) for at in range(0, len(samples), 311)]
    assert np.allclose(np.concatenate([frames for frames, _ in parts]), whole, atol=1e-4)
    assert np.allclose(np.concatenate([levels for _, levels in parts]), level, atol=1e-4)


def test_a_picture_that_is_skipped_moves_the_lips_as_one_that_is_drawn() -> None:
    drawn, skipping = face(), face()
    size = drawn.audio.size(1 / drawn.fps)
    chunks = [speech()[at : at + size] for at in range(0, 30 * size, size)]
    kept = [drawn.render(chunk, False)[0] for chunk in chunks]
    for chunk in chunks[:-1]:
        skipping.skip(chunk, False)
    assert same(kept[-1:], list(skipping.render(chunks[-1], False)))


def test_a_listener_breathes_blinks_and_looks_around() -> None:
    listening = face()
    pictures = [listening.idle() for _ in range(150)]
    eyes = [pixels(picture)[95:125, 80:176].astype(int) for picture in pictures]
    assert all(change(one, other) > 0 for one, other in pairwise(pictures))
    assert max(np.abs(one - other).mean() for one, other in pairwise(eyes)) > 6  # a blink


@pytest.mark.parametrize("cut_at", range(8, 40, 2))
def test_a_cut_closes_the_mouth_within_100_ms_and_without_a_jump(cut_at: int) -> None:
    speaking = face()
    size = speaking.audio.size(1 / speaking.fps)
    ahead = speaking.audio.size(speaking.lookahead_s)
    spoken = []
    for at in range(0, cut_at * size, size):
        speaking.lookahead(speech()[at : at + size + ahead])
        spoken += speaking.render(speech()[at : at + size], False)
    speaking.reset()
    after = [speaking.idle() for _ in range(10)]
    usual = max(change(one, other) for one, other in pairwise(spoken))
    assert max(change(one, other) for one, other in pairwise([spoken[-1], *after])) <= 1.2 * usual
    was = seen(spoken[-1]).open
    assert seen(after[2]).open <= max(OPEN, 0.35 * was)
    assert seen(after[4]).open <= OPEN


def test_a_cut_goes_on_from_the_picture_that_was_seen() -> None:
    drawn_ahead = 4
    speaking = face()
    pictures = shown(speaking, speech()[: speaking.audio.size(1.2)] + b"\0\0")[:-1]
    usual = max(change(one, other) for one, other in pairwise(pictures))
    speaking.discard(drawn_ahead)
    speaking.reset()
    assert change(pictures[-1 - drawn_ahead], speaking.idle()) <= usual


def test_speech_resumes_without_a_jump() -> None:
    speaking = face()
    shown(speaking, speech())
    quiet = [speaking.idle() for _ in range(20)]
    again = shown(speaking, speech())
    usual = max(change(one, other) for one, other in pairwise(again))
    assert change(quiet[-1], again[0]) <= usual
