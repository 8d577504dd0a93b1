"""Test sounds, and the effects of Opus and a jitter buffer on them."""

from __future__ import annotations

from collections.abc import Collection

import av
import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]


def floats(pcm: bytes) -> Samples:
    """Convert int16 PCM to float samples from -1 to 1."""
    return np.frombuffer(pcm, "<i2").astype(np.float32) / 32768


def int16(samples: Samples) -> bytes:
    """Convert float samples from -1 to 1 to int16 PCM, clipped at full scale."""
    return np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


def tone(duration_s: float, rate_hz: int = 24_000, amplitude: float = 0.25) -> bytes:
    """Return a tone of 500 Hz as mono int16 PCM; the amplitude is a fraction of full scale."""
    at_s = np.arange(round(duration_s * rate_hz), dtype=np.float32) / rate_hz
    return int16(amplitude * np.sin(2 * np.pi * 500 * at_s))


def silence(duration_s: float, rate_hz: int = 24_000) -> bytes:
    """Return silence as mono int16 PCM."""
    return bytes(2 * round(duration_s * rate_hz))


def opus(samples: Samples, kbps: int, lost: Collection[int] = ()) -> Samples:
    """Encode and decode mono samples at 48 kHz with Opus, with the settings of WebRTC for speech.

    Args:
        samples: Float samples from -1 to 1.
        kbps: Bit rate in kbit/s.
        lost: Numbers of the 20 ms packets that are replaced with silence.
    """
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


def apply_jitter(samples: Samples, rng: np.random.Generator) -> Samples:
    """Drop or repeat 10 ms at random, cross-faded over 2 ms, as the jitter buffer NetEq does."""
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
