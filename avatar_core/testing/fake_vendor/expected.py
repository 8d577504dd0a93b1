"""The error that each fault of a create request must cause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from avatar_core.contracts.errors import (
    AuthError,
    CapacityError,
    Outcome,
    PaymentError,
    ProtocolError,
    ProvisionError,
    RejectedError,
    UnavailableError,
)


class ExpectedError(NamedTuple):
    """The error that a fault of the vendor must cause.

    Attributes:
        kind: The exact class of the error.
        outcome: Whether a session may exist in spite of the error.
        retryable: Whether the same request may succeed later.
    """

    kind: type[ProvisionError]
    outcome: Outcome
    retryable: bool


_REJECTED, _UNKNOWN, _NOT_SENT = Outcome.REJECTED, Outcome.UNKNOWN, Outcome.NOT_SENT
_IN_DOUBT = ExpectedError(UnavailableError, _UNKNOWN, True)

STATUS_ERRORS: Mapping[str, ExpectedError] = {
    "400": ExpectedError(RejectedError, _REJECTED, False),
    "401": ExpectedError(AuthError, _REJECTED, False),
    "402": ExpectedError(PaymentError, _REJECTED, False),
    "403": ExpectedError(AuthError, _REJECTED, False),
    "404": ExpectedError(RejectedError, _REJECTED, False),
    "409": ExpectedError(RejectedError, _REJECTED, False),
    "429": ExpectedError(CapacityError, _REJECTED, True),
    "429 until a date": ExpectedError(CapacityError, _REJECTED, True),
    "429 forever": ExpectedError(CapacityError, _REJECTED, True),
    "500": _IN_DOUBT,
    "500 after create": _IN_DOUBT,
    "502": _IN_DOUBT,
    "503": ExpectedError(UnavailableError, _REJECTED, True),
    "503 forever": _IN_DOUBT,
    "redirect": ExpectedError(ProtocolError, _REJECTED, False),
}
"""The errors of faults in which the vendor responds with a status."""

CONNECTION_ERRORS: Mapping[str, ExpectedError] = {
    "reset before create": _IN_DOUBT,
    "reset after create": _IN_DOUBT,
    "every response is lost": _IN_DOUBT,
    "timeout before create": _IN_DOUBT,
    "timeout after create": _IN_DOUBT,
    "trickle": _IN_DOUBT,
    "refused connection": ExpectedError(UnavailableError, _NOT_SENT, True),
}
"""The errors of faults in which no complete response arrives."""

RESPONSE_ERRORS: Mapping[str, ExpectedError] = {
    "html": ExpectedError(ProtocolError, _UNKNOWN, False),
    "empty 200": ExpectedError(ProtocolError, _UNKNOWN, False),
    "huge body": ExpectedError(ProtocolError, _UNKNOWN, False),
}
"""The errors of faults in which the response cannot be used."""

CREATE_ERRORS: Mapping[str, ExpectedError] = {
    **STATUS_ERRORS,
    **CONNECTION_ERRORS,
    **RESPONSE_ERRORS,
}
"""The error of each fault of a create request, by the name of the fault in `FAULTS`. The faults
that concern the worker, or calls other than a create request, are not listed."""
