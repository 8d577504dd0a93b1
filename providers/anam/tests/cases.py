"""Settings of the requests that the tests compare with golden files and with the documentation."""

from __future__ import annotations

from typing import Any

AVATAR = "30fa96d0-26c4-4e55-94a0-517025942e18"
SETTINGS: dict[str, Any] = {"api_key": "vendor-key", "avatar_id": AVATAR}
EVERYTHING: dict[str, Any] = {
    "name": "Mia",
    "avatar_model": "cara-4",
    "max_session_length_seconds": 600,
    "expressivity": 0.8,
    "preset_style": "warm",
    "video_width": 1152,
    "video_height": 768,
    "video_quality": "high",
    "show_ai_avatar_disclosure": True,
    "enable_session_replay": False,
}
PROMPT: dict[str, Any] = {"custom_style_prompt": "Slightly amused, looking at the camera"}
CASES: dict[str, dict[str, Any]] = {
    "everything": EVERYTHING,
    "prompt": PROMPT,
    "style-as-variant": {"variant": "playful"},
    "avatar-as-variant": {"avatar_id": "", "variant": AVATAR},
}
