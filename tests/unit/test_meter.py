import time
from itertools import pairwise

import av
import numpy as np
import numpy.typing as npt
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_core.cli.speech import Speech, SpokenText
from avatar_core.sim.align import Found, align
from avatar_core.sim.flash import FlashRenderer
from avatar_core.sim.meter import Ear, flash_of
from avatar_core.sim.tones import WordTones, hear

Samples = npt.NDArray[np.float32]
TEXT = (
    "It was the best of times, it was the worst of times. "
    "The quick brown fox jumps over the lazy dog, and the dog does not mind at all."
)


def floats(pcm: bytes) -> Samples:
    return np.frombuffer(pcm, "<i2").astype(np.float32) / 32768


def int16(samples: Samples) -> bytes:
    return np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


def opus(samples: Samples, kbps: int) -> Samples:
    """Through Opus as WebRTC sends speech; 48 kHz mono both ways."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 48_000, "mono", "s16"
    encoder.bit_rate, encoder.options = kbps * 1000, {"application": "voip"}
    encoder.open()
    decoder = av.CodecContext.create("opus", "r")
    decoder.sample_rate, decoder.layout, decoder.extradata = 48_000, "mono", encoder.extradata
    decoder.open()
    size = encoder.frame_size
    pcm = np.frombuffer(int16(np.pad(samples, (0, 2 * size - len(samples) % size))), "<i2")
    heard = []
    for at in range(0, len(pcm), size):
        frame = av.AudioFrame.from_ndarray(pcm[None, at : at + size], "s16", "mono")
        frame.sample_rate, frame.pts = 48_000, at
        heard += [f.to_ndarray()[0] for p in encoder.encode(frame) for f in decoder.decode(p)]
    return np.concatenate(heard).astype(np.float32)


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


def tone(duration_s: float, rate_hz: int = 24_000, amplitude: float = 0.25) -> bytes:
    at_s = np.arange(round(duration_s * rate_hz), dtype=np.float32) / rate_hz
    return int16(amplitude * np.sin(2 * np.pi * 500 * at_s))


def silence(duration_s: float, rate_hz: int = 24_000) -> bytes:
    return bytes(2 * round(duration_s * rate_hz))


def arrive(ear: Ear, track: str, pcm: bytes, start_s: float, jitter_s: float = 0.0) -> None:
    """Frames of 20 ms at 24 kHz, each up to `jitter_s` late."""
    rng = np.random.default_rng(3)
    for number, at in enumerate(range(0, len(pcm), 960)):
        late_s = rng.uniform(0, jitter_s) if number else 0.0
        ear.add(track, start_s + number * 0.02 + late_s, pcm[at : at + 960], 24_000, 1)


# -- the picture


@pytest.mark.parametrize("size", [(512, 512), (320, 180)])
def test_flashes_are_told_from_dark_pictures(size: tuple[int, int]) -> None:
    renderer = FlashRenderer(*size)
    pictures = [renderer.idle(), renderer.render(tone(0.04), last=False)[0]]
    assert [flash_of(picture) for picture in pictures] == [False, True]
    for picture, bright in zip(pictures, [False, True], strict=True):
        rgba = np.frombuffer(picture.rgba, np.uint8).reshape(*size[::-1], 4)
        luma = (rgba[..., :3] @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
        assert flash_of(luma) is bright


# -- the ear


def test_nothing_arrived() -> None:
    ear = Ear()
    assert ear.mix() == (0.0, b"")
    assert ear.sounds() == []
    assert ear.silence_around(5.0) == 0.0
    assert ear.last_sound_before(5.0) is None
    assert ear.first_sound_after(0.0) is None
    ear.add("a", 1.0, b"", 24_000, 1)
    assert ear.mix() == (0.0, b"")


@pytest.mark.parametrize("jitter_s", [0.0, 0.05, 0.19])
def test_jitter_of_arrival_leaves_no_trace(jitter_s: float) -> None:
    ear, sent = Ear(), WordTones().speak(["one", "two", "three"])
    arrive(ear, "a", sent, 10.0, jitter_s)
    assert ear.mix(24_000) == (10.0, sent)


def test_a_late_frame_opens_a_gap() -> None:
    ear = Ear()
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


def test_silence_that_is_sent_counts_as_silence() -> None:
    ear = Ear()
    arrive(ear, "a", tone(0.5) + silence(1.0) + tone(0.5), 100.0)
    assert ear.silence_around(101.0) == pytest.approx(1.0, abs=0.02)
    assert ear.first_sound_after(101.0) == pytest.approx(101.5, abs=0.011)


def test_pauses_inside_a_sound_are_no_silence() -> None:
    ear = Ear()
    arrive(ear, "a", tone(0.5) + silence(0.03) + tone(0.5) + silence(0.08) + tone(0.5), 0.0)
    assert len(ear.sounds()) == 2


def test_only_silence() -> None:
    ear = Ear()
    arrive(ear, "a", silence(2.0), 3.0)
    assert ear.sounds() == []
    assert ear.silence_around(4.0) == pytest.approx(2.0)


def test_tracks_are_heard_together_or_apart() -> None:
    ear, tones = Ear(), WordTones()
    arrive(ear, "avatar", tones.speak(["alpha", "bravo"]), 5.0)
    arrive(ear, "voice", tones.speak(["charlie", "delta"]), 5.7)
    assert ear.tracks == ["avatar", "voice"]
    start_s, pcm = ear.mix()
    assert start_s == 5.0
    assert [word.word for word in hear(pcm, 48_000)] == ["alpha", "bravo", "charlie", "delta"]
    start_s, pcm = ear.mix(tracks=["voice", "nobody"])
    assert start_s == 5.7
    assert [word.word for word in hear(pcm, 48_000)] == ["charlie", "delta"]


def test_the_sum_is_clipped_not_wrapped() -> None:
    ear = Ear()
    arrive(ear, "a", tone(0.1, amplitude=0.9), 0.0)
    arrive(ear, "b", tone(0.1, amplitude=0.9), 0.0)
    assert floats(ear.mix(24_000)[1]).max() == pytest.approx(1.0, abs=0.001)


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_format_and_a_change_of_it(rate_hz: int, channels: int) -> None:
    ear = Ear()
    arrive(ear, "a", WordTones().speak(["alpha"]), 0.0)
    pcm = np.repeat(np.frombuffer(WordTones(rate_hz).speak(["bravo"]), "<i2"), channels)
    ear.add("a", 0.31, pcm.tobytes(), rate_hz, channels)
    _, mixed = ear.mix()
    assert len(mixed) == 2 * round(0.6 * 48_000)
    assert [word.word for word in hear(mixed, 48_000)] == ["alpha", "bravo"]


@given(st.lists(st.floats(0.0, 0.5), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_nothing_is_lost_or_reordered(late_s: list[float]) -> None:
    ear, at_s = Ear(), 0.0
    for number, late in enumerate(late_s):
        at_s += 0.02 + late
        ear.add("a", at_s, int16(np.full(480, (number + 1) / 100, np.float32)), 24_000, 1)
    samples = np.frombuffer(ear.mix(24_000)[1], "<i2")
    heard = samples[samples != 0]
    assert heard.size == 480 * len(late_s)
    assert (np.diff(heard) >= 0).all()


# -- speech


@pytest.fixture(scope="module")
def spoken() -> SpokenText:
    return Speech().speak(TEXT)


def sent_over(samples: Samples, rate_hz: int, kbps: int = 24, seed: int | None = 0) -> bytes:
    """What a listener records at 48 kHz; without a seed the jitter buffer does nothing."""
    heard = opus(soxr.resample(samples, rate_hz, 48_000), kbps)
    return int16(heard if seed is None else jittered(heard, np.random.default_rng(seed)))


def found_in(spoken: SpokenText, heard: bytes) -> list[Found]:
    found = align(spoken.pcm, heard, spoken.rate_hz, spoken.words, heard_rate_hz=48_000)
    assert [entry.word for entry in found] == [word for word, _, _ in spoken.words]
    return found


def faults(found: list[Found]) -> tuple[list[int], list[int]]:
    """Numbers of the missing and of the doubled words."""
    return (
        [number for number, entry in enumerate(found) if entry.missing],
        [number for number, entry in enumerate(found) if entry.doubled],
    )


@pytest.mark.parametrize("kbps", [24, 32])
@pytest.mark.parametrize("seed", range(4))
def test_every_word_is_found_once(spoken: SpokenText, kbps: int, seed: int) -> None:
    found = found_in(spoken, sent_over(floats(spoken.pcm), spoken.rate_hz, kbps, seed))
    assert faults(found) == ([], [])
    assert all(a.times[0] < b.times[0] for a, b in pairwise(found))


def test_words_are_found_where_they_were_said(spoken: SpokenText) -> None:
    late = np.pad(floats(spoken.pcm), (spoken.rate_hz, 0))
    for entry in found_in(spoken, sent_over(late, spoken.rate_hz, seed=None)):
        assert entry.times[0] == pytest.approx(entry.said_s + 1.0, abs=0.03)
        assert entry.scores[0] > 0.85


@pytest.mark.parametrize("level_db", [3, -20, -40])
def test_found_at_any_level(spoken: SpokenText, level_db: int) -> None:
    quiet = floats(spoken.pcm) * 10 ** (level_db / 20)
    assert faults(found_in(spoken, sent_over(quiet, spoken.rate_hz, 32))) == ([], [])


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
def test_found_at_any_rate(spoken: SpokenText, rate_hz: int) -> None:
    heard = int16(soxr.resample(floats(spoken.pcm), spoken.rate_hz, rate_hz))
    found = align(spoken.pcm, heard, spoken.rate_hz, spoken.words, heard_rate_hz=rate_hz)
    assert faults(found) == ([], [])
    assert faults(align(heard, heard, rate_hz, spoken.words)) == ([], [])


def planted(spoken: SpokenText, number: int, fault: str) -> Samples:
    samples, rate_hz = floats(spoken.pcm), spoken.rate_hz
    start, after = (round(spoken.words[number + n][1] * rate_hz) for n in (0, 1))
    middle = start + round((spoken.words[number][2] * rate_hz - start) * 0.75)
    gap = np.zeros(rate_hz // 2, np.float32)
    return np.concatenate(
        {
            "dropped": [samples[:start], samples[after:]],
            "doubled": [samples[:after], samples[start:]],
            "rewound": [samples[:after], gap, samples[start:]],
            "cut and said again": [samples[:middle], gap, samples[start:]],
            "paused": [samples[:after], gap, gap, samples[after:]],
        }[fault]
    )


@pytest.mark.parametrize("fault", ["dropped", "doubled", "rewound", "cut and said again", "paused"])
def test_planted_faults_are_found(spoken: SpokenText, fault: str) -> None:
    for number in range(1, len(spoken.words) - 1, 2):
        _, start_s, end_s = word = spoken.words[number]
        if fault == "cut and said again" and (end_s - start_s) * 0.75 < 0.1:
            continue
        heard = sent_over(planted(spoken, number, fault), spoken.rate_hz, seed=number)
        missing = [number] if fault == "dropped" else []
        doubled = [] if fault in ("dropped", "paused") else [number]
        assert faults(found_in(spoken, heard)) == (missing, doubled), word


def test_two_faults_at_once(spoken: SpokenText) -> None:
    samples, rate_hz = floats(spoken.pcm), spoken.rate_hz
    begins = [round(start_s * rate_hz) for _, start_s, _ in spoken.words]
    heard = [samples[: begins[4]], samples[begins[5] : begins[14]], samples[begins[12] :]]
    found = found_in(spoken, sent_over(np.concatenate(heard), rate_hz))
    assert faults(found) == ([4], [12, 13])


def test_speech_that_is_cut_ends_in_missing_words(spoken: SpokenText) -> None:
    cut_s = spoken.words[9][2]
    heard = floats(spoken.pcm)[: round(cut_s * spoken.rate_hz)]
    found = found_in(spoken, sent_over(np.pad(heard, (0, 30_000)), spoken.rate_hz))
    assert faults(found) == (list(range(10, len(spoken.words))), [])


@pytest.mark.parametrize("heard", [b"", bytes(2), bytes(96_000), int16(np.full(9_000, 0.5))])
def test_nothing_said_or_heard(spoken: SpokenText, heard: bytes) -> None:
    assert all(entry.missing for entry in found_in(spoken, heard))
    assert align(spoken.pcm, heard, spoken.rate_hz, []) == []
    assert align(b"", heard, 48_000, [("word", 0.0, 0.5)])[0].missing
    assert align(b"", spoken.pcm, spoken.rate_hz, [("word", 0.0, 0.5)])[0].missing


def test_noise_is_no_speech(spoken: SpokenText) -> None:
    noise = np.random.default_rng(5).normal(0, 0.05, 48_000 * 6).astype(np.float32)
    assert all(entry.missing for entry in found_in(spoken, int16(noise)))


def test_half_a_minute_takes_less_than_two_seconds() -> None:
    spoken = Speech().speak(TEXT * 4)
    heard = sent_over(floats(spoken.pcm), spoken.rate_hz)
    begun_s = time.perf_counter()
    assert faults(found_in(spoken, heard)) == ([], [])
    assert time.perf_counter() - begun_s < 2.0
