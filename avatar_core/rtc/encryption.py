"""The end-to-end encryption of a LiveKit room, and its description for a worker process."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from livekit import rtc

from avatar_core.worker.room_key import check_room_key

NUMBERS = (
    "ratchet_window_size",
    "failure_tolerance",
    "key_ring_size",
    "key_derivation_function",
)
"""The numbers of `KeyProviderOptions`, which must be the same for all participants."""


def is_encrypted(room: rtc.Room) -> bool:
    """Return whether a participant encrypts what it sends to a room.

    Args:
        room: A room that was connected.

    Returns:
        Whether end-to-end encryption is on.
    """
    manager = room.e2ee_manager
    return manager.options is not None and manager.enabled


def describe_encryption(room: rtc.Room, key: bytes | None) -> Mapping[str, Any] | None:
    """Describe the encryption with which a worker must join the room of its agent.

    Args:
        room: The room of the agent.
        key: The key of the settings; None if it is not set.

    Returns:
        The key and its options, JSON-safe, for the pipe to a worker process; None if the room is
        not encrypted.

    Raises:
        ProvisionError: The key is missing, or it is not the shared key of the room.
    """
    manager = room.e2ee_manager
    if manager.options is None or not manager.enabled or manager.key_provider is None:
        return None
    known = manager.options.key_provider_options
    room_key = known.shared_key or manager.key_provider.export_shared_key(0)
    return {
        "encryption_type": manager.options.encryption_type,
        "shared_key": _encode(check_room_key(room_key, key)),
        "ratchet_salt": _encode(known.ratchet_salt),
        **{name: getattr(known, name) for name in NUMBERS},
    }


def read_encryption(description: Mapping[str, Any] | None) -> rtc.E2EEOptions | None:
    """Return the options of LiveKit for a description of `describe_encryption`.

    Args:
        description: The description; None for a room without encryption.

    Returns:
        The options; None for a room without encryption.

    Raises:
        KeyError: The description is incomplete.
        ValueError: The key or the salt is not base64.
    """
    if description is None:
        return None
    return rtc.E2EEOptions(
        key_provider_options=rtc.KeyProviderOptions(
            shared_key=b64decode(description["shared_key"]),
            ratchet_salt=b64decode(description["ratchet_salt"]),
            **{name: description[name] for name in NUMBERS},
        ),
        encryption_type=description["encryption_type"],
    )


def _encode(secret: bytes) -> str:
    return b64encode(secret).decode()
