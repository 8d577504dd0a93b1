"""Settings of the requests that the tests compare with golden files and with the documentation."""

from __future__ import annotations

from typing import Any

FACE, OTHER = "cace3ef7-a4c4-425d-a8cf-a5358eb0c427", "b9e5fba3-071a-4e35-896e-211c4d6eaa7b"
EMOTION = "92f24a0c-f046-45df-8df0-af7449c04571"
SETTINGS: dict[str, Any] = {"api_key": "vendor-key", "face_id": FACE}
EVERYTHING: dict[str, Any] = {
    "emotion_id": EMOTION,
    "max_session_length": 600,
    "max_idle_time": 30,
    "handle_silence": False,
    "start_frame": 12,
    "api_version": "v2",
    "session_aggregator": "shop",
}
CASES: dict[str, dict[str, Any]] = {
    "everything": EVERYTHING,
    "variant": {"face_id": "", "variant": f"{OTHER}/{EMOTION}"},
}
