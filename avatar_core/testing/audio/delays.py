"""Alterations of the timing of sound, as vendors, networks and jitter buffers make them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import soxr

from avatar_core.testing.audio.recording import Piece, Recording, Samples

PACKET_S = 0.02
_DECAY = 0.6  # each repetition of a packet is this much quieter
_REPETITIONS = 5  # after these, a stall is silent
_STEP_S = 0.01  # the length of sound that is removed at once after a stall
_STEP_EVERY_S = 0.1
_CROSS_FADE_S = 0.002


def delay(recording: Recording, delay_s: float) -> Recording:
    """Delay sound by a constant time, with silence before it.

    Args:
        recording: The sound.
        delay_s: The delay in seconds.

    Returns:
        The delayed sound; the position is 0 until the sound starts.
    """
    return precede(recording, np.zeros(round(delay_s * recording.rate_hz), np.float32))


def precede(recording: Recording, samples: Samples) -> Recording:
    """Play another sound, such as a vendor's greeting, before the sound.

    Args:
        recording: The sound.
        samples: Float samples of the other sound, mono, at the sample rate of `recording`.

    Returns:
        Both sounds in a row; the position is 0 until the second sound starts.
    """
    return recording.rearrange(
        [Piece(samples, 0.0, 0.0), Piece(recording.samples, 0.0, recording.duration_s)]
    )


def drift(recording: Recording, speed: float) -> Recording:
    """Play sound a little faster or slower, as with a sample clock of another speed.

    Args:
        recording: The sound.
        speed: The speed: 1.01 for 1 % faster, with a pitch that is 1 % higher.

    Returns:
        The altered sound.
    """
    samples = soxr.resample(recording.samples, recording.rate_hz * speed, recording.rate_hz)
    # The last sample of the result may lie beyond the end of the source.
    return recording.rearrange([Piece(samples, 0.0, samples.size * speed / recording.rate_hz)])


def stall(
    recording: Recording, starts_s: Sequence[float], stall_s: float = 0.2, recover: bool = True
) -> Recording:
    """Interrupt sound as a jitter buffer does while packets are late.

    A stall repeats the last 20 ms five times, more quietly each time, and is silent afterwards.
    The sound then continues where it stopped.

    Args:
        recording: The sound.
        starts_s: The times in `recording` in seconds at which the stalls start, ascending.
        stall_s: The length of each stall in seconds.
        recover: Whether the sound catches up after a stall: 10 ms are removed every 100 ms.
            Otherwise, each stall adds to the delay.

    Returns:
        The altered sound.
    """
    rate_hz, end = recording.rate_hz, recording.samples.size
    kept, step = round(_STEP_EVERY_S * rate_hz), round(_STEP_S * rate_hz)
    pieces: list[Piece] = []
    at, late_steps = 0, 0
    for start in [*(round(start_s * rate_hz) for start_s in starts_s), end]:
        while recover and late_steps and at + kept + 2 * step <= start:
            pieces.append(_cut(recording, at, at + kept))
            pieces.append(_cross_fade(recording, at + kept, at + kept + step))
            at += kept + 2 * step
            late_steps -= 1
        pieces.append(_cut(recording, at, start))
        at = start
        if start < end:
            pieces.append(Piece(_conceal(recording, at, stall_s), at / rate_hz, at / rate_hz))
            late_steps += round(stall_s / _STEP_S)
    return recording.rearrange(pieces)


def lose_packets(recording: Recording, numbers: Collection[int]) -> Recording:
    """Replace packets of 20 ms with repetitions of the packet before, as a decoder may do.

    Args:
        recording: The sound.
        numbers: The numbers of the lost packets, from 0.

    Returns:
        The altered sound. Times stay the same.
    """
    samples = recording.samples.copy()
    size = round(PACKET_S * recording.rate_hz)
    for number in sorted(numbers):
        packet = samples[number * size : (number + 1) * size]
        if number:
            packet[:] = samples[(number - 1) * size :][: packet.size] * np.float32(_DECAY)
        else:
            packet[:] = 0
    return recording.with_samples(samples)


def choose_packets(duration_s: float, share: float, seed: int = 0) -> list[int]:
    """Choose packets to lose at random, alone or two in a row.

    Args:
        duration_s: The length of the sound in seconds.
        share: The share of the packets to choose: 0.05 for 5 %.
        seed: The seed of the random numbers.

    Returns:
        The numbers of the packets, ascending.
    """
    rng = np.random.default_rng(seed)
    count = int(duration_s / PACKET_S)
    starts = np.flatnonzero(rng.random(count) < share / 1.5)
    pairs = starts[rng.random(starts.size) < 0.5] + 1
    chosen: list[int] = np.union1d(starts, pairs).tolist()
    return [number for number in chosen if number < count]


def _cut(recording: Recording, start: int, end: int) -> Piece:
    return Piece(recording.samples[start:end], start / recording.rate_hz, end / recording.rate_hz)


def _cross_fade(recording: Recording, removed: int, start: int) -> Piece:
    """Return the 10 ms from sample `start`, faded in from the sound at sample `removed`."""
    rate_hz = recording.rate_hz
    size, fade = start - removed, round(_CROSS_FADE_S * rate_hz)
    samples = recording.samples[start : start + size].copy()
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    samples[:fade] *= ramp
    samples[:fade] += recording.samples[removed : removed + fade] * ramp[::-1]
    return Piece(samples, start / rate_hz, (start + size) / rate_hz)


def _conceal(recording: Recording, at: int, stall_s: float) -> Samples:
    """Return the sound of a stall before sample `at`."""
    size = round(PACKET_S * recording.rate_hz)
    last = recording.samples[max(0, at - size) : at]
    decay = np.repeat(np.float32(_DECAY) ** np.arange(1, _REPETITIONS + 1), last.size)
    concealed = np.zeros(round(stall_s * recording.rate_hz), np.float32)
    repeated = (np.tile(last, _REPETITIONS) * decay)[: concealed.size]
    concealed[: repeated.size] = repeated
    return concealed
