"""The function `create_avatar`, which builds an `AvatarSession` from a chain of providers."""

from __future__ import annotations

from collections.abc import Sequence

from avatar_core.agents.session import AvatarSession
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
    """Create the avatar of one agent session.

    Args:
        chain: `"tavus"`, `"tavus,local"`, `"voice"`, a provider's settings, a provider, or a list
            of these; by default the value of `AVATAR_PROVIDER`.
        settings: The settings of avatar-core; by default from `AVATAR_*`.
        livekit: The LiveKit server and its key; by default from `LIVEKIT_*`, which is read only if
            the chain has a provider.
        registry: Finds providers by name; by default among the installed packages.

    Returns:
        A session that has not started. A paid session exists only after its `start`.

    Raises:
        ConfigError: A provider is unknown, or the settings of a provider, of avatar-core or of
            LiveKit are wrong.
    """
    settings = settings or AvatarSettings.load()
    candidates = resolve(chain, registry or ProviderRegistry(), settings)
    if livekit is None and any(candidate.provider for candidate in candidates):
        livekit = LiveKitSettings.load()
    return AvatarSession(candidates, settings, livekit)
