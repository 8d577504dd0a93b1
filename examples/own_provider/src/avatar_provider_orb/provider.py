"""The provider class, which names the renderer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from avatar_core import RendererProvider

from avatar_provider_orb.settings import OrbSettings


class OrbProvider(RendererProvider[OrbSettings]):
    """The provider Orb. Its worker is a child process that draws."""

    name = "orb"
    api_version = (1, 0)
    renderer = "avatar_provider_orb.drawing:OrbRenderer"

    def options(self) -> Mapping[str, Any]:
        """Return the keyword arguments of `OrbRenderer`.

        Returns:
            The size and the colour from the settings.
        """
        return {"size": self.settings.size, "colour": self.settings.colour}
