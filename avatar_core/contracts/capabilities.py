"""What a vendor can do, as far as a line of core asks."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from avatar_core.contracts.audio import AudioFormat


class SafeRetry(Enum):
    """Whether creating again after an ambiguous failure can buy twice."""

    NEVER = "never"  # it can: never retry
    KEY = "key"  # the vendor takes an idempotency key
    LOOKUP = "lookup"  # the vendor can be asked what it created


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """Declared by the provider class; `setup()` may narrow it from settings.

    Attributes:
        audio: The format the vendor wants; None takes the agent's.
        ready_on: What shows that audio would be heard: the participant, or its track.
        reports_started: The worker calls `lk.playback_started`.
        reports_finished: The worker calls `lk.playback_finished`.
        playout_latency_s: From a pushed chunk to its sound, where nothing reports it.
        run_ahead_s: Audio kept on the wire beyond what was heard.
        safe_retry: See `SafeRetry`.
        ends_session: `release` really ends what was bought.
        expected_join_s: How long a join usually takes.
        max_session_s: The vendor's cap, None where there is none.
        commands: Names that `control` understands.
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
