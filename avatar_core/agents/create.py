"""`create_avatar`: from a chain of provider names to an `AvatarSession`."""

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
        chain: `"tavus"`, `"tavus,local"`, `"voice"`, a provider's settings, a provider, or a
            list of these; by default the value of `AVATAR_PROVIDER`.
        settings: The settings of avatar-core; by default from `AVATAR_*`.
        livekit: The LiveKit server and its key; by default from `LIVEKIT_*`.
        registry: Finds providers by name; by default among the installed packages.

    Returns:
        A session to `start`. No paid session exists before that.

    Raises:
        ConfigError: A provider is unknown, or its settings or those of avatar-core are wrong.
    """
    settings = settings or AvatarSettings.load()
    candidates = resolve(chain, registry or ProviderRegistry(), settings)
    if livekit is None and any(candidate.provider for candidate in candidates):
        livekit = LiveKitSettings.load()
    return AvatarSession(candidates, settings, livekit)
