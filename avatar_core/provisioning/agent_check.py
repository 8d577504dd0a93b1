"""The check before a paid session starts: whether an avatar can receive the audio of this agent."""

from __future__ import annotations

from typing import Any

from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import Outcome, ProvisionError
from avatar_core.contracts.participants import RoomPresence
from avatar_core.contracts.provider import AvatarProvider

HIDDEN = (
    "is hidden: LiveKit removes the sender from messages of a hidden participant, so every avatar "
    "ignores the agent's speech"
)
HIDDEN_HINT = "Remove the permission `hidden` of the agent: WorkerPermissions(hidden=False)."
NO_DATA = (
    "may not publish data, so the LiveKit server drops the speech that the agent sends to an avatar"
)
NO_DATA_HINT = "Let the agent publish data: WorkerPermissions(can_publish_data=True)."


def ensure_usable(link: RoomPresence, provider: AvatarProvider[Any]) -> None:
    """Check that an avatar of a provider can be used by this agent in its room.

    Args:
        link: The view of the agent on its room.
        provider: The provider that would create the avatar.

    Raises:
        ProvisionError: The avatar could not be used; the outcome is NOT_SENT.
    """
    if link.is_encrypted and not provider.capabilities.supports_encryption:
        raise ProvisionError(
            "the room is end-to-end encrypted, and the vendor has no key, so the vendor's avatar "
            "cannot decrypt the agent's speech.",
            provider=provider.name,
            hint="Choose a provider whose worker avatar-core starts, and set AVATAR_E2EE_KEY.",
            outcome=Outcome.NOT_SENT,
            code=ErrorCode.ENCRYPTION,
        )
    ensure_audible(link, provider)


def find_problem(*, is_hidden: bool, can_publish_data: bool) -> tuple[str, str] | None:
    """Return why an avatar cannot receive the speech of an agent with these permissions.

    Args:
        is_hidden: Whether the agent has the permission `hidden`.
        can_publish_data: Whether the agent has the permission `can_publish_data`.

    Returns:
        The problem, as the rest of a sentence about the agent, and the next step of the user; None
        if the permissions suffice.
    """
    if is_hidden:
        return HIDDEN, HIDDEN_HINT
    return None if can_publish_data else (NO_DATA, NO_DATA_HINT)


def ensure_audible(link: RoomPresence, provider: AvatarProvider[Any]) -> None:
    """Check that an avatar of a provider can receive the speech of the agent.

    The function does not check a provider with its own sink, because such a sink may send the
    speech outside the room.

    Args:
        link: The view of the agent on its room.
        provider: The provider that would create the avatar.

    Raises:
        ProvisionError: The permissions of the agent prevent the avatar from receiving speech; the
            outcome is NOT_SENT.
    """
    if type(provider).create_sink is not AvatarProvider.create_sink:
        return
    found = find_problem(is_hidden=link.is_hidden, can_publish_data=link.can_publish_data)
    if found is not None:
        problem, hint = found
        raise ProvisionError(
            f"the agent {link.identity} {problem}.",
            provider=provider.name,
            hint=hint,
            outcome=Outcome.NOT_SENT,
            code=ErrorCode.AGENT_PERMISSIONS,
        )
