"""The provider class, which names the renderer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from avatar_core import RendererProvider

from avatar_provider_neural.settings import NeuralSettings


class NeuralProvider(RendererProvider[NeuralSettings]):
    """The provider Neural. Its worker is a child process that runs the model."""

    name = "neural"
    api_version = (1, 0)
    renderer = "avatar_provider_neural.renderer:NeuralRenderer"

    def options(self) -> Mapping[str, Any]:
        """Return the keyword arguments of `NeuralRenderer`.

        Returns:
            The size of a frame, and the largest batch.
        """
        return {"size": self.settings.size, "batch": self.settings.batch}
