"""The function `create_avatar`, which builds an `AvatarSession` from a chain of providers."""

from __future__ import annotations

import os
from collections.abc import Sequence

from avatar_core.agents.session import AvatarSession
from avatar_core.contracts.errors import SettingsError
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.registry.selection import Item, resolve
from avatar_core.settings import AvatarSettings, LiveKitSettings


def create_avatar(
    chain: Item | Sequence[Item] | None = None,
    *,
    settings: AvatarSettings | None = None,
    livekit: LiveKitSettings | None = None,
    registry: ProviderRegistry | None = None,
) -> AvatarSession:
    """Create the avatar session of one agent session.

    Args:
        chain: The providers in the order in which avatar-core tries them: a string such as
            `"tavus"`, `"tavus,local"` or `"voice"`, the settings of a provider, a provider, or a
            list of these. The default is the value of `AVATAR_PROVIDER`.
        settings: The settings of avatar-core. By default avatar-core reads the variables
            `AVATAR_*`.
        livekit: The LiveKit server and its API key. By default avatar-core reads the variables
            `LIVEKIT_*` if the chain has a provider. If one of them is not set,
            `AvatarSession.start` raises the error, and only in a LiveKit room.
        registry: The registry that finds providers by name. The default finds the installed
            providers.

    Returns:
        An avatar session that has not started. `AvatarSession.start` creates the paid session.

    Raises:
        ConfigError: A provider is unknown, or a setting of a provider, of avatar-core or of LiveKit
            is invalid, or a setting of a provider is missing.
    """
    settings = settings or AvatarSettings.load()
    candidates = resolve(chain, registry or ProviderRegistry(), settings)
    if livekit is None and any(candidate.provider for candidate in candidates):
        livekit = _load_livekit()
    return AvatarSession(candidates, settings, livekit)


def _load_livekit() -> LiveKitSettings | None:
    """Return the LiveKit settings, or None if a variable is not set, as in console mode.

    Raises:
        SettingsError: A variable is invalid.
    """
    try:
        return LiveKitSettings.load()
    except SettingsError:
        names = [str(field.validation_alias) for field in LiveKitSettings.model_fields.values()]
        if all(os.environ.get(name) for name in names):
            raise
        return None
