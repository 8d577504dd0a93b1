"""The layers and the bit rate with which a worker publishes its video."""

from __future__ import annotations

import pytest
from livekit import rtc

from avatar_core.rtc.video_options import video_options


@pytest.mark.parametrize(
    ("width", "height", "mode"),
    [
        (64, 64, "L1T3"),
        (256, 256, "L1T3"),
        (479, 479, "L1T3"),
        (512, 512, "L2T3_KEY"),
        (640, 360, "L2T3_KEY"),
        (360, 640, "L2T3_KEY"),
        (960, 540, "L3T3_KEY"),
        (1280, 720, "L3T3_KEY"),
        (962, 542, "L2T3_KEY"),
        (513, 511, "L1T3"),
    ],
)
def test_number_of_layers_follows_the_size(width: int, height: int, mode: str) -> None:
    assert video_options(width, height, 25.0).scalability_mode == mode


@pytest.mark.parametrize("fps", [10.0, 25.0, 60.0])
def test_limit_of_the_frame_rate_is_not_below_the_video(fps: float) -> None:
    options = video_options(512, 512, fps)
    assert options.video_encoding.max_framerate >= max(30.0, fps)
    assert options.video_codec == rtc.VideoCodec.VP9
    assert not options.simulcast


def test_bit_rate_of_a_layered_video_is_the_sum_of_its_layers() -> None:
    whole, half = (video_options(size, size, 25.0).video_encoding for size in (512, 256))
    assert whole.max_bitrate == half.max_bitrate + 50_000 + round(1.5 * 512 * 512)
