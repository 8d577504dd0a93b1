"""Settings of the requests that the tests compare with golden files and with the documentation."""

from __future__ import annotations

from typing import Any

SETTINGS: dict[str, Any] = {"api_key": "vendor-key"}
EVERYTHING: dict[str, Any] = {
    "avatar_id": "av_stock_001",
    "quality": "pro",
    "idle_timeout_seconds": 60,
    "max_duration_seconds": 600,
    "metadata": {"customer": "anna", "trial": True, "visits": 3},
}
CASES: dict[str, dict[str, Any]] = {
    "variant": {"variant": "av_stock_001", "avatar_id": "av_other"},
    "everything": EVERYTHING,
}
