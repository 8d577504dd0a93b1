"""The HTTP status and the JSON body of each error that the gateway reports."""

from __future__ import annotations

import math
from typing import Any

from avatar_core.contracts.errors import (
    AvatarError,
    CapacityError,
    ConfigError,
    Outcome,
    ProvisionError,
    RoomError,
)

FULL_RETRY_S = 5
"""Seconds after which a client may try again if all slots are in use."""


class RefusalError(Exception):
    """A request that the gateway refuses.

    Args:
        status: The HTTP status.
        message: What is wrong, and what to do next.
        code: The code of avatar-core's error; empty if there is none.
        retry_after_s: Seconds after which the client may try again; 0 for no such time.

    Attributes:
        status: The HTTP status.
        message: What is wrong, and what to do next.
        code: The code of avatar-core's error; empty if there is none.
        retry_after_s: Seconds after which the client may try again; 0 for no such time.
    """

    def __init__(
        self, status: int, message: str, *, code: str = "", retry_after_s: float = 0
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.retry_after_s = retry_after_s

    def headers(self) -> dict[str, str]:
        """Return the headers of the response."""
        return {"Retry-After": str(math.ceil(self.retry_after_s))} if self.retry_after_s else {}

    def body(self) -> dict[str, Any]:
        """Return the JSON body of the response."""
        return {"error": {"code": self.code, "message": self.message}}


def refusal_of(error: AvatarError) -> RefusalError:
    """Return the refusal for an error of provisioning.

    LiveKit's clients send a request again after status 429 and from 500. The gateway therefore uses
    these only if a second request cannot create a second session.

    Args:
        error: The error.

    Returns:
        Status 422 for an error in the configuration, 429 if the vendor is full, 502 if a vendor or
        the LiveKit server failed before a session could exist, and 424 in all other cases.
    """
    text = error.text
    if isinstance(error, ConfigError):
        return RefusalError(422, text, code=error.code)
    if isinstance(error, CapacityError):
        wait_s = error.retry_after_s or FULL_RETRY_S
        return RefusalError(429, text, code=error.code, retry_after_s=wait_s)
    may_repeat = isinstance(error, RoomError) or (
        isinstance(error, ProvisionError)
        and error.retryable
        and error.outcome is not Outcome.UNKNOWN
    )
    return RefusalError(502 if may_repeat else 424, text, code=error.code)
