"""The capabilities of a vendor that avatar-core takes into account."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from avatar_core.contracts.audio import AudioFormat


class SafeRetry(Enum):
    """How a create can be repeated after an ambiguous failure without a second session.

    Attributes:
        NEVER: It cannot: a repeated create may create a second session.
        KEY: The vendor accepts an idempotency key.
        LOOKUP: The vendor can list the sessions that it created.
    """

    NEVER = "never"
    KEY = "key"
    LOOKUP = "lookup"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """Capabilities of a provider, as its class declares them; `setup()` may narrow them.

    Attributes:
        audio: The audio format that the vendor needs; None sends the agent's own.
        ready_on: What shows that pushed audio would be heard: the participant has joined, or it
            has published its audio or its video track.
        reports_started: The worker calls the RPC `lk.playback_started`.
        reports_finished: The worker calls the RPC `lk.playback_finished`.
        playout_latency_s: Seconds from pushing a chunk to hearing it, where the worker does not
            report positions.
        run_ahead_s: Seconds of audio to send beyond the audio that was heard.
        safe_retry: How a create can be repeated safely.
        ends_session: `release` ends the session at the vendor.
        expected_join_s: Typical seconds from provisioning to the join.
        max_session_s: Longest session of the vendor in seconds; None without a limit.
        commands: Names of the commands that `control` accepts.
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
