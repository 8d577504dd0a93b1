"""Loads a renderer class by its name, for workers that run in another process than the agent."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import AvatarError, WorkerError
from avatar_core.contracts.renderer import Renderer


def load_renderer(path: str, options: Mapping[str, Any]) -> Renderer:
    """Import a renderer class and create a renderer.

    Args:
        path: The class as `package.module:Class`.
        options: Keyword arguments of the class.

    Returns:
        The renderer.

    Raises:
        WorkerError: The class does not exist, is not a subclass of `Renderer`, or raised an error
            that is not an `AvatarError`.
        AvatarError: The class raised this error.
    """
    module, _, name = path.partition(":")
    try:
        renderer = getattr(import_module(module), name)(**options)
    except AvatarError:
        raise
    except (Exception, SystemExit) as error:  # the latter would end the agent of a room in memory
        raise WorkerError(
            f"the renderer {path} cannot be created ({type(error).__name__}: {error}).",
            hint="Check the name and the options of the renderer, and install its dependencies.",
            code=ErrorCode.RENDERER,
        ) from error
    if not isinstance(renderer, Renderer):
        raise WorkerError(
            f"the object {path} is not a renderer.",
            hint="Name a subclass of avatar_core.Renderer.",
            code=ErrorCode.RENDERER,
        )
    return renderer
