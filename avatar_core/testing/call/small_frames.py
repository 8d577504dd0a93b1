"""Small video frames as the default of the renderers of a call in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from avatar_core.bases.renderer import RendererProvider

SMALL_FRAMES = {"width": 64, "height": 64, "fps": 12.5}
"""The default video in a room in memory, where nobody looks at it: drawing frames of a usual size
takes more CPU time than the rest of a call. A frame has 80 ms of audio: the worker of avatar-core
also gives the track 80 ms at once, and may keep at most 100 ms until more arrives."""


def draw_small_frames(provider: RendererProvider[Any]) -> None:
    """Make `SMALL_FRAMES` the default of a provider's renderer, if the renderer has these options.

    Args:
        provider: The provider. Values that the user has set in its settings stay.
    """
    chosen = provider.options

    def options() -> Mapping[str, Any]:
        """Return the arguments of the renderer class.

        Returns:
            The arguments of the provider, with `SMALL_FRAMES` where the user has set no value.
        """
        arguments, given = dict(chosen()), provider.settings.model_fields_set
        for name, value in SMALL_FRAMES.items():
            if name in arguments and name not in given:
                arguments[name] = value
        return arguments

    provider.options = options  # type: ignore[method-assign]
