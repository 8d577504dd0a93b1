"""The face passes the renderer suite."""

from __future__ import annotations

from types import MappingProxyType

import pytest
from avatar_provider_local import LocalProvider

from avatar_core.testing import RendererSuite

pytestmark = pytest.mark.slow


class TestFace(RendererSuite):
    renderer = LocalProvider.renderer
    renderer_options = MappingProxyType({"width": 128, "height": 128, "character": "ada"})
    variants = ({"width": 160, "height": 128, "fps": 12.0, "character": "ben"},)
