"""Faults of a vendor's API as data, each with a name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Literal

from avatar_core.testing.faults.scenario import QUIET, Scenario
from avatar_core.testing.faults.unknown_name import unknown_fault

Mode = Literal["status", "refuse", "reset", "silence", "trickle", "html", "empty", "huge", "twice"]
Operation = Literal["create", "end", "find", "any"]

DATE_SOON = "in two seconds, as a date"
"""A header value that the vendor replaces by the date two seconds after sending."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorFault:
    """A fault of the vendor's API.

    Attributes:
        on: The operation that fails; "any" for all operations.
        times: The number of calls that fail; 0 for all calls.
        carried_out: Whether the vendor executes the operation, so that only the response is lost.
        mode: How a call fails. `status` responds with `status`; `refuse` refuses the connection;
            `reset` resets the connection; `silence` sends nothing; `trickle`, `html`, `empty` and
            `huge` send unusable responses with status 200; `twice` delivers the call two times, as
            a proxy may do.
        status: The HTTP status of the mode `status`; 0 for a normal response.
        headers: The headers of the mode `status`.
        message: The error message of the mode `status`.
        worker: The faults of the worker of a session that the call creates.
    """

    on: Operation = "create"
    times: int = 1
    carried_out: bool = False
    mode: Mode = "status"
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = ""
    worker: Scenario = QUIET

    def applies_to(self, operation: str) -> bool:
        """Return whether the fault applies to calls of an operation.

        Args:
            operation: "create", "end", "find", or another name that a subclass of `FakeVendor`
                uses.

        Returns:
            True if such calls fail.
        """
        return self.on in (operation, "any")

    @property
    def fails_create(self) -> bool:
        """Whether a create request with this fault fails, whatever the vendor's worker does."""
        fails = self.mode != "twice" and (self.mode != "status" or self.status != 0)
        return fails and self.applies_to("create")

    def response_headers(self) -> dict[str, str]:
        """Return the headers of the response, with dates computed from the current time.

        Returns:
            The header values by name.
        """
        now = datetime.now(UTC)
        dated = format_datetime(now + timedelta(seconds=2), usegmt=True)
        return {
            name: dated if value == DATE_SOON else value for name, value in self.headers.items()
        }


def _status_fault(status: int, message: str, *, times: int = 1, **headers: str) -> VendorFault:
    return VendorFault(
        status=status,
        message=message,
        times=times,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


FAULTS: Mapping[str, VendorFault] = {
    "400": _status_fault(400, "The face does not exist.", times=0),
    "401": _status_fault(401, "Invalid access token.", times=0),
    "402": _status_fault(402, "The account is out of credits.", times=0),
    "403": _status_fault(403, "This key may not create sessions.", times=0),
    "404": _status_fault(404, "There is no such route.", times=0),
    "409": _status_fault(409, "A session of this name exists.", times=0),
    "429": _status_fault(429, "Too many sessions at once.", Retry_After="2"),
    "429 until a date": _status_fault(429, "Too many sessions at once.", Retry_After=DATE_SOON),
    "429 forever": _status_fault(429, "Too many sessions at once.", times=0),
    "500": _status_fault(500, "Internal error."),
    "500 after create": VendorFault(carried_out=True, status=500, message="Internal error."),
    "502": _status_fault(502, "Bad gateway."),
    "503": _status_fault(503, "Maintenance.", Retry_After="1"),
    "503 forever": _status_fault(503, "Maintenance.", times=0),
    "reset before create": VendorFault(mode="reset"),
    "reset after create": VendorFault(mode="reset", carried_out=True),
    "every response is lost": VendorFault(mode="reset", carried_out=True, times=0),
    "timeout before create": VendorFault(mode="silence"),
    "timeout after create": VendorFault(mode="silence", carried_out=True),
    "trickle": VendorFault(mode="trickle", carried_out=True),
    "html": VendorFault(mode="html", carried_out=True),
    "empty 200": VendorFault(mode="empty", carried_out=True),
    "huge body": VendorFault(mode="huge", carried_out=True),
    "redirect": _status_fault(307, "It has moved.", times=0, Location="https://elsewhere.example/"),
    "refused connection": VendorFault(mode="refuse", on="any"),
    "double delivery": VendorFault(mode="twice"),
    "worker never joins": VendorFault(times=0, worker=Scenario(never_joins=True)),
    "worker joins late": VendorFault(times=0, worker=Scenario(join_delay_s=45.0)),
    "worker leaves": VendorFault(times=0, worker=Scenario(leaves_at_s=3.0)),
    "end fails once": VendorFault(on="end", status=500, message="Internal error."),
    "end is lost": VendorFault(on="end", mode="reset", carried_out=True),
    "find fails once": VendorFault(on="find", status=500, message="Internal error."),
}
"""Every fault by name. For a certificate that is not trusted, use `tls` of `serve_http`."""


def find_vendor_fault(fault: str | VendorFault) -> VendorFault:
    """Return a fault of a vendor's API.

    Args:
        fault: A name in `FAULTS`, or a fault.

    Returns:
        The fault.

    Raises:
        ConfigError: No fault has this name.
    """
    if isinstance(fault, VendorFault):
        return fault
    if isinstance(fault, str) and fault in FAULTS:
        return FAULTS[fault]
    raise unknown_fault("fault of a vendor", fault, FAULTS, example="402")


class PendingFaults:
    """The faults of the later calls of an API, in the order in which a test added them."""

    def __init__(self) -> None:
        self._faults: list[VendorFault] = []
        self._uses: list[int] = []

    def add(self, fault: VendorFault) -> None:
        """Add a fault.

        Args:
            fault: The fault.
        """
        self._faults.append(fault)
        self._uses.append(0)

    def use_next(self, operation: str) -> VendorFault | None:
        """Return the fault of the next call, and count this use of the fault.

        Args:
            operation: The operation of the call.

        Returns:
            The first fault that applies to the operation and is not used up, or None.
        """
        for at, fault in enumerate(self._faults):
            if fault.applies_to(operation) and not 0 < fault.times <= self._uses[at]:
                self._uses[at] += 1
                return fault
        return None

    def unused(self) -> list[VendorFault]:
        """Return the faults that have not applied to any call so far.

        Returns:
            The faults, in order.
        """
        return [fault for fault, uses in zip(self._faults, self._uses, strict=True) if not uses]
