"""The LiveKit server of an avatar: the arguments of `start`, `create_avatar`, and `LIVEKIT_*`."""

from __future__ import annotations

import os

from livekit.agents import NotGivenOr

from avatar_core.settings import LiveKitSettings


def load_if_complete() -> LiveKitSettings | None:
    """Read the variables `LIVEKIT_*`, unless one of them is missing.

    `AvatarSession.start` may later receive a value whose variable is missing.

    Returns:
        The settings; None if a variable is missing.

    Raises:
        SettingsError: All variables are set, and one of them is invalid.
    """
    found = {name.upper() for name, value in os.environ.items() if value}
    needed = {LiveKitSettings.variable_of(field) for field in LiveKitSettings.model_fields}
    return LiveKitSettings.load() if needed <= found else None


def with_arguments(
    livekit: LiveKitSettings | None,
    url: NotGivenOr[str],
    api_key: NotGivenOr[str],
    api_secret: NotGivenOr[str],
) -> LiveKitSettings:
    """Return the settings with the arguments of `AvatarSession.start`.

    `livekit` or the environment replaces each argument that is empty or missing.

    Args:
        livekit: The settings of `create_avatar`; None to read the variables `LIVEKIT_*`.
        url: URL of the LiveKit server.
        api_key: API key of the LiveKit server.
        api_secret: Secret of the API key.

    Returns:
        The settings.

    Raises:
        SettingsError: A value is missing or invalid.
    """
    arguments = {"url": url, "api_key": api_key, "api_secret": api_secret}
    given = {name: value for name, value in arguments.items() if value}
    if livekit is None:
        return LiveKitSettings.load(**given)
    return LiveKitSettings.load(**{**livekit.model_dump(), **given}) if given else livekit
