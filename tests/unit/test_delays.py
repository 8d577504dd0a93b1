"""Delayed sounds report the exact position of the original sound."""

from __future__ import annotations

import numpy as np
import pytest

from avatar_core.testing.audio.delays import (
    choose_packets,
    delay,
    drift,
    lose_packets,
    precede,
    stall,
)
from avatar_core.testing.audio.recording import Recording

RATE_HZ = 8_000
DURATION_S = 4.0
HELD = np.zeros(round(0.5 * RATE_HZ), np.float32)


def ramp() -> Recording:
    """A sound whose samples are their own positions in seconds, and whose maps are complete."""
    pcm = bytes(2 * round(DURATION_S * RATE_HZ))
    silence = Recording.from_pcm(pcm, RATE_HZ)
    return silence.with_samples(np.arange(silence.samples.size) / RATE_HZ)


def errors_s(heard: Recording) -> np.ndarray:
    """The difference of each sample of a ramp from its reported position."""
    times_s = np.arange(heard.samples.size) / heard.rate_hz
    return np.abs(heard.samples - heard.positions_at(times_s))


def test_delay_holds_the_position_until_the_sound_starts() -> None:
    heard = delay(ramp(), 0.75)
    assert heard.duration_s == DURATION_S + 0.75
    assert heard.positions_at(np.array([0.0, 0.5, 0.75, 1.0, 9.0])).tolist() == pytest.approx(
        [0.0, 0.0, 0.0, 0.25, DURATION_S]
    )
    assert errors_s(heard).max() < 1e-5


def test_greeting_holds_the_position() -> None:
    heard = precede(ramp(), HELD + 7)
    assert np.all(heard.samples[: HELD.size] == 7)
    assert np.all(heard.positions_at(np.arange(50) / 100) == 0.0)
    assert errors_s(heard)[HELD.size :].max() < 1e-5


@pytest.mark.parametrize("speed", [0.99, 1.01])
def test_drift_moves_the_position_at_its_speed(speed: float) -> None:
    heard = drift(ramp(), speed)
    assert heard.duration_s == pytest.approx(DURATION_S / speed, abs=0.001)
    assert heard.positions_at(np.array([2.0]))[0] == pytest.approx(2.0 * speed)
    assert errors_s(heard)[400:-400].max() < 0.001  # the filter needs samples at both ends


def test_stall_holds_the_position_and_adds_to_the_delay() -> None:
    heard = stall(ramp(), [1.0, 2.5], recover=False)
    assert heard.duration_s == pytest.approx(DURATION_S + 0.4)
    assert heard.positions_at(np.array([0.5, 1.1, 1.2, 2.6, 2.8, 4.0])).tolist() == pytest.approx(
        [0.5, 1.0, 1.0, 2.4, 2.5, 3.6]
    )
    sounding = np.diff(heard.positions_at(np.arange(heard.samples.size) / RATE_HZ), append=9) > 0
    assert errors_s(heard)[sounding].max() < 1e-3


def test_stall_repeats_a_packet_and_is_silent_afterwards() -> None:
    heard = stall(ramp(), [1.0], recover=False).samples[RATE_HZ:]
    assert heard[0] == pytest.approx(0.6 * 0.98)
    assert heard[160] == pytest.approx(0.36 * 0.98)
    assert not heard[800:1600].any()


def test_sound_catches_up_after_a_stall() -> None:
    heard = stall(ramp(), [0.3])
    assert heard.duration_s == pytest.approx(DURATION_S)
    assert heard.positions_at(np.array([0.5, 3.5])).tolist() == pytest.approx([0.3, 3.5])
    far = errors_s(heard) > 1e-3
    assert not far[: round(0.3 * RATE_HZ)].any()
    # 20 cross-fades of 2 ms each
    assert np.count_nonzero(far[round(0.5 * RATE_HZ) :]) <= 20 * 16


def test_maps_of_several_alterations_are_combined() -> None:
    heard = delay(stall(drift(ramp(), 1.01), [1.0], recover=False), 0.5)
    times_s = np.array([0.2, 1.0, 1.6, 2.7])
    assert heard.positions_at(times_s).tolist() == pytest.approx([0.0, 0.505, 1.01, 2.02])


def test_lost_packets_repeat_the_packet_before() -> None:
    heard = lose_packets(ramp(), [3, 4])
    size = round(0.02 * RATE_HZ)
    packets = heard.samples.reshape(-1, size)
    before = ramp().samples.reshape(-1, size)
    assert packets[3].tolist() == pytest.approx((0.6 * before[2]).tolist())
    assert packets[4].tolist() == pytest.approx((0.36 * before[2]).tolist())
    assert np.array_equal(np.delete(packets, [3, 4], 0), np.delete(before, [3, 4], 0))


def test_chosen_packets_have_the_wanted_share() -> None:
    chosen = choose_packets(600.0, 0.05)
    assert len(chosen) / 30_000 == pytest.approx(0.05, rel=0.1)
    assert chosen == choose_packets(600.0, 0.05) != choose_packets(600.0, 0.05, seed=1)
    assert np.any(np.diff(chosen) == 1)
