"""The options with which a video track is published, so that the video fits slow connections.

A worker encodes each video once, and the server cannot encode it again. The worker therefore
encodes the video in layers (VP9 SVC), and the server forwards to each listener the layers that fit
the listener's connection. A listener on a fast connection receives all layers: the full size and
the full frame rate. A listener on a slow connection receives a smaller video, a half or a quarter
of the frames, or both. In a video with a single layer, a slow connection loses packets of almost
every frame, and the video freezes. The page `docs/performance.md` has the measurements.
"""

from __future__ import annotations

import math

from livekit import rtc

MAX_SPATIAL_LAYERS = 3
LEAST_LONG_SIDE, LEAST_SHORT_SIDE = 240, 135
"""Pixels of the smallest spatial layer (libwebrtc, `svc_config.cc`). libwebrtc drops smaller layers
itself, but LiveKit would still announce them."""
LAYER_BPS, PIXEL_BPS = 50_000, 1.5
"""The limit of a layer's bit rate: a constant, and a part for each pixel. libwebrtc's own limit is
1.6 bits for each pixel (`svc_config.cc`). With a limit of 300 kbit/s for 512 x 512 pixels, it
sent only the smaller layer, also to fast lines (measured)."""
LEAST_FRAMERATE = 30.0
"""LiveKit drops frames if the limit of the frame rate is near the frame rate of the video."""


def video_options(width: int, height: int, fps: float) -> rtc.TrackPublishOptions:
    """Return the options for a camera track with layers for slow connections.

    Args:
        width: The width of a frame in pixels.
        height: The height of a frame in pixels.
        fps: Frames per second.

    Returns:
        The options.
    """
    layers = count_spatial_layers(width, height)
    return rtc.TrackPublishOptions(
        source=rtc.TrackSource.SOURCE_CAMERA,
        simulcast=False,
        video_codec=rtc.VideoCodec.VP9,
        # T3: three temporal layers, with all, a half and a quarter of the frames. KEY: a spatial
        # layer depends on the layer below only in key frames, so the server sends one of them.
        scalability_mode=f"L{layers}T3_KEY" if layers > 1 else "L1T3",
        # The agent's connection is fast. The default preference would make the video smaller for
        # every listener if the frames are hard to encode.
        degradation_preference=rtc.DegradationPreference.MAINTAIN_FRAMERATE_AND_RESOLUTION,  # type: ignore[arg-type] # an IntEnum of the same values
        video_encoding=rtc.VideoEncoding(
            max_framerate=max(LEAST_FRAMERATE, fps),
            max_bitrate=max_bitrate(width, height, layers),
        ),
    )


def count_spatial_layers(width: int, height: int) -> int:
    """Return the number of spatial layers for a video of a given size.

    Each layer has half the width and half the height of the next larger layer.

    Args:
        width: The width of a frame in pixels.
        height: The height of a frame in pixels.

    Returns:
        1 to 3; a size that cannot be halved without a remainder has fewer layers.
    """
    halvings = min(
        math.log2(max(width, height) / LEAST_LONG_SIDE),
        math.log2(min(width, height) / LEAST_SHORT_SIDE),
    )
    layers = min(MAX_SPATIAL_LAYERS, 1 + max(0, math.floor(halvings)))
    while layers > 1 and (width % 2 ** (layers - 1) or height % 2 ** (layers - 1)):
        layers -= 1
    return layers


def max_bitrate(width: int, height: int, layers: int) -> int:
    """Return the sum of the largest bit rates of all spatial layers.

    Args:
        width: The width of a frame in pixels.
        height: The height of a frame in pixels.
        layers: The number of spatial layers.

    Returns:
        The bit rate in bits per second.
    """
    pixels = [(width >> layer) * (height >> layer) for layer in range(layers)]
    return round(sum(LAYER_BPS + PIXEL_BPS * count for count in pixels))
