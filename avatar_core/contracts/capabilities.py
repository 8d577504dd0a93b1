"""The capabilities of a vendor that change how avatar-core works with the vendor."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from avatar_core.contracts.audio import AudioFormat


class SafeRetry(Enum):
    """How avatar-core can repeat a create request without a second paid session.

    After some failures, avatar-core does not know whether the vendor created a session.

    Attributes:
        NEVER: A repeated request may create a second session, so avatar-core does not repeat it.
        KEY: The vendor accepts an idempotency key, so a repeated request creates nothing new.
        LOOKUP: `AvatarProvider.lookup` finds a session that the failed request created.
    """

    NEVER = "never"
    KEY = "key"
    LOOKUP = "lookup"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """The capabilities of a provider and its vendor.

    A provider class declares its capabilities, and its method `setup` may narrow them.

    Attributes:
        audio: The audio format that the vendor needs. With None, avatar-core sends audio in the
            format of the agent.
        ready_on: The event after which the avatar plays the audio that it receives: `join` if its
            participant has joined the room, `audio` or `video` if the participant has published
            that track.
        reports_started: Whether the worker calls the RPC `lk.playback_started`.
        reports_finished: Whether the worker calls the RPC `lk.playback_finished`.
        playout_latency_s: Seconds from sending a chunk of audio to its sound at the listener.
            avatar-core uses this estimate if the worker does not report positions.
        run_ahead_s: Seconds of audio that avatar-core sends beyond the audio that was heard.
        safe_retry: How avatar-core can repeat a create request without a second paid session.
        ends_session: Whether `release` ends the session at the vendor.
        expected_join_s: Typical time from the create request to the join, in seconds.
        max_session_s: Longest session that the vendor allows, in seconds; None means no limit.
        commands: Names of the commands that `AvatarProvider.control` accepts.
    """

    audio: AudioFormat | None = None
    ready_on: Literal["join", "audio", "video"] = "video"
    reports_started: bool = False
    reports_finished: bool = True
    playout_latency_s: float = 0.4
    run_ahead_s: float = 1.0
    safe_retry: SafeRetry = SafeRetry.NEVER
    ends_session: bool = False
    expected_join_s: float = 4.0
    max_session_s: float | None = None
    commands: frozenset[str] = frozenset()
