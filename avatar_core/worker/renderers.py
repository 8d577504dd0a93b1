"""Renderers by name, as a worker that is started elsewhere is told of them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from avatar_core.contracts.errors import AvatarError, WorkerError
from avatar_core.contracts.renderer import Renderer


def load_renderer(path: str, options: Mapping[str, Any]) -> Renderer:
    """Make a renderer.

    Args:
        path: `package.module:Class`.
        options: Keyword arguments of the class.

    Raises:
        WorkerError: There is no such class, or it cannot be made.
        AvatarError: As the renderer itself says.
    """
    module, _, name = path.partition(":")
    try:
        renderer = getattr(import_module(module), name)(**options)
    except AvatarError:
        raise
    except Exception as error:
        raise WorkerError(
            f"the renderer {path} cannot be made ({type(error).__name__}: {error}).",
            hint="Check its name, its options, and what it needs installed.",
        ) from error
    if not isinstance(renderer, Renderer):
        raise WorkerError(
            f"{path} is no Renderer.", hint="Name a subclass of avatar_core.Renderer."
        )
    return renderer
