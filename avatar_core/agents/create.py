"""The function `create_avatar`, which builds an `AvatarSession` from a chain of providers."""

from __future__ import annotations

from collections.abc import Sequence

from avatar_core.agents.livekit_server import load_if_complete
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
    """Create the avatar session of one agent session.

    Args:
        chain: The providers in the order in which avatar-core tries them: a string such as
            `"tavus"`, `"tavus,local"` or `"voice"`, the settings of a provider, a provider, or a
            list of these. The default is the value of `AVATAR_PROVIDER`.
        settings: The settings of avatar-core. By default avatar-core reads the variables
            `AVATAR_*`.
        livekit: The LiveKit server and its API key. By default avatar-core reads the variables
            `LIVEKIT_*` if the chain has a provider. `AvatarSession.start` also accepts the URL, the
            key and the secret.
        registry: The registry that finds providers by name. The default finds the installed
            providers.

    Returns:
        An avatar session that has not started. `AvatarSession.start` creates the paid session.

    Raises:
        ConfigError: A provider is unknown, a setting of a provider or of avatar-core is missing or
            invalid, or a setting of LiveKit is invalid.
    """
    settings = settings or AvatarSettings.load()
    candidates = resolve(chain, registry or ProviderRegistry(), settings)
    if livekit is None and any(candidate.provider for candidate in candidates):
        livekit = load_if_complete()
    return AvatarSession(candidates, settings, livekit)
