"""The record of a session: as JSON, and the check that another process can read it."""

from __future__ import annotations

import json
from dataclasses import asdict

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.provisioning import ProvisionedAvatar
from avatar_core.testing.suites.check import CheckFailed


def write_record(avatar: ProvisionedAvatar) -> str:
    """Return the record of a session as JSON, as the ledger writes it.

    Args:
        avatar: The record.

    Returns:
        A JSON object.

    Raises:
        TypeError: The record is not JSON-safe.
    """
    return json.dumps(asdict(avatar))


def read_record(text: str) -> ProvisionedAvatar:
    """Return the record that `write_record` wrote.

    Args:
        text: A JSON object.

    Returns:
        The record.
    """
    fields = json.loads(text)
    audio = fields.pop("audio")
    return ProvisionedAvatar(audio=AudioFormat(**audio) if audio else None, **fields)


def check_record(avatar: object) -> ProvisionedAvatar:
    """Check that `provision` returned a record that another process can read.

    Args:
        avatar: What `provision` returned.

    Returns:
        The record.

    Raises:
        CheckFailed: It is not a record, has no session id, or is not JSON-safe.
    """
    if not isinstance(avatar, ProvisionedAvatar):
        raise CheckFailed(
            f"provision returned {type(avatar).__name__} instead of a ProvisionedAvatar.",
            "Write at its end: return ProvisionedAvatar(session_id=..., identity=request.identity)",
        )
    if not isinstance(avatar.session_id, str) or not avatar.session_id:
        raise CheckFailed(
            f"session_id of the record is {avatar.session_id!r}, not a text.",
            "Set session_id to the vendor's id of the session.",
        )
    try:
        same = json.loads(json.dumps(dict(avatar.state))) == dict(avatar.state)
    except (TypeError, ValueError) as error:
        raise CheckFailed(
            f"state of the record cannot be written as JSON ({error}).",
            "Store only texts, numbers, lists and dictionaries with text keys in state.",
        ) from None
    if not same:
        raise CheckFailed(
            "state of the record is different after it was written as JSON.",
            "Store only texts, numbers, lists and dictionaries with text keys in state.",
        )
    return avatar
