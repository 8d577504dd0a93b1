"""The flash renderer is bright while the audio is loud, and never repeats a frame."""

import time
from itertools import pairwise

import numpy as np
import pytest

from avatar_core.contracts.renderer import VideoFrame
from avatar_core.testing.flash_renderer import FlashRenderer, rms_of


def tone(amplitude: float, rate_hz: int = 24_000, duration_s: float = 0.04) -> bytes:
    at_s = np.arange(round(rate_hz * duration_s)) / rate_hz
    return np.rint(amplitude * 32767 * np.sin(2 * np.pi * 440 * at_s)).astype("<i2").tobytes()


def luma(frame: VideoFrame) -> float:
    assert len(frame.rgba) == frame.width * frame.height * 4
    pixels = np.frombuffer(frame.rgba, np.uint8).reshape(frame.height, frame.width, 4)
    assert (pixels[..., 3] == 255).all()
    return float((pixels[..., :3] @ np.array([0.299, 0.587, 0.114])).mean())


def test_frame_is_bright_exactly_while_audio_is_loud() -> None:
    renderer = FlashRenderer()
    for amplitude, bright in [(0.5, True), (0.05, True), (0.01, False), (0.0, False)]:
        (frame,) = renderer.render(tone(amplitude), last=False)
        assert (luma(frame) > 180) is bright
        assert bright or luma(frame) < 70
    assert luma(renderer.idle()) < 70


def test_mouth_opens_with_the_volume() -> None:
    renderer = FlashRenderer()
    lumas = [luma(renderer.render(tone(a), last=False)[0]) for a in (0.05, 0.15, 0.3)]
    assert lumas[0] > lumas[1] > lumas[2]


def test_consecutive_frames_always_differ() -> None:
    renderer = FlashRenderer(width=320, height=180, fps=30.0)
    idle = [bytes(renderer.idle().rgba) for _ in range(200)]
    assert all(a != b for a, b in pairwise(idle))
    loud = [bytes(renderer.render(tone(0.5), last=False)[0].rgba) for _ in range(200)]
    assert all(a != b for a, b in pairwise(loud))


def test_short_last_chunk_gives_one_frame_and_empty_chunk_none() -> None:
    renderer = FlashRenderer()
    assert len(renderer.render(tone(0.5, duration_s=0.003), last=True)) == 1
    assert renderer.render(b"", last=True) == []
    renderer.reset()
    renderer.close()


def test_returned_frame_is_not_overwritten_by_later_frames() -> None:
    renderer = FlashRenderer(64, 64)
    first = renderer.idle()
    before = bytes(first.rgba)
    for _ in range(10):
        renderer.idle()
    assert bytes(first.rgba) == before


@pytest.mark.parametrize("size", [(16, 16), (640, 360), (360, 640)])
def test_renderer_flashes_in_frames_of_any_size(size: tuple[int, int]) -> None:
    renderer = FlashRenderer(*size)
    assert luma(renderer.idle()) < 70
    assert luma(renderer.render(tone(0.5), last=False)[0]) > 180


def test_rms_is_correct_for_silence_and_a_sine() -> None:
    assert rms_of(b"") == 0.0
    assert rms_of(tone(0.5, duration_s=1.0)) == pytest.approx(0.3535, abs=0.001)


def test_rendering_a_frame_takes_less_than_4_ms() -> None:
    renderer, chunk = FlashRenderer(), tone(0.5)
    renderer.render(chunk, last=False)
    durations_s = []
    for _ in range(50):
        started_s = time.perf_counter()
        renderer.render(chunk, last=False)
        durations_s.append(time.perf_counter() - started_s)
    assert sorted(durations_s)[25] < 0.004
