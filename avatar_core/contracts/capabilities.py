"""The capabilities of a vendor that avatar-core takes into account."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import ConfigError

MOST_RUN_AHEAD_S = 10.0
"""The longest run-ahead that a provider may declare."""


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
        run_ahead_s: Seconds of audio to send beyond the audio that was heard, at most 10.
            `playout_latency_s` + 0.3 s are sent in any case. A sink that sends pieces of audio
            needs the length of two pieces. An interruption must take all of it back.
        safe_retry: How a create can be repeated safely.
        ends_session: `release` ends the session at the vendor.
        expected_join_s: Typical seconds from provisioning to the join.
        max_session_s: Longest session of the vendor in seconds; None without a limit.
        commands: Names of the commands that `control` accepts.

    Raises:
        ConfigError: A number of seconds cannot be used.
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

    def __post_init__(self) -> None:
        _check_seconds("playout_latency_s", self.playout_latency_s)
        _check_seconds("run_ahead_s", self.run_ahead_s)
        _check_seconds("expected_join_s", self.expected_join_s)
        if self.max_session_s is not None:
            _check_seconds("max_session_s", self.max_session_s)
        if self.run_ahead_s > MOST_RUN_AHEAD_S:
            raise ConfigError(
                f"run_ahead_s={self.run_ahead_s:g} is too long: an interruption must take all of "
                "that audio back, and a transport that stands still is noticed only after it.",
                hint=f"Declare at most run_ahead_s={MOST_RUN_AHEAD_S:g}.",
            )


def _check_seconds(name: str, value: object) -> None:
    """Raise a `ConfigError` if a value is not a finite number of at least 0."""
    if not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ConfigError(
            f"{name}={value!r} is not a number of seconds.",
            hint=f"Set {name} in the Capabilities to a finite number of at least 0.",
        )
