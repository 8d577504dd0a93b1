"""One config value, one avatar."""

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
    """The avatar that one config value names.

    Args:
        chain: `"tavus"`, `"tavus,local"`, `"voice"`, provider settings, or a list of them;
            by default what `AVATAR_PROVIDER` says.
        settings: The engine's; by default from `AVATAR_*`.
        livekit: The server and its key; by default from `LIVEKIT_*`.
        registry: Where names are looked up; by default the installed packages.

    Returns:
        A session to `start`.

    Raises:
        ConfigError: Anything is wrong that can be known before something is bought.
    """
    settings = settings or AvatarSettings.load()
    candidates = resolve(chain, registry or ProviderRegistry(), settings)
    if livekit is None and any(candidate.provider for candidate in candidates):
        livekit = LiveKitSettings.load()
    return AvatarSession(candidates, settings, livekit)
