"""Alterations of the level and the timbre of sound, as vendors make them; times stay the same."""

from __future__ import annotations

import numpy as np
import soxr

from avatar_core.testing.audio.recording import (
    BLOCK_S,
    QUIET_RMS,
    Recording,
    Samples,
    block_rms,
    speech_rms,
)

_GAIN_LIMIT_DB = 12.0  # of the automatic gain
_GRAIN_S = 0.04
_BEAT_S = 0.5
_CHORDS_HZ = (  # one chord for each bar of four beats: C, a minor, F, G
    (261.6, 329.6, 392.0),
    (220.0, 261.6, 329.6),
    (174.6, 220.0, 261.6),
    (196.0, 246.9, 293.7),
)


def apply_gain(recording: Recording, gain_db: float) -> Recording:
    """Make sound louder or quieter; `Recording.to_pcm` clips the result at full scale.

    Args:
        recording: The sound.
        gain_db: The gain in dB; negative values make the sound quieter.

    Returns:
        The altered sound.
    """
    return recording.with_samples(recording.samples * 10 ** (gain_db / 20))


def control_gain(
    recording: Recording, target_rms: float = 0.1, time_constant_s: float = 2.0
) -> Recording:
    """Apply a slow automatic gain control of at most 12 dB up or down.

    The gain follows the level of the sound, and stays where it is in silence.

    Args:
        recording: The sound.
        target_rms: The level that the gain aims at, as a fraction of full scale.
        time_constant_s: The time in seconds in which the gain makes 63 % of a step.

    Returns:
        The altered sound.
    """
    share = 1 - np.exp(-BLOCK_S / time_constant_s)
    power = target_rms**2
    gains = []
    for level in block_rms(recording.samples, recording.rate_hz).tolist():
        if level >= QUIET_RMS:
            power += share * (level**2 - power)
        gains.append(target_rms / np.sqrt(power))
    limit = 10 ** (_GAIN_LIMIT_DB / 20)
    at_s = np.arange(recording.samples.size) / recording.rate_hz
    centres_s = (np.arange(len(gains)) + 0.5) * BLOCK_S
    gain = np.interp(at_s, centres_s, np.clip(gains, 1 / limit, limit))
    return recording.with_samples(recording.samples * gain)


def resample(recording: Recording, *rates_hz: int) -> Recording:
    """Resample sound several times in a row.

    Args:
        recording: The sound.
        *rates_hz: The sample rates in Hz. The lowest rate limits the bandwidth of the result.

    Returns:
        The sound at the last of the sample rates.
    """
    for rate_hz in rates_hz:
        recording = recording.at_rate(rate_hz)
    return recording


def add_music(recording: Recording, level_db: float = -20.0) -> Recording:
    """Mix background music into sound: four chords in a row, with a bass drum and a hi-hat.

    Args:
        recording: The sound.
        level_db: The level of the music in dB, relative to the parts of the sound that are not
            silent. The music plays in the pauses too.

    Returns:
        The mix.
    """
    music = np.resize(_make_music(recording.rate_hz), recording.samples.size)
    level = speech_rms(recording.samples, recording.rate_hz) * 10 ** (level_db / 20)
    return recording.with_samples(recording.samples + music * level)


def fade_edges(recording: Recording, fade_s: float = 0.03, pause_s: float = 0.1) -> Recording:
    """Fade sound in after each pause and out before each pause.

    Args:
        recording: The sound.
        fade_s: The length of each fade in seconds.
        pause_s: The length in seconds from which a silence counts as a pause.

    Returns:
        The altered sound.
    """
    loud = block_rms(recording.samples, recording.rate_hz) >= QUIET_RMS
    edges = np.flatnonzero(np.diff(loud, prepend=False, append=False)).reshape(-1, 2)
    if not edges.size:
        return recording
    is_pause = (edges[1:, 0] - edges[:-1, 1]) * BLOCK_S >= pause_s
    starts = edges[np.concatenate([[True], is_pause]), 0]
    ends = edges[np.concatenate([is_pause, [True]]), 1]
    size = round(BLOCK_S * recording.rate_hz)
    ramp = np.linspace(0, 1, round(fade_s * recording.rate_hz), dtype=np.float32)
    gain = np.zeros_like(recording.samples)
    for start, end in zip((starts * size).tolist(), (ends * size).tolist(), strict=True):
        part = gain[start:end]
        part[:] = 1
        count = min(ramp.size, part.size)
        part[:count] *= ramp[:count]
        part[part.size - count :] *= ramp[:count][::-1]
    return recording.with_samples(recording.samples * gain)


def alter_voice(recording: Recording, pitch: float = 1.25, ring_hz: float = 70.0) -> Recording:
    """Make another voice of the same speech, whose waveform does not resemble the original.

    The function moves pitch and formants, and then modulates the amplitude with a sine (ring
    modulation). Each syllable stays where it is, within about 20 ms.

    Args:
        recording: The speech.
        pitch: The factor by which pitch and formants move.
        ring_hz: The frequency of the sine in Hz.

    Returns:
        The other voice.
    """
    size = recording.samples.size
    half = round(_GRAIN_S * recording.rate_hz / 2)
    window = np.sin(np.pi * (np.arange(2 * half) + 0.5) / (2 * half)).astype(np.float32) ** 2
    fast: Samples = soxr.resample(recording.samples, recording.rate_hz * pitch, recording.rate_hz)
    fast = np.pad(fast, (half, 2 * half))
    shifted = np.zeros(size + 3 * half, np.float32)
    for at in range(0, size + half, half):
        source = min(round(at / pitch), fast.size - 2 * half)
        shifted[at : at + 2 * half] += fast[source : source + 2 * half] * window
    at_s = np.arange(size) / recording.rate_hz
    carrier = 0.4 + 0.6 * np.sin(2 * np.pi * ring_hz * at_s)
    return recording.with_samples(shifted[half : half + size] * carrier)


def _make_music(rate_hz: int) -> Samples:
    """Return the four bars with a root mean square of 1."""
    rng = np.random.default_rng(0)
    beat_s = np.arange(round(_BEAT_S * rate_hz)) / rate_hz
    drum = np.sin(2 * np.pi * 60 * beat_s) * np.exp(-beat_s / 0.08)
    noise = rng.normal(size=beat_s.size)
    hat = np.diff(noise, prepend=0.0) * np.exp(-((beat_s - _BEAT_S / 2) % _BEAT_S) / 0.03)
    beats = []
    for chord_hz in _CHORDS_HZ:
        for beat in range(4):
            notes = [
                np.sin(2 * np.pi * note_hz * harmonic * beat_s) / harmonic
                for note_hz in chord_hz
                for harmonic in (1, 2, 3)
            ]
            strum = np.sum(notes, axis=0) * np.exp(-beat_s / 0.4) * np.minimum(beat_s / 0.005, 1)
            beats.append(0.3 * strum + (1.0 if beat % 2 == 0 else 0.0) * drum + 0.1 * hat)
    music = np.concatenate(beats)
    music /= np.sqrt(np.mean(music**2))
    return np.asarray(music, np.float32)
