from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_core.testing.audio.meter import BRIGHT, AudioMeter, Eye, Span, brightness_of
from avatar_core.testing.audio.tones import VOCABULARY, WordTones, hear
from avatar_core.testing.flash_renderer import FlashRenderer
from tests.unit.sound import floats, int16, opus, silence, tone

OPUS_QUIET_RMS = 0.02
SENTENCE = VOCABULARY[:8]


def arrive(
    ear: AudioMeter,
    track: str,
    pcm: bytes,
    start_s: float,
    *,
    rate_hz: int = 24_000,
    jitter_s: float = 0.0,
    stalls: Sequence[Span] = (),
) -> None:
    """Frames of 10 ms. What is due while the listener stalls, it takes at once afterwards."""
    rng = np.random.default_rng(3)
    at_s, size = 0.0, 2 * rate_hz // 100
    for number, at in enumerate(range(0, len(pcm), size)):
        at_s = max(at_s, start_s + number * 0.01 + rng.uniform(0, jitter_s))
        for stall_s, until_s in stalls:
            at_s = until_s if stall_s <= at_s < until_s else at_s
        ear.add(track, at_s, pcm[at : at + size], rate_hz)


def words(ear: AudioMeter) -> list[str]:
    return [word.word for word in ear.words()]


# -- the eye


@pytest.mark.parametrize("size", [(512, 512), (320, 180)])
def test_flashes_are_told_from_dark_pictures(size: tuple[int, int]) -> None:
    renderer = FlashRenderer(*size)
    pictures = [renderer.idle(), renderer.render(tone(0.04), last=False)[0]]
    assert [brightness_of(picture) > BRIGHT for picture in pictures] == [False, True]
    for picture in pictures:
        rgba = np.frombuffer(picture.rgba, np.uint8).reshape(*size[::-1], 4)
        luma = (rgba[..., :3] @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
        assert brightness_of(luma) == pytest.approx(brightness_of(picture), abs=1.0)


def test_light_lasts_from_the_first_bright_picture_to_the_next_dark_one() -> None:
    eye = Eye()
    assert eye.flashes() == []
    for number, brightness in enumerate([20, 210, 220, 30, 20, 250, 250]):
        eye.add(5 + number * 0.04, brightness)
    flashes = [pytest.approx((5.04, 5.12)), pytest.approx((5.2, 5.24))]
    assert eye.flashes() == flashes
    assert eye.flashes(5.1) == flashes[1:]


@pytest.mark.parametrize("frozen_s", [0.0, 0.1])
def test_a_stall_of_the_watcher_moves_no_light_and_one_of_the_system_does(frozen_s: float) -> None:
    eye = Eye()
    for number in range(20):
        due_s = number * 0.04 + (frozen_s if number >= 8 else 0.0)
        at_s = 0.65 if 0.3 < due_s < 0.65 else due_s
        eye.add(at_s, 200 if number in (8, 9) else 20, due_s + 100)
    assert eye.flashes() == [pytest.approx((0.32 + frozen_s, 0.4 + frozen_s))]


# -- the ear


def test_nothing_arrived() -> None:
    ear = AudioMeter()
    assert ear.mix() == (0.0, b"")
    assert ear.sounds() == []
    assert ear.silence_around(5.0) == 0.0
    assert ear.last_sound_before(5.0) is None
    assert ear.first_sound_after(0.0) is None
    ear.add("a", 1.0, b"", 24_000, 1)
    assert ear.mix() == (0.0, b"")


@pytest.mark.parametrize("jitter_s", [0.0, 0.01, 0.19])
def test_jitter_of_arrival_leaves_no_trace(jitter_s: float) -> None:
    ear, sent = AudioMeter(), WordTones().speak(SENTENCE)
    arrive(ear, "a", sent, 10.0, jitter_s=jitter_s)
    arrive(ear, "a", silence(1.0), 10.0 + 0.3 * len(SENTENCE))
    start_s, pcm = ear.mix(24_000)
    assert start_s == pytest.approx(10.0, abs=1e-6)
    assert pcm == sent + silence(1.0)


@given(
    st.lists(st.tuples(st.floats(9.5, 12.5), st.floats(0.0, 0.8)), max_size=6),
    st.sampled_from([0.0, 0.005]),
)
@settings(max_examples=60, deadline=None)
def test_a_stall_of_the_listener_moves_no_word(stalls: list[Span], jitter_s: float) -> None:
    ear, tones = AudioMeter(), WordTones()
    sent = tones.speak(SENTENCE) + silence(2.0)
    spans = [(at_s, at_s + length_s) for at_s, length_s in sorted(stalls)]
    arrive(ear, "a", sent, 10.0, jitter_s=jitter_s, stalls=spans)
    heard = ear.words()
    assert [word.word for word in heard] == list(SENTENCE)
    for word, sound, (start_s, _) in zip(heard, ear.sounds(), tones.spans(SENTENCE), strict=True):
        assert word.track == "a"
        assert word.start_s == pytest.approx(10.0 + start_s, abs=0.008)
        assert sound[0] == pytest.approx(10.0 + start_s, abs=0.002)


def test_a_burst_is_healed_up_to_a_gap_of_the_system() -> None:
    ear = AudioMeter()
    arrive(ear, "a", tone(1.0), 0.0, stalls=[(0.4, 0.9)])
    arrive(ear, "a", tone(1.0), 1.5, stalls=[(1.5, 1.8)])
    assert ear.sounds() == [
        pytest.approx((0, 1), abs=0.002),
        pytest.approx((1.5, 2.5), abs=0.002),
    ]
    assert ear.longest_silence() == pytest.approx(0.5, abs=0.002)
    assert ear.longest_silence(1.6) == 0.0


def test_a_lost_frame_is_a_gap_of_its_length() -> None:
    ear = AudioMeter()
    arrive(ear, "a", tone(0.5) + silence(0.2), 0.0, jitter_s=0.001)
    arrive(ear, "a", tone(0.5), 0.71)
    assert ear.sounds()[1] == pytest.approx((0.71, 1.21), abs=0.002)


@pytest.mark.parametrize("kbps", [24, 32])
@pytest.mark.parametrize("lost", [set(), {20, 95}])
def test_edges_through_opus_and_a_stall(kbps: int, lost: set[int]) -> None:
    tones, ear = WordTones(48_000), AudioMeter(OPUS_QUIET_RMS)
    sent = np.pad(floats(tones.speak(SENTENCE)), (0, 24_000))
    pcm = int16(opus(sent, kbps, lost))
    arrive(ear, "a", pcm, 3.0, rate_hz=48_000, stalls=[(3.5, 3.8), (4.21, 4.3)])
    assert words(ear) == list(SENTENCE)
    for (start_s, end_s), (at_s, to_s) in zip(ear.sounds(), tones.spans(SENTENCE), strict=True):
        assert start_s == pytest.approx(3.0 + at_s, abs=0.002)
        assert end_s == pytest.approx(3.0 + to_s, abs=0.002)
    assert ear.longest_silence(4.0) == pytest.approx(0.12, abs=0.003)


def test_a_late_frame_opens_a_gap() -> None:
    ear = AudioMeter()
    arrive(ear, "a", tone(1.0), 0.0)
    arrive(ear, "a", tone(1.0), 1.5)
    assert ear.sounds() == [pytest.approx((0, 1)), pytest.approx((1.5, 2.5))]
    assert ear.silence_around(1.2) == pytest.approx(0.5, abs=0.011)
    assert ear.silence_around(0.5) == pytest.approx(0.5, abs=0.011)
    assert ear.silence_around(2.5) == pytest.approx(0.0, abs=0.011)
    assert ear.silence_around(4.5) == pytest.approx(2.0, abs=0.011)
    assert ear.silence_around(-1.0) == pytest.approx(1.0, abs=0.011)
    assert ear.last_sound_before(1.2) == pytest.approx(1.0, abs=0.011)
    assert ear.last_sound_before(0.7) == 0.7
    assert ear.last_sound_before(-1.0) is None
    assert ear.first_sound_after(1.2) == pytest.approx(1.5, abs=0.011)
    assert ear.first_sound_after(0.7) == 0.7
    assert ear.first_sound_after(2.6) is None


def test_a_recording_can_be_heard_from_a_time_on() -> None:
    ear = AudioMeter()
    arrive(ear, "a", WordTones().speak(SENTENCE), 10.0)
    start_s, pcm = ear.mix(24_000, since_s=11.5)
    assert start_s == pytest.approx(11.5)
    assert [word.word for word in hear(pcm, 24_000)] == list(SENTENCE[5:])
    assert ear.shares(11.5) == {word: pytest.approx(1.0, abs=0.06) for word in SENTENCE[5:]}
    assert ear.sounds(11.5)[0][0] == pytest.approx(11.5, abs=0.002)
    assert ear.mix(since_s=20.0) == (0.0, b"")


def test_a_word_said_twice_counts_twice_on_any_track() -> None:
    ear, tones = AudioMeter(), WordTones()
    arrive(ear, "avatar", tones.speak(["alpha", "bravo"]), 5.0)
    arrive(ear, "voice", tones.speak(["bravo", "charlie"]), 5.4)
    assert [word.track for word in ear.words()] == ["avatar", "avatar", "voice", "voice"]
    assert ear.shares() == pytest.approx({"alpha": 1, "bravo": 2, "charlie": 1}, abs=0.12)
    assert set(ear.shares(since_s=5.65)) == {"charlie"}


def test_silence_that_is_sent_counts_as_silence() -> None:
    ear = AudioMeter()
    arrive(ear, "a", tone(0.5) + silence(1.0) + tone(0.5), 100.0)
    assert ear.silence_around(101.0) == pytest.approx(1.0, abs=0.02)
    assert ear.first_sound_after(101.0) == pytest.approx(101.5, abs=0.011)


def test_pauses_inside_a_sound_are_no_silence() -> None:
    ear = AudioMeter()
    arrive(ear, "a", tone(0.5) + silence(0.03) + tone(0.5) + silence(0.08) + tone(0.5), 0.0)
    assert len(ear.sounds()) == 2


def test_only_silence() -> None:
    ear = AudioMeter()
    arrive(ear, "a", silence(2.0), 3.0)
    assert ear.sounds() == []
    assert ear.silence_around(4.0) == pytest.approx(2.0)


def test_tracks_are_heard_together_or_apart() -> None:
    ear, tones = AudioMeter(), WordTones()
    arrive(ear, "avatar", tones.speak(["alpha", "bravo"]), 5.0)
    arrive(ear, "voice", tones.speak(["charlie", "delta"]), 5.7)
    assert ear.tracks == ["avatar", "voice"]
    start_s, pcm = ear.mix()
    assert start_s == pytest.approx(5.0)
    assert [word.word for word in hear(pcm, 48_000)] == ["alpha", "bravo", "charlie", "delta"]
    start_s, pcm = ear.mix(tracks=["voice", "nobody"])
    assert start_s == pytest.approx(5.7)
    assert [word.word for word in hear(pcm, 48_000)] == ["charlie", "delta"]


def test_the_sum_is_clipped_not_wrapped() -> None:
    ear = AudioMeter()
    arrive(ear, "a", tone(0.1, amplitude=0.9), 0.0)
    arrive(ear, "b", tone(0.1, amplitude=0.9), 0.0)
    assert floats(ear.mix(24_000)[1]).max() == pytest.approx(1.0, abs=0.001)


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_format_and_a_change_of_it(rate_hz: int, channels: int) -> None:
    ear = AudioMeter()
    arrive(ear, "a", WordTones().speak(["alpha"]), 0.0)
    pcm = np.repeat(np.frombuffer(WordTones(rate_hz).speak(["bravo"]), "<i2"), channels)
    ear.add("a", 0.301, pcm.tobytes(), rate_hz, channels)
    _, mixed = ear.mix()
    assert len(mixed) == 2 * round(0.6 * 48_000)
    assert [word.word for word in hear(mixed, 48_000)] == ["alpha", "bravo"]


@given(st.lists(st.floats(0.0, 0.5), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_nothing_is_lost_or_reordered(late_s: list[float]) -> None:
    ear, at_s = AudioMeter(), 0.0
    for number, late in enumerate(late_s):
        at_s += 0.02 + late
        ear.add("a", at_s, int16(np.full(480, (number + 1) / 100, np.float32)), 24_000, 1)
    samples = np.frombuffer(ear.mix(24_000)[1], "<i2")
    heard = samples[samples != 0]
    assert heard.size == 480 * len(late_s)
    assert (np.diff(heard) >= 0).all()
