"""The PALs and faces of the simulator, with new and old names of their fields."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from avatar_provider_tavus.settings import STOCK_FACE, STOCK_PAL

OLD_NAMES = {
    "pal_id": "persona_id",
    "pal_name": "persona_name",
    "default_face_id": "default_replica_id",
    "face_id": "replica_id",
    "face_name": "replica_name",
}
"""Old field names by their new names."""
FACES = (STOCK_FACE, "r0d1a2b3c4e5", "r9f8e7d6c5b4")


class Catalogue:
    """The PALs and faces that exist at the simulated vendor.

    Attributes:
        faces: Faces by their ids, with new field names.
        pals: PALs by their ids, with new field names.
    """

    def __init__(self) -> None:
        self.faces: dict[str, dict[str, Any]] = {
            face: {"face_id": face, "face_name": f"Face {number}", "status": "completed"}
            for number, face in enumerate(FACES, 1)
        }
        self.pals: dict[str, dict[str, Any]] = {}
        self.add_pal(
            {
                "pal_name": "Echo over LiveKit",
                "default_face_id": STOCK_FACE,
                "pipeline_mode": "echo",
                "layers": {"transport": {"transport_type": "livekit"}},
            },
            STOCK_PAL,
        )

    def add_pal(self, body: Mapping[str, Any], id: str = "") -> dict[str, Any]:
        """Add a PAL to the catalogue, as the API call that creates a PAL does.

        Args:
            body: Body of the create request, with new or old field names.
            id: Id of the PAL; empty for a random id.

        Returns:
            The PAL, with new field names.
        """
        pal = {_new_name(name): value for name, value in body.items()}
        pal = {"pipeline_mode": "full", **pal}
        pal["pal_id"] = id or f"p{secrets.token_hex(6)}"
        pal["created_at"] = now()
        self.pals[pal["pal_id"]] = pal
        return pal

    def face_of(self, body: Mapping[str, Any]) -> tuple[str, str]:
        """Return the ids of the PAL and the face of a conversation.

        Args:
            body: Body of the create request, with new or old field names.

        Returns:
            The id of the PAL (empty if the body has no PAL), and the id of the requested face or of
            the default face of the PAL.

        Raises:
            LookupError: An id is unknown. The message has the same words as Tavus's response.
        """
        pal_id = body.get("pal_id") or body.get("persona_id") or ""
        face_id = body.get("face_id") or body.get("replica_id") or ""
        if pal_id and pal_id not in self.pals:
            raise LookupError("Invalid persona_id")
        face_id = face_id or self.pals.get(pal_id, {}).get("default_face_id", "")
        if face_id not in self.faces:
            raise LookupError("Invalid replica_id")
        return pal_id, face_id


def now() -> str:
    """Return the current time in Tavus's format.

    Returns:
        The time as ISO 8601 in UTC, with milliseconds and the suffix `Z`.
    """
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def with_old_names(thing: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a PAL or a face with old field names, for the routes with old names.

    Args:
        thing: The PAL or the face, with new field names.

    Returns:
        A copy with old field names; fields without an old name keep their names.
    """
    return {OLD_NAMES.get(name, name): value for name, value in thing.items()}


def _new_name(name: str) -> str:
    return next((new for new, old in OLD_NAMES.items() if old == name), name)
