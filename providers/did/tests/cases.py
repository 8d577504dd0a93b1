"""Settings of the requests that the tests compare with golden files."""

from __future__ import annotations

from typing import Any

AGENT, PHOTO = "v2_agt_expressive", "v2_agt_photo"
SETTINGS: dict[str, Any] = {"api_key": "vendor-key", "agent_id": AGENT}
CASES: dict[str, dict[str, Any]] = {
    "rate": {"sample_rate": 48_000},
    "agent-as-variant": {"agent_id": "", "variant": AGENT},
}
