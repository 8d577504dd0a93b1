"""The suite that the author of a renderer inherits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from avatar_core.testing.suites.basics import Basics
from avatar_core.testing.suites.renderer import calls, frames, work
from avatar_core.testing.suites.suite import Suite


class RendererSuite(Basics, Suite):
    """Checks of a `Renderer`.

    Subclass the suite, and name the renderer class and its options as the provider does:

        class TestOrb(RendererSuite):
            renderer = OrbProvider.renderer
            renderer_options = {"size": 256, "colour": "#5fb3ff"}
            variants = [{"size": 64, "colour": "#ffffff"}]

    Attributes:
        renderer: The renderer class as `package.module:Class`.
        renderer_options: The keyword arguments of the class.
        variants: Other keyword arguments, for example with other sizes and frame rates. The checks
            of sizes and rates use them too.
        cpu_share: The share of one CPU core that drawing may take.
    """

    checks = (*frames.CHECKS, *calls.CHECKS, *work.CHECKS)
    basics = ("R01", "R02", "R03", "R04", "R05")
    renderer: ClassVar[str]
    renderer_options: ClassVar[Mapping[str, Any]] = {}
    variants: ClassVar[Sequence[Mapping[str, Any]]] = ()
    cpu_share: ClassVar[float] = 0.5

    def all_options(self) -> Sequence[Mapping[str, Any]]:
        """Return the options of the suite and its variants.

        Returns:
            Keyword arguments of the renderer class.
        """
        return (self.renderer_options, *self.variants)

    @classmethod
    def describe(cls) -> Mapping[str, str]:
        """Return what the report says about the renderer.

        Returns:
            Texts by name.
        """
        return {**super().describe(), "kind": "renderer", "renderer": cls.renderer}
