"""Settings of the requests that the tests compare with golden files and with the documentation."""

from __future__ import annotations

from typing import Any

from avatar_provider_runway.fake import READY_AVATAR

SETTINGS: dict[str, Any] = {"api_key": "vendor-key", "preset_id": "cat-character"}
TOOL: dict[str, Any] = {
    "type": "client_event",
    "name": "show_price",
    "description": "Shows a price.",
    "parameters": [{"type": "number", "name": "price", "description": "The price in euros."}],
}
EVERYTHING: dict[str, Any] = {
    "preset_id": None,
    "avatar_id": READY_AVATAR,
    "max_duration": 900,
    "personality": "You sell shoes.",
    "start_script": "Hello.",
    "tools": [TOOL],
}
CASES: dict[str, dict[str, Any]] = {
    "preset-as-variant": {"variant": "influencer"},
    "avatar-as-variant": {"variant": READY_AVATAR},
    "everything": EVERYTHING,
}
