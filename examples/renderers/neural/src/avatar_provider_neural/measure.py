"""Measures the renderer on this machine: `python -m avatar_provider_neural.measure`."""

from __future__ import annotations

import time

import numpy as np

from avatar_provider_neural.face import SIZES
from avatar_provider_neural.renderer import CHUNK, NeuralRenderer, load_model

SPEECH_S = 8.0


def measure_warm_up() -> list[float]:
    """Measure what a worker would wait for without a warm-up.

    Returns:
        Milliseconds to load the model, for its first frame, and for its second frame.
    """
    began_s = time.perf_counter()
    model = load_model()
    times_s = [time.perf_counter() - began_s]
    for _ in range(2):
        began_s = time.perf_counter()
        model.warm_up(1)
        times_s.append(time.perf_counter() - began_s)
    return [1000 * time_s for time_s in times_s]


def measure_frames(size: int, batch: int) -> tuple[float, float, float]:
    """Draw speech as a worker does.

    Args:
        size: Width and height of a frame in pixels.
        batch: Frames that the model draws at once.

    Returns:
        Milliseconds of a frame on average, milliseconds of CPU time of a frame on average, and
        milliseconds of the slowest call of `render`.
    """
    renderer = NeuralRenderer(size, batch, patience_s=60.0)
    ahead = renderer.audio.size(renderer.lookahead_s)
    noise = np.random.default_rng(0).integers(-9000, 9000, int(SPEECH_S * renderer.audio.rate_hz))
    pcm = noise.astype("<i2").tobytes()
    calls_s: list[float] = []
    cpu_s = time.process_time()
    for at in range(0, len(pcm), 2 * CHUNK):
        began_s = time.perf_counter()
        renderer.lookahead(pcm[at : at + 2 * CHUNK + ahead])
        renderer.render(pcm[at : at + 2 * CHUNK], False)
        calls_s.append(time.perf_counter() - began_s)
    cpu_s = time.process_time() - cpu_s
    count = len(calls_s)
    return 1000 * sum(calls_s) / count, 1000 * cpu_s / count, 1000 * max(calls_s)


def main() -> None:
    """Print the results."""
    load_ms, first_ms, second_ms = measure_warm_up()
    print(f"load {load_ms:.0f} ms, first frame {first_ms:.1f} ms, second frame {second_ms:.1f} ms")
    for size in reversed(SIZES):
        for batch in (1, 2, 4):
            frame_ms, cpu_ms, most_ms = measure_frames(size, batch)
            print(
                f"{size} x {size}, batch {batch}: {frame_ms:.1f} ms a frame "
                f"({cpu_ms:.1f} ms of CPU time), slowest call {most_ms:.1f} ms"
            )


if __name__ == "__main__":
    main()
