import time
from itertools import pairwise

import numpy as np
import pytest

from avatar_core.contracts.renderer import VideoFrame
from avatar_core.testing.flash_renderer import FlashRenderer, rms_of


def tone(amplitude: float, rate_hz: int = 24_000, duration_s: float = 0.04) -> bytes:
    at_s = np.arange(round(rate_hz * duration_s)) / rate_hz
    return np.rint(amplitude * 32767 * np.sin(2 * np.pi * 440 * at_s)).astype("<i2").tobytes()


def luma(picture: VideoFrame) -> float:
    assert len(picture.rgba) == picture.width * picture.height * 4
    pixels = np.frombuffer(picture.rgba, np.uint8).reshape(picture.height, picture.width, 4)
    assert (pixels[..., 3] == 255).all()
    return float((pixels[..., :3] @ np.array([0.299, 0.587, 0.114])).mean())


def test_flashes_exactly_while_loud() -> None:
    renderer = FlashRenderer()
    for amplitude, bright in [(0.5, True), (0.05, True), (0.01, False), (0.0, False)]:
        (picture,) = renderer.render(tone(amplitude), last=False)
        assert (luma(picture) > 180) is bright
        assert bright or luma(picture) < 70
    assert luma(renderer.idle()) < 70


def test_the_mouth_opens_with_the_sound() -> None:
    renderer = FlashRenderer()
    lumas = [luma(renderer.render(tone(a), last=False)[0]) for a in (0.05, 0.15, 0.3)]
    assert lumas[0] > lumas[1] > lumas[2]


def test_no_two_pictures_in_a_row_are_equal() -> None:
    renderer = FlashRenderer(width=320, height=180, fps=30.0)
    idle = [bytes(renderer.idle().rgba) for _ in range(200)]
    assert all(a != b for a, b in pairwise(idle))
    loud = [bytes(renderer.render(tone(0.5), last=False)[0].rgba) for _ in range(200)]
    assert all(a != b for a, b in pairwise(loud))


def test_a_short_last_stretch_and_an_empty_one() -> None:
    renderer = FlashRenderer()
    assert len(renderer.render(tone(0.5, duration_s=0.003), last=True)) == 1
    assert renderer.render(b"", last=True) == []
    renderer.reset()
    renderer.close()


def test_pictures_stay_as_they_were_handed_out() -> None:
    renderer = FlashRenderer(64, 64)
    first = renderer.idle()
    before = bytes(first.rgba)
    for _ in range(10):
        renderer.idle()
    assert bytes(first.rgba) == before


@pytest.mark.parametrize("size", [(16, 16), (640, 360), (360, 640)])
def test_any_size(size: tuple[int, int]) -> None:
    renderer = FlashRenderer(*size)
    assert luma(renderer.idle()) < 70
    assert luma(renderer.render(tone(0.5), last=False)[0]) > 180


def test_rms() -> None:
    assert rms_of(b"") == 0.0
    assert rms_of(tone(0.5, duration_s=1.0)) == pytest.approx(0.3535, abs=0.001)


def test_is_cheap() -> None:
    renderer, chunk = FlashRenderer(), tone(0.5)
    renderer.render(chunk, last=False)
    took_s = []
    for _ in range(50):
        begun_s = time.perf_counter()
        renderer.render(chunk, last=False)
        took_s.append(time.perf_counter() - begun_s)
    assert sorted(took_s)[25] < 0.004
