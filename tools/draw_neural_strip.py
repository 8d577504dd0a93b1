"""Draws the film strip of docs/neural.md: .venv/bin/python tools/draw_neural_strip.py.

The strip shows the frame at the middle of each sound of a phrase, with the sound below the frame.
The voice is not in the training.
"""

from __future__ import annotations

import argparse
import sys
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
import numpy as np
import soxr
from avatar_demo.speech import SpokenText, Synthesiser
from matplotlib import pyplot
from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "examples/renderers/neural/src"))

from avatar_provider_neural.features import RATE_HZ  # noqa: E402
from avatar_provider_neural.renderer import NeuralRenderer  # noqa: E402

OUT = ROOT / "docs/img/neural-strip.png"
VOICE, RATE_WPM = "en-us+f5", 150
PHRASE = "My papa saw a blue beam."
FRAMES = 12
STOPS, BEFORE_S = "pb", 0.01
"""espeak-ng times these sounds from the moment at which the lips open. The strip shows the frame
that is this many seconds earlier."""
CLOSED_S = 0.06
"""The lips close this many seconds before they open, while the previous sound still lasts."""
PART = (slice(150, 500), slice(81, 431))
"""Rows and columns of the face that the strip shows."""


def main() -> int:
    """Draw the strip, and write it to a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--phrase", default=PHRASE)
    options = parser.parse_args()
    spoken = Synthesiser(VOICE, RATE_WPM).speak(options.phrase)
    images = draw(spoken)
    sounds = [sound for sound in spoken.phonemes if sound[0]][:FRAMES]
    mpl.rcParams["font.family"] = "DejaVu Sans"
    figure, axes = pyplot.subplots(1, FRAMES, figsize=(FRAMES, 1.22), dpi=120)
    figure.subplots_adjust(0.002, 0.2, 0.998, 1, 0.03)
    after = [sound for sound, _, _ in sounds[1:]] + [""]
    for axis, (sound, start_s, end_s), following in zip(axes, sounds, after, strict=True):
        closes_s = end_s - CLOSED_S if following and following in STOPS else end_s
        shown_s = start_s - BEFORE_S if sound in STOPS else (start_s + closes_s) / 2
        at = round(np.clip(shown_s * 25 - 0.5, 0, len(images) - 1))
        axis.imshow(images[at][PART], interpolation="antialiased")
        axis.set_xlabel(sound.strip("ˈˌ"), fontsize=10, labelpad=1)
        axis.set_xticks([])
        axis.set_yticks([])
        for spine in axis.spines.values():
            spine.set_visible(False)
    file = BytesIO()
    figure.savefig(file, format="png")
    image = Image.open(file).convert("RGB").quantize(128)
    image.save(options.out, optimize=True)
    print(f"{options.out}: {options.out.stat().st_size / 1000:.0f} kB")
    return 0


def draw(spoken: SpokenText) -> list[np.ndarray]:
    """Return the frames of a speech as RGB pixels.

    Args:
        spoken: The synthesised speech.
    """
    raw = np.frombuffer(spoken.pcm, "<i2").astype(np.float32)
    pcm = (
        np.clip(soxr.resample(raw, spoken.rate_hz, RATE_HZ), -32768, 32767).astype("<i2").tobytes()
    )
    renderer = NeuralRenderer(patience_s=60.0)
    size, ahead = renderer.audio.size(1 / renderer.fps), renderer.audio.size(renderer.lookahead_s)
    images = []
    for at in range(0, len(pcm), size):
        renderer.lookahead(pcm[at : at + size + ahead])
        for frame in renderer.render(pcm[at : at + size], at + size >= len(pcm)):
            pixels = np.frombuffer(frame.rgba, np.uint8)
            images.append(pixels.reshape(frame.height, frame.width, 4)[..., :3])
    return images


if __name__ == "__main__":
    sys.exit(main())
