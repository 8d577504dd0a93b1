"""Settings of the requests that the tests compare with golden files and with the documentation."""

from __future__ import annotations

from typing import Any

SETTINGS: dict[str, Any] = {"api_key": "vendor-key", "agent_id": "agent_abc123"}
IMAGE: dict[str, Any] = {
    "agent_id": None,
    "agent_image_url": "https://example.com/face.png",
    "agent_prompt": "a friendly person talking",
    "agent_idle_prompt": "a calm person",
    "idle_timeout": -1,
    "response_done_timeout": 0.8,
    "model": "lite",
    "aspect_ratio": "1x1",
    "simulcast": True,
    "audio_sample_rate": 16_000,
}
ENGINE: dict[str, Any] = {"model": "cwm-1", "action_engine": "natural"}
CASES: dict[str, dict[str, Any]] = {
    "variant": {"agent_id": None, "variant": "agent_abc123"},
    "image": IMAGE,
    "engine": ENGINE,
}
COMMANDS: dict[str, dict[str, Any]] = {
    "ls.action": {"action": "wave"},
    "ls.user-state": {"state": "speaking"},
    "update-agent-prompt": {"agent_prompt": "look excited"},
    "update-idle-prompt": {"idle_prompt": "bored"},
    "update-image": {"image_url": "https://example.com/hat.png"},
    "pose-trigger": {"pose_trigger": {"name": "celebrate"}},
    "reset-idle-timeout": {},
}
"""Example arguments of each command."""
