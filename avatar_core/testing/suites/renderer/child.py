"""Draws frames with a renderer in a child process, which shares nothing with the tests."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Mapping
from typing import Any

from avatar_core.contracts.renderer import Renderer
from avatar_core.testing.suites.check import CheckFailed
from avatar_core.testing.suites.renderer.drawing import make_vowel, rest, speak
from avatar_core.worker.environment import worker_environment
from avatar_core.worker.renderers import load_renderer

CHILD_S = 60.0


def run_child(renderer: str, options: Mapping[str, Any], *, measures_memory: bool = False) -> float:
    """Let a child process create a renderer and draw frames.

    Args:
        renderer: The name of the renderer, for example `"package.module:Class"`.
        options: The options of the renderer.
        measures_memory: Whether the child measures its memory while it draws 30 frames.

    Returns:
        The growth of the memory, in frames of the renderer; 0 if the child does not measure it.

    Raises:
        CheckFailed: The child cannot create the renderer, or cannot draw.
    """
    config = {"renderer": renderer, "options": dict(options), "measures_memory": measures_memory}
    process = subprocess.run(  # noqa: S603 - the arguments are constants
        [sys.executable, "-m", __name__],
        input=json.dumps(config).encode(),
        capture_output=True,
        env=worker_environment(),
        timeout=CHILD_S,
        check=False,
    )
    lines = process.stderr.decode(errors="replace").strip().splitlines() or ["no output"]
    if process.returncode:
        raise CheckFailed(
            f"A child process cannot draw with {renderer}: {lines[-1]}.",
            "The worker runs in a process of its own, which has only the options and the "
            "installed packages.",
        )
    return float(process.stdout.split()[-1])


def main() -> None:
    """Create a renderer from the JSON on stdin, draw frames, and print the growth of the memory.

    Raises:
        SystemExit: The renderer cannot be created or cannot draw; the message is the reason.
    """
    config = json.load(sys.stdin)
    try:
        renderer = load_renderer(config["renderer"], config["options"])
        renderer.idle()
        renderer.render(bytes(renderer.audio.size(1 / renderer.fps)), True)
        grown = _measure_memory(renderer) if config["measures_memory"] else 0.0
        renderer.close()
    except Exception as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from error
    sys.stdout.write(f"{grown}\n")


def _measure_memory(renderer: Renderer) -> float:
    """Return by how many frames the memory grows while the renderer draws 30 frames.

    `tracemalloc` must not run in the process of the tests: Python can crash when it stops while
    a thread of a native library, for example of LiveKit, allocates memory (CPython issue 128679).
    """
    chunk_s = 1 / renderer.fps
    pcm = make_vowel(6 * chunk_s, renderer.audio)
    tracemalloc.start()
    sizes = []
    for _ in range(2):
        for _ in range(3):
            speak(renderer, pcm)
            rest(renderer, 4 * chunk_s)
            renderer.reset()
        gc.collect()
        sizes.append(tracemalloc.get_traced_memory()[0])
    return (sizes[1] - sizes[0]) / (renderer.width * renderer.height * 4)


if __name__ == "__main__":
    main()
