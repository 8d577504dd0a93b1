"""The import of a plugin, and the checks of its class before a paid session starts."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from contextvars import copy_context
from importlib import import_module
from typing import Any

from livekit.agents.utils import http_context
from livekit.agents.voice.avatar import AvatarSession

from avatar_core.agents.bridge.arguments import IDENTITY, accepts
from avatar_core.agents.bridge.installed import PACKAGE, is_installed, list_installed, version_of
from avatar_core.agents.bridge.plugins import distribution_name, facts_of, is_known, module_name
from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import ConfigError, ProviderLoadError, ProviderNotFoundError
from avatar_core.registry.validation import ProviderInfo, import_fault

CLASS = "AvatarSession"


def load_plugin(plugin: str) -> type[Any]:
    """Import the class `AvatarSession` of a plugin.

    Args:
        plugin: The name of the plugin.

    Returns:
        The class.

    Raises:
        ConfigError: The bridge refuses the plugin, because it cannot work.
        ProviderNotFoundError: The plugin is not installed.
        ProviderLoadError: The import failed, or the plugin is too old for the bridge.
    """
    owner, module = f"livekit:{plugin}", module_name(plugin)
    facts = facts_of(plugin)
    if facts.refusal:
        raise ConfigError(
            f"avatar-core does not support this plugin: {facts.refusal}",
            provider=owner,
            hint=facts.hint,
            code=ErrorCode.NO_BRIDGE,
        )
    if not is_installed(module):
        raise _not_installed(plugin)
    target = f"{PACKAGE}.{module}"
    info = ProviderInfo(
        name=owner,
        distribution=distribution_name(plugin),
        version=version_of(module),
        target=target,
    )
    try:
        found = getattr(import_module(target), CLASS, None)
    except (Exception, SystemExit) as error:
        raise import_fault(info, error) from error
    if not isinstance(found, type) or not issubclass(found, AvatarSession):
        lacks = "is not an AvatarSession of livekit-agents"
    elif not accepts(found, IDENTITY):
        lacks = f"has no parameter {IDENTITY}"
    else:
        return found
    raise ProviderLoadError(
        f"the plugin is too old for avatar-core: its {CLASS} {lacks}.",
        provider=owner,
        hint=f"Upgrade the plugin: pip install --upgrade {info.distribution}",
    )


def commands_of(session_cls: type[Any]) -> frozenset[str]:
    """Return the names of a plugin's own public async methods.

    Args:
        session_cls: The class `AvatarSession` of the plugin.

    Returns:
        The names, without those that every `AvatarSession` of livekit-agents has.
    """
    return frozenset(
        name
        for name, method in inspect.getmembers(session_cls, inspect.iscoroutinefunction)
        if not name.startswith("_") and not hasattr(AvatarSession, name)
    )


def try_constructor(construct: Callable[[], Any]) -> None:
    """Call the constructor of a plugin once, to raise its errors before a paid session starts.

    The constructor gets no real HTTP client, so it cannot send a request.

    Args:
        construct: Creates the plugin's `AvatarSession`.

    Raises:
        Exception: The constructor raised the exception.
    """
    context = copy_context()
    if (variable := getattr(http_context, "_ContextVar", None)) is not None:
        # Not None, for which a plugin would create a client of its own that nobody closes.
        context.run(variable.set, object)
    try:
        asyncio.get_running_loop()
    except RuntimeError:  # as in `avatar doctor`; some constructors need a loop
        loop = asyncio.new_event_loop()
        try:
            loop.run_until_complete(loop.create_task(_construct(construct), context=context))
        finally:
            loop.close()
    else:
        context.run(construct)


async def _construct(construct: Callable[[], Any]) -> None:
    construct()


def _not_installed(plugin: str) -> ProviderNotFoundError:
    if is_known(plugin):
        return ProviderNotFoundError(
            f"the plugin is not installed: {PACKAGE} contains no module {module_name(plugin)}.",
            provider=f"livekit:{plugin}",
            hint=f"pip install {distribution_name(plugin)}",
        )
    names = ", ".join(one.name for one in list_installed()) or "none"
    return ProviderNotFoundError(
        f"No avatar plugin of LiveKit named {plugin!r:.80} is installed. Installed plugins: "
        f"{names}.",
        hint="Correct the name, or install its package (livekit-plugins-<name>) once you have "
        "checked who publishes it.",
    )
