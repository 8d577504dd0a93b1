"""The capabilities of a vendor that change how avatar-core works with the vendor."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import ConfigError

MOST_RUN_AHEAD_S = 10.0
"""The longest run-ahead that a provider may declare."""


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
        run_ahead_s: Seconds of audio that avatar-core sends beyond the audio that was heard, at
            most 10. avatar-core sends at least `playout_latency_s` + 0.3 s. A sink that sends
            pieces of audio needs the length of two pieces. An interruption drops this audio.
        safe_retry: How avatar-core can repeat a create request without a second paid session.
        ends_session: Whether `release` ends the session at the vendor.
        expected_join_s: Typical time from the create request to the join, in seconds.
        max_session_s: Longest session that the vendor allows, in seconds; None means no limit.
        supports_encryption: Whether the avatar can join a room with end-to-end encryption. Only
            `ProvisionRequest.start_worker` passes the key of the room on.
        commands: Names of the commands that `AvatarProvider.control` accepts.

    Raises:
        ConfigError: A number of seconds is invalid.
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
    supports_encryption: bool = False
    commands: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        _check_seconds("playout_latency_s", self.playout_latency_s)
        _check_seconds("run_ahead_s", self.run_ahead_s)
        _check_seconds("expected_join_s", self.expected_join_s)
        if self.max_session_s is not None:
            _check_seconds("max_session_s", self.max_session_s)
        if self.run_ahead_s > MOST_RUN_AHEAD_S:
            raise ConfigError(
                f"run_ahead_s={self.run_ahead_s:g} is too long: an interruption must cancel up to "
                f"{self.run_ahead_s:g} s of audio that the sink has already sent.",
                hint=f"Set run_ahead_s in the Capabilities to at most {MOST_RUN_AHEAD_S:g}.",
                code=ErrorCode.INVALID_PROVIDER,
            )


def _check_seconds(name: str, value: object) -> None:
    """Raise a `ConfigError` if a value is not a finite number of at least 0."""
    if not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ConfigError(
            f"{name}={value!r} is not a valid number of seconds.",
            hint=f"Set {name} in the Capabilities to a finite number of at least 0.",
            code=ErrorCode.INVALID_PROVIDER,
        )
