"""Functions that build the metrics of an avatar as records of livekit-agents."""

from __future__ import annotations

import time
from typing import Any

from livekit.agents.metrics.base import AvatarMetrics, Metadata
from livekit.agents.voice.events import ConversationItemAddedEvent

from avatar_core.contracts.events import AvatarJoined
from avatar_core.registry.discovery import VOICE


def of_join(event: AvatarJoined) -> AvatarMetrics:
    """Return the metrics of an avatar that joined just now.

    Args:
        event: The event of the join, with the seconds from the start of provisioning to the join.

    Returns:
        The metrics with the Unix times of the start and of the join, and the name of the provider.
    """
    now = time.time()
    return AvatarMetrics(
        timestamp=now,
        session_started_time=now - event.join_s,
        avatar_joined_time=now,
        metadata=Metadata(model_provider=event.provider),
    )


def of_item(event: ConversationItemAddedEvent, provider: str) -> AvatarMetrics | None:
    """Return the playback latency of a message that an avatar spoke.

    Args:
        event: The event with the item that was added to the conversation.
        provider: The name of the provider that is in use, or `voice`.

    Returns:
        The metrics, or None if the item is not a message of the assistant, if the agent's own voice
        is in use, or if livekit-agents measured no playback latency.
    """
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
