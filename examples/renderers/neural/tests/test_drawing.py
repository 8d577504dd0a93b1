"""The mouth follows a spoken sentence, whatever the batches are, and waits for the model."""

import asyncio
import wave
from functools import cache
from pathlib import Path
from threading import Event

import numpy as np
import numpy.typing as npt
import pytest
from avatar_core import VideoFrame, create_avatar
from avatar_core.testing import Conversation, MemoryRoom

from avatar_provider_neural import NeuralProvider, NeuralSettings
from avatar_provider_neural.features import RATE_HZ
from avatar_provider_neural.model import HEIGHT, LEFT, TOP, WIDTH, Model
from avatar_provider_neural.renderer import NeuralRenderer, load_model

SENTENCE = Path(__file__).with_name("sentence.wav")
"""espeak-ng says: "My mama bought a blue boat. Papa saw the moon above the palm." """
SIZE = 128
STEP = 512 // SIZE
DARK = 70


@cache
def speech() -> bytes:
    with wave.open(str(SENTENCE)) as file:
        return bytes(file.readframes(file.getnframes()))


def part(start_s: float, end_s: float) -> bytes:
    return speech()[2 * round(RATE_HZ * start_s) : 2 * round(RATE_HZ * end_s)]


def draw(renderer: NeuralRenderer, pcm: bytes, *, ahead_s: float = 1.0) -> list[VideoFrame]:
    """Draw a speech; the renderer receives at most `ahead_s` of audio after each frame."""
    size = renderer.audio.size(1 / renderer.fps)
    more = renderer.audio.size(min(ahead_s, renderer.lookahead_s))
    frames: list[VideoFrame] = []
    for at in range(0, len(pcm), size):
        renderer.lookahead(pcm[at : at + size + more])
        frames += renderer.render(pcm[at : at + size], at + size >= len(pcm))
    return frames


def mouths(frames: list[VideoFrame]) -> npt.NDArray[np.float64]:
    """Return the brightness of the pixels around each mouth."""
    rows = slice(TOP // STEP, (TOP + HEIGHT) // STEP)
    columns = slice(LEFT // STEP, (LEFT + WIDTH) // STEP)
    return np.stack(
        [
            np.frombuffer(frame.rgba, np.uint8)
            .reshape(SIZE, SIZE, 4)[rows, columns, :3]
            .mean(axis=2)
            for frame in frames
        ]
    )


def openings(frames: list[VideoFrame]) -> npt.NDArray[np.float64]:
    """Return the share of dark pixels around each mouth: the inside of the mouth is dark."""
    return np.asarray((mouths(frames) < DARK).mean(axis=(1, 2)))


def make_renderer(batch: int = 4) -> NeuralRenderer:
    return NeuralRenderer(SIZE, batch, patience_s=30.0)


def test_mouth_opens_with_the_sound_within_one_frame() -> None:
    renderer = make_renderer()
    opened = openings(draw(renderer, speech()))
    samples = np.frombuffer(speech(), "<i2").astype(float)
    size = renderer.audio.size(1 / renderer.fps) // 2
    count = len(samples) // size
    loud = np.sqrt((samples[: count * size].reshape(count, size) ** 2).mean(axis=1))

    def likeness(lag: int) -> float:
        later = np.roll(loud, lag)
        return float(np.corrcoef(opened[5 : count - 5], later[5 : count - 5])[0, 1])

    lags = range(-5, 6)
    best = max(lags, key=likeness)
    assert abs(best) <= 1
    assert likeness(best) > 0.5


def test_batches_draw_the_same_frames_as_single_frames() -> None:
    one, other = (draw(make_renderer(batch), part(0.0, 1.0)) for batch in (4, 1))
    assert np.abs(mouths(one) - mouths(other)).max() <= 2
    assert openings(one).max() > 0.02


def test_model_draws_several_frames_at_once_if_their_audio_has_arrived(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []
    plain = Model.draw

    def record(self: Model, poses: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
        sizes.append(len(poses))
        return plain(self, poses)

    renderer = make_renderer()
    monkeypatch.setattr(Model, "draw", record)
    assert len(draw(renderer, part(0.0, 0.6))) == 15
    assert sizes[:3] == [4, 4, 4]
    assert sum(sizes) == 15
    sizes.clear()
    assert len(draw(renderer, part(0.0, 0.2), ahead_s=0.0)) == 5
    assert sizes == [1] * 5


def test_interrupted_speech_leaves_no_frame_for_the_next_one() -> None:
    renderer, fresh = make_renderer(), make_renderer()
    size = renderer.audio.size(1 / renderer.fps)
    renderer.lookahead(speech()[: 6 * size])
    renderer.render(speech()[:size], False)
    renderer.discard(1)
    renderer.reset()
    for _ in range(20):
        renderer.idle()
    tail = part(0.8, 1.3)
    assert np.array_equal(mouths(draw(renderer, tail)), mouths(draw(fresh, tail)))


class Gate:
    """A loader of the model that waits until a test opens it."""

    def __init__(self) -> None:
        self.open = Event()

    def __call__(self) -> Model:
        assert self.open.wait(60.0)
        return load_model()


def test_face_is_still_until_the_model_is_warm() -> None:
    gate = Gate()
    renderer = NeuralRenderer(size=SIZE, patience_s=0.0, load=gate)
    still = mouths([renderer.idle()])
    cold = mouths(draw(renderer, part(0.0, 0.5)))
    assert (cold == still).all()
    gate.open.set()
    renderer.close()  # waits for the model
    assert np.abs(mouths(draw(renderer, part(0.0, 0.5))) - still).max() > 50


def test_error_of_the_model_ends_the_renderer() -> None:
    def fail() -> Model:
        raise OSError("no such model")

    with pytest.raises(OSError, match="no such model"):
        NeuralRenderer(size=SIZE, patience_s=30.0, load=fail)


GATES: list[Gate] = []
"""The loaders of the workers that a test has started."""


class GatedRenderer(NeuralRenderer):
    """A renderer whose model is loaded when the test opens its gate."""

    def __init__(self, size: int, batch: int) -> None:
        GATES.append(Gate())
        super().__init__(size, batch, 0.0, GATES[-1])


class GatedProvider(NeuralProvider):
    renderer = f"{__name__}:GatedRenderer"


@pytest.mark.virtual_time
async def test_speech_is_not_delayed_by_a_model_that_is_not_loaded() -> None:
    took_s = []
    for opens in (True, False):
        GATES.clear()
        room, seen = MemoryRoom(), list[VideoFrame]()
        room.recording.watch = lambda _, frame, seen=seen: seen.append(frame)
        provider = GatedProvider(NeuralSettings(size=128))
        async with Conversation(create_avatar([provider]), room) as conversation:
            if opens:
                GATES[0].open.set()
            turn = await conversation.over(conversation.say(4))
            took_s.append(asyncio.get_running_loop().time() - turn.said_at)
            assert conversation.faults() == []
            assert len(seen) > 25
            GATES[0].open.set()
    assert took_s[0] == pytest.approx(took_s[1], abs=0.05)
