"""The search for installed avatar plugins of LiveKit, without an import of a plugin."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from avatar_core.agents.bridge.plugins import distribution_name

PACKAGE = "livekit.plugins"
MARK = "AvatarSession"
SOURCES = ("avatar.py", "__init__.py")
MOST_SOURCE_BYTES = 200_000


class InstalledPlugin(NamedTuple):
    """An installed avatar plugin.

    Attributes:
        name: The name of its module in the package `livekit.plugins`.
        distribution: The name of the distribution; may be wrong for a plugin of another publisher.
        version: The version of the distribution; empty if the distribution has another name.
    """

    name: str
    distribution: str
    version: str


def list_installed() -> list[InstalledPlugin]:
    """List the installed avatar plugins.

    A plugin counts as an avatar plugin if its module `avatar` or its package contains the name
    `AvatarSession`.

    Returns:
        The plugins, sorted by name.
    """
    return sorted(
        InstalledPlugin(name, distribution_name(name), version_of(name))
        for name, folder in _folders()
        if any(_mentions(folder / source) for source in SOURCES)
    )


def is_installed(plugin: str) -> bool:
    """Return whether the package `livekit.plugins` contains a module.

    Args:
        plugin: The name of the module.

    Returns:
        True if the module exists, also if it cannot be imported.
    """
    return any(name == plugin for name, _ in _folders())


def _folders() -> Iterator[tuple[str, Path]]:
    try:
        places = list(import_module(PACKAGE).__path__)  # a namespace: this imports no plugin
    except ImportError:
        return
    for module in pkgutil.iter_modules(places):
        for place in places:
            folder = Path(place) / module.name
            if folder.is_dir():
                yield module.name, folder
                break


def _mentions(source: Path) -> bool:
    try:
        with source.open(encoding="utf-8", errors="replace") as file:
            return MARK in file.read(MOST_SOURCE_BYTES)
    except OSError:
        return False


def version_of(plugin: str) -> str:
    """Return the version of a plugin's distribution.

    Args:
        plugin: The name of the plugin.

    Returns:
        The version; empty if the distribution has another name than its module.
    """
    try:
        return version(distribution_name(plugin))
    except PackageNotFoundError:
        return ""
