"""Draws frames with a renderer in a child process: the other half of a check of `RendererSuite`.

echo '{"renderer": "package.module:Class", "options": {}}' | python -m <this module>
"""

from __future__ import annotations

import json
import sys

from avatar_core.worker.renderers import load_renderer


def main() -> None:
    """Create a renderer from the JSON on stdin, and draw two frames.

    Raises:
        SystemExit: The renderer cannot be created or cannot draw; the message is the reason.
    """
    config = json.load(sys.stdin)
    try:
        renderer = load_renderer(config["renderer"], config["options"])
        renderer.idle()
        renderer.render(bytes(renderer.audio.size(1 / renderer.fps)), True)
        renderer.close()
    except Exception as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from error


if __name__ == "__main__":
    main()
