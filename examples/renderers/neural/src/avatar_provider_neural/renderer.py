"""The renderer: reads audio ahead, draws several frames at once, and warms up in a thread.

A renderer for another model needs the same four parts: `lookahead` collects audio, `_draw_batch`
calls the model, `render` takes the frame that is ready, and `_load` prepares the model.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

import numpy as np
from avatar_core import AudioFormat, Renderer, VideoFrame

from avatar_provider_neural.face import Face
from avatar_provider_neural.features import FUTURE, HOP, RATE_HZ, WINDOW, Features, Floats
from avatar_provider_neural.model import POSE, Model, Pixels, load_arrays

FPS = 25.0
CHUNK = int(RATE_HZ / FPS)
"""Samples of one frame."""
MODEL_AHEAD_S = (FUTURE * HOP + HOP / 2 + WINDOW / 2 - CHUNK / 2) / RATE_HZ
"""The model reads this many seconds of audio after the end of each frame: 0.0775."""
EASE = 0.5
"""Share of the distance to the new pose that is left after a frame, after speech and a cut."""
REST = 0.01
"""A mouth whose pose differs less from the rest pose is drawn as the still face."""
KEPT = 32
"""Number of the latest poses that the renderer keeps for `discard`."""

Drawn = tuple[Floats, Pixels]
"""The pose of a mouth, and its pixels."""


def load_model() -> Model:
    """Load the model of this package.

    Returns:
        The model.

    Raises:
        OSError: The file of the model cannot be read.
    """
    return Model.from_arrays(load_arrays())


class NeuralRenderer(Renderer):
    """A renderer that draws the mouth of a still face with a small neural network.

    Args:
        size: Width and height of a frame in pixels: 128, 256 or 512.
        batch: Frames that the model may draw at once, 1 to 4. Each frame more than one adds 0.04 s
            to `lookahead_s`.
        patience_s: Seconds that the constructor waits for the model. If the model takes longer,
            the avatar joins with a still face, and the speech is heard as usual.
        load: Loads the model.

    Attributes:
        audio: Format of the audio: int16, mono, at 16000 Hz.
        lookahead_s: 0.0775, and 0.04 for each frame of a batch after the first.

    Raises:
        OSError: The file of the model cannot be read.
    """

    def __init__(
        self,
        size: int = 512,
        batch: int = 2,
        patience_s: float = 0.5,
        load: Callable[[], Model] = load_model,
    ) -> None:
        self.width = self.height = size
        self.fps = FPS
        self.audio = AudioFormat(RATE_HZ)
        self.lookahead_s = MODEL_AHEAD_S + (batch - 1) / FPS
        self._batch = batch
        self._face = Face(load_arrays(), size)
        self._features = Features()
        self._at = self._heard = 0
        """Samples of the speech that have frames, and that have arrived."""
        self._ready: deque[Drawn] = deque()
        """The next mouths of the speech, which the model has drawn."""
        self._recent: deque[Floats] = deque([np.zeros(POSE, np.float32)], maxlen=KEPT)
        self._gap = np.zeros(POSE, np.float32)
        """Distance from the poses of the model to the poses that are shown."""
        self._warm = self._start(load)
        wait([self._warm], patience_s)
        if self._warm.done():
            self._warm.result()  # raises the error of the thread

    def lookahead(self, pcm: bytes) -> None:
        """Receive the audio of the next frame, and the audio after it.

        Args:
            pcm: PCM in the format `audio`, from the start of the chunk of the next `render`.
        """
        known = 2 * (self._heard - self._at)
        if len(pcm) > known:
            self._features.feed(pcm[known:])
            self._heard = self._at + len(pcm) // 2

    def render(self, chunk: bytes, last: bool) -> Sequence[VideoFrame]:
        """Draw the frame of the next chunk of speech.

        Args:
            chunk: PCM in the format `audio`: 0.04 s, or less at the end of a speech.
            last: Whether the speech ends with this chunk.

        Returns:
            One RGBA frame; none if the chunk is empty. The still face until the model is warm.
        """
        self.lookahead(chunk)
        frames = []
        if chunk:
            if not self._ready and self._warm.done():
                self._draw_batch(self._warm.result())
            frames = [self._show(self._ready.popleft() if self._ready else None)]
        self._advance(chunk, last)
        return frames

    def skip(self, chunk: bytes, last: bool) -> None:
        """Drop the frame of a chunk whose time has passed.

        Args:
            chunk: PCM in the format and length of `render`.
            last: Whether the speech ends with this chunk.
        """
        self.lookahead(chunk)
        if self._ready:
            self._ready.popleft()
        self._advance(chunk, last)

    def idle(self) -> VideoFrame:
        """Draw the next frame while the agent is silent, and close the mouth.

        Returns:
            An RGBA frame.
        """
        pose = EASE * self._recent[-1]
        if np.abs(pose).max() < REST or not self._warm.done():
            return self._show(None)
        return self._show((pose, self._warm.result().draw(pose[None])[0]))

    def discard(self, count: int) -> None:
        """Continue from the last frame that was shown.

        Args:
            count: Number of the latest frames that will not be shown.
        """
        for _ in range(min(count, len(self._recent) - 1)):
            self._recent.pop()

    def reset(self) -> None:
        """Drop the speech and the frames that are ready."""
        self._features.reset()
        self._ready.clear()
        self._at = self._heard = 0

    def close(self) -> None:
        """Wait for the end of the thread that loads the model."""
        wait([self._warm])

    def _start(self, load: Callable[[], Model]) -> Future[Model]:
        """Load the model and draw a batch that is not shown, in a thread that then ends."""
        pool = ThreadPoolExecutor(1, thread_name_prefix="neural-warm-up")

        def work() -> Model:
            """Return the model, ready to draw."""
            model = load()
            model.warm_up(self._batch)
            return model

        warm = pool.submit(work)
        pool.shutdown(wait=False)
        return warm

    def _draw_batch(self, model: Model) -> None:
        """Draw the next frame, and the frames after it for which all audio has arrived."""
        moments = [self._at + CHUNK // 2 + CHUNK * number for number in range(self._batch)]
        while len(moments) > 1 and not self._features.covers(moments[-1]):
            moments.pop()
        poses = model.pose(self._features.read(moments))
        if self._at == 0:
            self._gap = EASE * (self._recent[-1] - poses[0])
        for pose in poses:
            pose += self._gap
            self._gap *= EASE
        self._ready.extend(zip(poses, model.draw(poses), strict=True))

    def _show(self, drawn: Drawn | None) -> VideoFrame:
        pose, mouth = drawn or (np.zeros(POSE, np.float32), None)
        self._recent.append(pose)
        pixels = self._face.compose(mouth)
        return VideoFrame(self.width, self.height, pixels.reshape(-1).data)

    def _advance(self, chunk: bytes, last: bool) -> None:
        self._at += len(chunk) // 2
        self._features.forget(self._at)
        if last:
            self.reset()
