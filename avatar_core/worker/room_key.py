"""The check of the key with which a worker of avatar-core joins an encrypted room."""

from __future__ import annotations

import hmac

from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import Outcome, ProvisionError
from avatar_core.settings import AvatarSettings

VARIABLE = AvatarSettings.variable_of("e2ee_key")


def check_room_key(room_key: bytes, setting: bytes | None) -> bytes:
    """Check that the setting contains the key of the room.

    Args:
        room_key: The shared key of the agent's room; empty if the room has no shared key.
        setting: The key of the settings; None if it is not set.

    Returns:
        The key.

    Raises:
        ProvisionError: A worker cannot join with the setting; the outcome is NOT_SENT. The message
            contains no key.
    """
    if not room_key:
        problem = "and the agent has no shared key that a worker can use"
        hint = "Give the agent a shared key: KeyProviderOptions(shared_key=...)."
    elif setting is None:
        problem = "and the worker has no key"
        hint = f"Set {VARIABLE} to the shared key of the room."
    elif not hmac.compare_digest(room_key, setting):
        problem = f"and {VARIABLE} is not the key of the room"
        hint = f"Set {VARIABLE} to the shared key that the agent and the users have."
    else:
        return setting
    raise ProvisionError(
        f"the room is end-to-end encrypted, {problem}.",
        hint=hint,
        outcome=Outcome.NOT_SENT,
        code=ErrorCode.ENCRYPTION,
    )
