"""Metrics of an avatar, as records of livekit-agents."""

from __future__ import annotations

import time
from typing import Any

from livekit.agents.metrics.base import AvatarMetrics, Metadata
from livekit.agents.voice.events import ConversationItemAddedEvent

from avatar_core.contracts.events import AvatarJoined
from avatar_core.registry.discovery import VOICE


def of_join(event: AvatarJoined) -> AvatarMetrics:
    """How long an avatar took to join, told as it has."""
    now = time.time()
    return AvatarMetrics(
        timestamp=now,
        session_started_time=now - event.join_s,
        avatar_joined_time=now,
        metadata=Metadata(model_provider=event.provider),
    )


def of_item(event: ConversationItemAddedEvent, provider: str) -> AvatarMetrics | None:
    """How late an answer was heard; None where no avatar said it."""
    item: Any = event.item
    if item.type != "message" or item.role != "assistant" or provider == VOICE:
        return None
    latency_s = item.metrics.get("playback_latency")
    if latency_s is None:
        return None
    return AvatarMetrics(
        timestamp=event.created_at,
        playback_latency=latency_s,
        metadata=Metadata(model_provider=provider),
    )
