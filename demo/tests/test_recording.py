"""The recorder writes mp4 files whose decoded audio and video match the input and its times."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import pytest
from avatar_demo import mp4
from avatar_demo.recording import Recorder
from livekit import rtc

from avatar_core.contracts.errors import AvatarError, ConfigError
from avatar_core.contracts.renderer import VideoFrame
from avatar_core.testing.audio.meter import AudioMeter, LightMeter
from avatar_core.testing.flash_renderer import FlashRenderer

BEGIN_S = 5000.0
FRAME_S = 0.04
RATE_HZ = 24_000
QUIET_RMS = 0.02
WIDTH, HEIGHT = 128, 96


class DecodedFile(NamedTuple):
    """An mp4 file as a player decodes it."""

    size: tuple[int, int]
    duration_s: float
    times: list[float]
    luma: list[float]
    audio: AudioMeter
    light: LightMeter

    def sounds(self) -> list[tuple[float, float]]:
        return self.audio.sounds()


def decode(path: Path) -> DecodedFile:
    audio_meter, light_meter, times, luma = AudioMeter(QUIET_RMS), LightMeter(), [], []
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        assert container.duration is not None
        duration_s = container.duration / 1e6
        for frame in container.decode(video, audio):
            if isinstance(frame, av.VideoFrame):
                times.append(float(frame.time or 0))
                luma.append(float(frame.to_ndarray(format="gray").mean()))
                light_meter.add(times[-1], luma[-1])
            elif isinstance(frame, av.AudioFrame):
                pcm = np.rint(frame.to_ndarray().reshape(-1) * 32767).astype("<i2").tobytes()
                audio_meter.add(
                    "file",
                    float((frame.pts or 0) * (frame.time_base or Fraction(1))),
                    pcm,
                    frame.rate,
                )
        size = video.codec_context.width, video.codec_context.height
    return DecodedFile(size, duration_s, times, luma, audio_meter, light_meter)


def beep(loud: bool, count: int = round(FRAME_S * RATE_HZ)) -> bytes:
    tone = 12_000 * np.sin(2 * np.pi * 440 * np.arange(count) / RATE_HZ)
    return (tone * loud).astype("<i2").tobytes()


def moments(seconds: float) -> Iterator[tuple[float, float]]:
    """Yield times of a conversation, each also on the clock of the listener."""
    for number in range(round(seconds / FRAME_S)):
        yield number * FRAME_S, BEGIN_S + number * FRAME_S


def is_loud(at_s: float) -> bool:
    return at_s % 1.0 >= 0.6


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "talk.mp4"


async def test_recorded_flashes_and_beeps_coincide_within_one_frame(path: Path) -> None:
    face = FlashRenderer(WIDTH, HEIGHT)
    async with Recorder(path) as recorder:
        for at_s, here_s in moments(4.0):
            pcm = beep(is_loud(at_s))
            recorder.add_audio("voice", here_s, pcm, RATE_HZ)
            recorder.add_video("face", here_s, face.render(pcm, False)[0])
    decoded = decode(path)
    assert decoded.size == (WIDTH, HEIGHT)
    assert decoded.duration_s == pytest.approx(4.0, abs=0.06)
    flashes, beeps = decoded.light.flashes(), decoded.sounds()
    assert len(flashes) == len(beeps) == 4
    for number, (flash, sound) in enumerate(zip(flashes, beeps, strict=True)):
        assert flash[0] == pytest.approx(number + 0.6, abs=0.01)
        assert abs(flash[0] - sound[0]) < FRAME_S
        assert sound[0] == pytest.approx(number + 0.6, abs=0.01)


async def test_stalled_listener_leaves_no_gap_in_the_recording(path: Path) -> None:
    """The listener handles nothing for 0.3 s, then everything at once."""
    face = FlashRenderer(WIDTH, HEIGHT)
    async with Recorder(path) as recorder:
        for at_s, here_s in moments(4.0):
            late_s = max(here_s, BEGIN_S + 2.3) if 2.0 <= at_s < 2.3 else here_s
            pcm = beep(True)
            recorder.add_audio("voice", late_s, pcm, RATE_HZ)
            recorder.add_video("face", late_s, face.idle(), at_s)
    decoded = decode(path)
    ((begin_s, end_s),) = decoded.sounds()
    assert begin_s == pytest.approx(0.0, abs=0.02)
    assert end_s == pytest.approx(4.0, abs=0.03)
    assert np.diff(decoded.times).max() < 1.5 * FRAME_S


async def test_recording_has_silence_in_gaps_and_bars_for_a_frozen_face(path: Path) -> None:
    """Video lasts from 1 s to 2 s; audio stops from 2 s to 3 s and continues on another track."""
    white = VideoFrame(WIDTH, HEIGHT, b"\xff" * (WIDTH * HEIGHT * 4))
    async with Recorder(path) as recorder:
        for at_s, here_s in moments(4.0):
            if at_s < 2.0:
                recorder.add_audio("voice", here_s, beep(True), RATE_HZ)
            elif at_s >= 3.0:
                recorder.add_audio("own", here_s, beep(True, 882), 22_050)
            if 1.0 <= at_s < 2.0:
                recorder.add_video("face", here_s, white)
    decoded = decode(path)
    assert decoded.duration_s == pytest.approx(4.0, abs=0.06)
    (_, first_end_s), (second_begin_s, second_end_s) = decoded.sounds()
    assert first_end_s == pytest.approx(2.0, abs=0.01)
    assert second_begin_s == pytest.approx(3.0, abs=0.01)
    assert second_end_s == pytest.approx(4.0, abs=0.01)
    ((lit_s, dark_s),) = decoded.light.flashes()
    assert lit_s == pytest.approx(1.0, abs=0.01)
    assert dark_s == pytest.approx(1.96 + 0.5, abs=FRAME_S)
    bars = [luma for at_s, luma in zip(decoded.times, decoded.luma, strict=True) if at_s >= 2.5]
    assert max(bars[:10]) < min(bars[-20:])  # the bars move only with the second track


async def test_recording_mixes_two_audio_tracks(path: Path) -> None:
    async with Recorder(path) as recorder:
        for at_s, here_s in moments(3.0):
            recorder.add_audio("one", here_s, beep(at_s < 1.5), RATE_HZ)
            recorder.add_audio("two", here_s, beep(at_s >= 1.0), RATE_HZ)
    decoded = decode(path)
    start_s, pcm = decoded.audio.mix(mp4.RATE_HZ)
    heard = np.frombuffer(pcm, "<i2").astype(float)

    def level(at_s: float) -> float:
        begin = round((at_s - start_s) * mp4.RATE_HZ)
        return float(np.abs(heard[begin : begin + 4800]).max())

    assert level(0.5) == pytest.approx(12_000, rel=0.1)
    assert level(1.2) == pytest.approx(24_000, rel=0.1)
    assert level(2.5) == pytest.approx(12_000, rel=0.1)
    assert decoded.size == (512, 512)  # no video arrived


async def test_recorder_scales_i420_frames_to_one_size(path: Path) -> None:
    def bright(width: int, height: int) -> rtc.VideoFrame:
        rgba = bytes((255, 255, 255, 255)) * (width * height)
        frame = rtc.VideoFrame(width, height, rtc.VideoBufferType.RGBA, rgba)
        return frame.convert(rtc.VideoBufferType.I420)

    sizes = {0: (129, 97), 1: (64, 48), 2: (48, 96)}
    async with Recorder(path) as recorder:
        for at_s, here_s in moments(3.0):
            recorder.add_video("face", here_s, bright(*sizes[int(at_s)]))
    decoded = decode(path)
    assert decoded.size == (128, 96)
    luma = dict(zip(np.round(decoded.times, 2).tolist(), decoded.luma, strict=True))
    assert luma[0.52] > 230
    assert luma[1.52] > 230  # scaled up
    assert luma[2.52] == pytest.approx(235 * 48 / 128, abs=25)  # black bars at the sides


@pytest.fixture
def older(path: Path) -> bytes:
    """A file that exists already."""
    path.write_bytes(b"an older file")
    return path.read_bytes()


async def test_recorder_does_not_block_and_replaces_the_file_on_close(
    path: Path, older: bytes
) -> None:
    video_frame = VideoFrame(512, 512, b"\x80" * (512 * 512 * 4))
    recorder = Recorder(path)
    loop = asyncio.get_running_loop()
    longest_s = 0.0
    for _, here_s in moments(4.0):
        started_s = loop.time()
        recorder.add_video("face", here_s, video_frame)
        recorder.add_audio("voice", here_s, beep(True), RATE_HZ)
        longest_s = max(longest_s, loop.time() - started_s)
    assert longest_s < 0.05
    assert await asyncio.to_thread(path.read_bytes) == older
    await recorder.aclose()
    await recorder.aclose()
    assert decode(path).duration_s == pytest.approx(4.0, abs=0.06)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("name", ["nowhere/talk.mp4", "talk.webm", "folder.mp4", "file/talk.mp4"])
def test_invalid_path_raises_config_error_before_the_recording(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=name.replace(".", r"\.")):
        Recorder(tmp_path / name)


def test_missing_encoder_raises_config_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mp4, "VIDEO", "no_such_h264")
    with pytest.raises(ConfigError, match=r"the encoder no_such_h264.*pip install"):
        Recorder(path)
    assert list(path.parent.iterdir()) == []


async def test_empty_and_failed_recordings_leave_no_file(path: Path) -> None:
    with pytest.raises(AvatarError, match="it received no audio or video"):
        await Recorder(path).aclose()
    recorder = Recorder(path)
    recorder.add_audio("voice", BEGIN_S, beep(True), RATE_HZ)
    with pytest.raises(KeyError):
        async with recorder:
            raise KeyError
    assert list(path.parent.iterdir()) == []


async def test_close_raises_the_error_of_the_writer_thread(path: Path) -> None:
    recorder = Recorder(path)
    wrong: Any = VideoFrame(WIDTH, HEIGHT, b"short")
    for _, here_s in moments(2.0):
        recorder.add_video("face", here_s, wrong)
    with pytest.raises(AvatarError, match=r"could not record .*talk\.mp4 \(ValueError"):
        await recorder.aclose()
    assert list(path.parent.iterdir()) == []
