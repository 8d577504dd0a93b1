"""The face renderer draws reproducible frames that always move and never jump."""

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
from providers.local.tests.drawing import Pixels, at_rate, pixels, seen, shown

SIDE = 256
OPEN = 4e-4


@cache
def speech() -> bytes:
    return at_rate(Synthesiser().speak("Papa Abraham, my mama has arms."), 24_000)


def face(**options: object) -> FaceRenderer:
    return FaceRenderer(**{"width": SIDE, "height": SIDE, **options})  # type: ignore[arg-type]


def difference(one: VideoFrame, other: VideoFrame) -> float:
    """Mean difference of two frames, 0 to 255."""
    return float(np.abs(pixels(one).astype(int) - pixels(other)).mean())


def same(ones: list[VideoFrame], others: list[VideoFrame]) -> bool:
    return [bytes(one.rgba) for one in ones] == [bytes(other.rgba) for other in others]


def test_same_seed_and_audio_give_the_same_frames() -> None:
    once, again = (shown(face(seed=3), speech()) for _ in range(2))
    assert same(once, again)
    assert not same(once, shown(face(seed=4), speech()))


@pytest.mark.parametrize("who", list(Character))
def test_each_character_looks_different(who: Character) -> None:
    others = [other for other in Character if other is not who]
    mine = face(character=who).idle()
    assert min(difference(mine, face(character=other).idle()) for other in others) > 10


@pytest.mark.parametrize(("width", "height"), [(128, 128), (256, 512), (640, 360)])
def test_face_fills_frames_of_any_aspect_ratio(width: int, height: int) -> None:
    video_frame = face(width=width, height=height).idle()
    assert (video_frame.width, video_frame.height) == (width, height)
    assert pixels(video_frame)[..., 3].min() == 255
    assert pixels(video_frame)[..., :3].std() > 20


ASPECTS = [(160, 480), (180, 390), (180, 320), (240, 320), (256, 256), (480, 270), (480, 160)]


def drawn_parts(renderer: FaceRenderer, video_frame: VideoFrame) -> Pixels:
    """Return whether each pixel of a frame shows the person, and not the wall behind them."""
    wall = renderer._drawing._wall[..., :3].astype(int)
    return np.abs(pixels(video_frame)[..., :3] - wall).max(axis=2) > 12


@pytest.mark.parametrize("who", list(Character))
@pytest.mark.parametrize(("width", "height"), ASPECTS)
def test_person_fills_the_frame_at_any_aspect_ratio(
    width: int, height: int, who: Character
) -> None:
    renderer = face(width=width, height=height, character=who)
    frames = [renderer.idle() for _ in range(100)]
    for video_frame in frames[::20]:
        person = drawn_parts(renderer, video_frame)
        rows, body = np.flatnonzero(person.any(axis=1)), person[-1]
        assert body[width // 2 - width // 8 : width // 2 + width // 8].all(), "wall under the bust"
        if height > 1.3 * width:
            assert body.all(), "wall beside the bust"
        assert 0.02 * height < rows[0] < 0.28 * height, "the hair is cut off, or too low"
        head = person[: round(height * (0.4 if height > width else 0.45))]
        sides = np.flatnonzero(head.any(axis=0))
        assert sides[0] > 0, "the hair touches the left side"
        assert sides[-1] < width - 1, "the hair touches the right side"
        assert len(sides) > 0.45 * min(width, height), "the head is small"


def test_audio_features_do_not_depend_on_the_chunk_size() -> None:
    samples = np.frombuffer(speech(), "<i2")
    mean = np.zeros(BANDS, np.float32)
    whole, level = Features(mean).feed(samples)
    pieces = Features(mean)
    parts = [pieces.feed(samples[at : at + 311]) for at in range(0, len(samples), 311)]
    assert np.allclose(np.concatenate([frames for frames, _ in parts]), whole, atol=1e-4)
    assert np.allclose(np.concatenate([levels for _, levels in parts]), level, atol=1e-4)


def test_skipped_frame_moves_the_lips_like_a_drawn_frame() -> None:
    drawn, skipping = face(), face()
    size = drawn.audio.size(1 / drawn.fps)
    chunks = [speech()[at : at + size] for at in range(0, 30 * size, size)]
    kept = [drawn.render(chunk, False)[0] for chunk in chunks]
    for chunk in chunks[:-1]:
        skipping.skip(chunk, False)
    assert same(kept[-1:], list(skipping.render(chunks[-1], False)))


def test_idle_face_moves_in_every_frame_and_blinks() -> None:
    listening = face()
    video_frames = [listening.idle() for _ in range(150)]
    eyes = [pixels(video_frame)[95:125, 80:176].astype(int) for video_frame in video_frames]
    assert all(difference(one, other) > 0 for one, other in pairwise(video_frames))
    assert max(np.abs(one - other).mean() for one, other in pairwise(eyes)) > 6  # a blink


@pytest.mark.parametrize("cut_at", range(8, 40, 2))
def test_reset_closes_the_mouth_within_five_frames_without_a_jump(cut_at: int) -> None:
    speaking = face()
    size = speaking.audio.size(1 / speaking.fps)
    ahead = speaking.audio.size(speaking.lookahead_s)
    spoken = []
    for at in range(0, cut_at * size, size):
        speaking.lookahead(speech()[at : at + size + ahead])
        spoken += speaking.render(speech()[at : at + size], False)
    speaking.reset()
    after = [speaking.idle() for _ in range(10)]
    usual = max(difference(one, other) for one, other in pairwise(spoken))
    assert (
        max(difference(one, other) for one, other in pairwise([spoken[-1], *after])) <= 1.2 * usual
    )
    was = seen(spoken[-1]).open
    assert seen(after[2]).open <= max(OPEN, 0.35 * was)
    assert seen(after[4]).open <= OPEN


def test_face_continues_from_the_last_shown_frame_after_a_discard() -> None:
    drawn_ahead = 4
    speaking = face()
    video_frames = shown(speaking, speech()[: speaking.audio.size(1.2)] + b"\0\0")[:-1]
    usual = max(difference(one, other) for one, other in pairwise(video_frames))
    speaking.discard(drawn_ahead)
    speaking.reset()
    assert difference(video_frames[-1 - drawn_ahead], speaking.idle()) <= usual


def test_face_resumes_speech_without_a_jump() -> None:
    speaking = face()
    shown(speaking, speech())
    quiet = [speaking.idle() for _ in range(20)]
    again = shown(speaking, speech())
    usual = max(difference(one, other) for one, other in pairwise(again))
    assert difference(quiet[-1], again[0]) <= usual
