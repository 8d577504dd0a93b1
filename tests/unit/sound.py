"""Sounds, and what becomes of them on the way to a listener."""

from __future__ import annotations

from collections.abc import Collection

import av
import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]


def floats(pcm: bytes) -> Samples:
    """Int16 PCM as samples of -1 to 1."""
    return np.frombuffer(pcm, "<i2").astype(np.float32) / 32768


def int16(samples: Samples) -> bytes:
    """Samples of -1 to 1 as int16 PCM."""
    return np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


def tone(duration_s: float, rate_hz: int = 24_000, amplitude: float = 0.25) -> bytes:
    """A tone of 500 Hz."""
    at_s = np.arange(round(duration_s * rate_hz), dtype=np.float32) / rate_hz
    return int16(amplitude * np.sin(2 * np.pi * 500 * at_s))


def silence(duration_s: float, rate_hz: int = 24_000) -> bytes:
    """Nothing."""
    return bytes(2 * round(duration_s * rate_hz))


def opus(samples: Samples, kbps: int, lost: Collection[int] = ()) -> Samples:
    """Through Opus as WebRTC sends speech; 48 kHz mono both ways; lost packets are silent."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 48_000, "mono", "s16"
    encoder.bit_rate, encoder.options = kbps * 1000, {"application": "voip"}
    encoder.open()
    decoder = av.CodecContext.create("libopus", "r")
    decoder.sample_rate, decoder.layout, decoder.extradata = 48_000, "mono", encoder.extradata
    decoder.open()
    size = encoder.frame_size
    pcm = np.frombuffer(int16(np.pad(samples, (0, 2 * size - len(samples) % size))), "<i2")
    heard, packets = [], 0
    for at in range(0, len(pcm), size):
        frame = av.AudioFrame.from_ndarray(pcm[None, at : at + size], "s16", "mono")
        frame.sample_rate, frame.pts = 48_000, at
        for packet in encoder.encode(frame):
            if packets in lost:
                heard.append(np.zeros(size, np.float32))
            else:
                heard += [floats(f.to_ndarray().tobytes()) for f in decoder.decode(packet)]
            packets += 1
    return np.concatenate(heard)


def jittered(samples: Samples, rng: np.random.Generator) -> Samples:
    """Now and then 10 ms are left out or said twice, cross-faded over 2 ms as NetEq does."""
    step, fade = 480, 96
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    out, at = [samples[:step]], step
    while at < len(samples):
        jump = rng.choice([0, step, -step], p=[0.9, 0.05, 0.05])
        piece = samples[at + jump : at + jump + step].copy()
        if jump and len(piece) == step:
            before = samples[at : at + fade]
            piece[:fade] = piece[:fade] * ramp + before * ramp[::-1]
        out.append(piece)
        at += jump + step
    return np.concatenate(out)
