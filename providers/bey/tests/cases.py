"""Settings of the requests that the tests compare with golden files and with the documentation."""

from __future__ import annotations

from typing import Any

AVATAR = "b9be11b8-89fb-4227-8f86-4a881393cbdb"
UNTRAINED = "01234567-89ab-cdef-0123-456789abcdef"
SETTINGS: dict[str, Any] = {"api_key": "vendor-key"}
CASES: dict[str, dict[str, Any]] = {
    "own-avatar": {"avatar_id": UNTRAINED},
    "avatar-as-variant": {"variant": UNTRAINED},
}
