"""The audio and light meters measure sounds, words and flashes in spite of jitter and stalls."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_core.testing.audio.meter import BRIGHT, AudioMeter, LightMeter, Span, brightness_of
from avatar_core.testing.audio.tones import VOCABULARY, WordTones, decode_tones
from avatar_core.testing.flash_renderer import FlashRenderer
from tests.unit.sound import floats, int16, opus, silence, tone

OPUS_QUIET_RMS = 0.02
SENTENCE = VOCABULARY[:8]


def arrive(
    meter: AudioMeter,
    track: str,
    pcm: bytes,
    start_s: float,
    *,
    rate_hz: int = 24_000,
    jitter_s: float = 0.0,
    stalls: Sequence[Span] = (),
) -> None:
    """Add PCM in frames of 10 ms. Frames that are due during a stall arrive at its end."""
    rng = np.random.default_rng(3)
    at_s, size = 0.0, 2 * rate_hz // 100
    for number, at in enumerate(range(0, len(pcm), size)):
        at_s = max(at_s, start_s + number * 0.01 + rng.uniform(0, jitter_s))
        for stall_s, resume_s in stalls:
            at_s = resume_s if stall_s <= at_s < resume_s else at_s
        meter.add(track, at_s, pcm[at : at + size], rate_hz)


def texts(meter: AudioMeter) -> list[str]:
    return [word.word for word in meter.decode()]


# -- LightMeter


@pytest.mark.parametrize("size", [(512, 512), (320, 180)])
def test_brightness_separates_flashes_from_dark_frames(size: tuple[int, int]) -> None:
    renderer = FlashRenderer(*size)
    frames = [renderer.idle(), renderer.render(tone(0.04), last=False)[0]]
    assert [brightness_of(frame) > BRIGHT for frame in frames] == [False, True]
    for frame in frames:
        rgba = np.frombuffer(frame.rgba, np.uint8).reshape(*size[::-1], 4)
        luma = (rgba[..., :3] @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
        assert brightness_of(luma) == pytest.approx(brightness_of(frame), abs=1.0)


def test_flash_lasts_from_the_first_bright_frame_to_the_next_dark_one() -> None:
    light = LightMeter()
    assert light.flashes() == []
    for number, brightness in enumerate([20, 210, 220, 30, 20, 250, 250]):
        light.add(5 + number * 0.04, brightness)
    flashes = [pytest.approx((5.04, 5.12)), pytest.approx((5.2, 5.24))]
    assert light.flashes() == flashes
    assert light.flashes(5.1) == flashes[1:]


@pytest.mark.parametrize("frozen_s", [0.0, 0.1])
def test_flash_time_follows_the_frame_stamp_and_not_its_arrival(frozen_s: float) -> None:
    light = LightMeter()
    for number in range(20):
        due_s = number * 0.04 + (frozen_s if number >= 8 else 0.0)
        at_s = 0.65 if 0.3 < due_s < 0.65 else due_s
        light.add(at_s, 200 if number in (8, 9) else 20, due_s + 100)
    assert light.flashes() == [pytest.approx((0.32 + frozen_s, 0.4 + frozen_s))]


# -- AudioMeter


def test_meter_without_audio_reports_nothing() -> None:
    meter = AudioMeter()
    assert meter.mix() == (0.0, b"")
    assert meter.sounds() == []
    assert meter.silence_around(5.0) == 0.0
    assert meter.last_sound_before(5.0) is None
    assert meter.first_sound_after(0.0) is None
    meter.add("a", 1.0, b"", 24_000, 1)
    assert meter.mix() == (0.0, b"")


@pytest.mark.parametrize("jitter_s", [0.0, 0.01, 0.19])
def test_arrival_jitter_does_not_affect_the_mix(jitter_s: float) -> None:
    meter, sent = AudioMeter(), WordTones().speak(SENTENCE)
    arrive(meter, "a", sent, 10.0, jitter_s=jitter_s)
    arrive(meter, "a", silence(1.0), 10.0 + 0.3 * len(SENTENCE))
    start_s, pcm = meter.mix(24_000)
    assert start_s == pytest.approx(10.0, abs=1e-6)
    assert pcm == sent + silence(1.0)


@given(
    st.lists(st.tuples(st.floats(9.5, 12.5), st.floats(0.0, 0.8)), max_size=6),
    st.sampled_from([0.0, 0.005]),
)
@settings(max_examples=60, deadline=None)
def test_stall_of_the_receiver_does_not_move_sounds(stalls: list[Span], jitter_s: float) -> None:
    meter, tones = AudioMeter(), WordTones()
    sent = tones.speak(SENTENCE) + silence(2.0)
    spans = [(at_s, at_s + length_s) for at_s, length_s in sorted(stalls)]
    arrive(meter, "a", sent, 10.0, jitter_s=jitter_s, stalls=spans)
    heard = meter.decode()
    assert [word.word for word in heard] == list(SENTENCE)
    for word, sound, (start_s, _) in zip(heard, meter.sounds(), tones.spans(SENTENCE), strict=True):
        assert word.track == "a"
        assert word.start_s == pytest.approx(10.0 + start_s, abs=0.008)
        assert sound[0] == pytest.approx(10.0 + start_s, abs=0.002)


def test_meter_corrects_a_late_burst_and_keeps_a_real_gap() -> None:
    meter = AudioMeter()
    arrive(meter, "a", tone(1.0), 0.0, stalls=[(0.4, 0.9)])
    arrive(meter, "a", tone(1.0), 1.5, stalls=[(1.5, 1.8)])
    assert meter.sounds() == [
        pytest.approx((0, 1), abs=0.002),
        pytest.approx((1.5, 2.5), abs=0.002),
    ]
    assert meter.longest_silence() == pytest.approx(0.5, abs=0.002)
    assert meter.longest_silence(1.6) == 0.0


def test_lost_frame_leaves_a_gap_of_its_length() -> None:
    meter = AudioMeter()
    arrive(meter, "a", tone(0.5) + silence(0.2), 0.0, jitter_s=0.001)
    arrive(meter, "a", tone(0.5), 0.71)
    assert meter.sounds()[1] == pytest.approx((0.71, 1.21), abs=0.002)


@pytest.mark.parametrize("kbps", [24, 32])
@pytest.mark.parametrize("lost", [set(), {20, 95}])
def test_sound_edges_are_accurate_after_opus_and_a_stall(kbps: int, lost: set[int]) -> None:
    tones, meter = WordTones(48_000), AudioMeter(OPUS_QUIET_RMS)
    sent = np.pad(floats(tones.speak(SENTENCE)), (0, 24_000))
    pcm = int16(opus(sent, kbps, lost))
    arrive(meter, "a", pcm, 3.0, rate_hz=48_000, stalls=[(3.5, 3.8), (4.21, 4.3)])
    assert texts(meter) == list(SENTENCE)
    for (start_s, end_s), (at_s, to_s) in zip(meter.sounds(), tones.spans(SENTENCE), strict=True):
        assert start_s == pytest.approx(3.0 + at_s, abs=0.002)
        assert end_s == pytest.approx(3.0 + to_s, abs=0.002)
    assert meter.longest_silence(4.0) == pytest.approx(0.12, abs=0.003)


def test_late_frame_opens_a_gap() -> None:
    meter = AudioMeter()
    arrive(meter, "a", tone(1.0), 0.0)
    arrive(meter, "a", tone(1.0), 1.5)
    assert meter.sounds() == [pytest.approx((0, 1)), pytest.approx((1.5, 2.5))]
    assert meter.silence_around(1.2) == pytest.approx(0.5, abs=0.011)
    assert meter.silence_around(0.5) == pytest.approx(0.5, abs=0.011)
    assert meter.silence_around(2.5) == pytest.approx(0.0, abs=0.011)
    assert meter.silence_around(4.5) == pytest.approx(2.0, abs=0.011)
    assert meter.silence_around(-1.0) == pytest.approx(1.0, abs=0.011)
    assert meter.last_sound_before(1.2) == pytest.approx(1.0, abs=0.011)
    assert meter.last_sound_before(0.7) == 0.7
    assert meter.last_sound_before(-1.0) is None
    assert meter.first_sound_after(1.2) == pytest.approx(1.5, abs=0.011)
    assert meter.first_sound_after(0.7) == 0.7
    assert meter.first_sound_after(2.6) is None


def test_since_s_excludes_earlier_audio() -> None:
    meter = AudioMeter()
    arrive(meter, "a", WordTones().speak(SENTENCE), 10.0)
    start_s, pcm = meter.mix(24_000, since_s=11.5)
    assert start_s == pytest.approx(11.5)
    assert [word.word for word in decode_tones(pcm, 24_000)] == list(SENTENCE[5:])
    assert meter.shares(11.5) == {word: pytest.approx(1.0, abs=0.06) for word in SENTENCE[5:]}
    assert meter.sounds(11.5)[0][0] == pytest.approx(11.5, abs=0.002)
    assert meter.mix(since_s=20.0) == (0.0, b"")


def test_repeated_word_counts_twice_across_tracks() -> None:
    meter, tones = AudioMeter(), WordTones()
    arrive(meter, "avatar", tones.speak(["alpha", "bravo"]), 5.0)
    arrive(meter, "voice", tones.speak(["bravo", "charlie"]), 5.4)
    assert [word.track for word in meter.decode()] == ["avatar", "avatar", "voice", "voice"]
    assert meter.shares() == pytest.approx({"alpha": 1, "bravo": 2, "charlie": 1}, abs=0.12)
    assert set(meter.shares(since_s=5.65)) == {"charlie"}


def test_silent_frames_count_as_silence() -> None:
    meter = AudioMeter()
    arrive(meter, "a", tone(0.5) + silence(1.0) + tone(0.5), 100.0)
    assert meter.silence_around(101.0) == pytest.approx(1.0, abs=0.02)
    assert meter.first_sound_after(101.0) == pytest.approx(101.5, abs=0.011)


def test_short_pause_is_part_of_a_sound() -> None:
    meter = AudioMeter()
    arrive(meter, "a", tone(0.5) + silence(0.03) + tone(0.5) + silence(0.08) + tone(0.5), 0.0)
    assert len(meter.sounds()) == 2


def test_silent_track_has_no_sounds() -> None:
    meter = AudioMeter()
    arrive(meter, "a", silence(2.0), 3.0)
    assert meter.sounds() == []
    assert meter.silence_around(4.0) == pytest.approx(2.0)


def test_tracks_are_mixed_together_or_separately() -> None:
    meter, tones = AudioMeter(), WordTones()
    arrive(meter, "avatar", tones.speak(["alpha", "bravo"]), 5.0)
    arrive(meter, "voice", tones.speak(["charlie", "delta"]), 5.7)
    assert meter.tracks == ["avatar", "voice"]
    start_s, pcm = meter.mix()
    assert start_s == pytest.approx(5.0)
    assert [word.word for word in decode_tones(pcm, 48_000)] == [
        "alpha",
        "bravo",
        "charlie",
        "delta",
    ]
    start_s, pcm = meter.mix(tracks=["voice", "nobody"])
    assert start_s == pytest.approx(5.7)
    assert [word.word for word in decode_tones(pcm, 48_000)] == ["charlie", "delta"]


def test_mix_is_clipped_at_full_scale() -> None:
    meter = AudioMeter()
    arrive(meter, "a", tone(0.1, amplitude=0.9), 0.0)
    arrive(meter, "b", tone(0.1, amplitude=0.9), 0.0)
    assert floats(meter.mix(24_000)[1]).max() == pytest.approx(1.0, abs=0.001)


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_meter_accepts_frames_of_different_formats(rate_hz: int, channels: int) -> None:
    meter = AudioMeter()
    arrive(meter, "a", WordTones().speak(["alpha"]), 0.0)
    pcm = np.repeat(np.frombuffer(WordTones(rate_hz).speak(["bravo"]), "<i2"), channels)
    meter.add("a", 0.301, pcm.tobytes(), rate_hz, channels)
    _, mixed = meter.mix()
    assert len(mixed) == 2 * round(0.6 * 48_000)
    assert [word.word for word in decode_tones(mixed, 48_000)] == ["alpha", "bravo"]


@given(st.lists(st.floats(0.0, 0.5), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_samples_are_never_lost_or_reordered(late_s: list[float]) -> None:
    meter, at_s = AudioMeter(), 0.0
    for number, late in enumerate(late_s):
        at_s += 0.02 + late
        meter.add("a", at_s, int16(np.full(480, (number + 1) / 100, np.float32)), 24_000, 1)
    samples = np.frombuffer(meter.mix(24_000)[1], "<i2")
    heard = samples[samples != 0]
    assert heard.size == 480 * len(late_s)
    assert (np.diff(heard) >= 0).all()
