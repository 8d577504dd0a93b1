"""What goes wrong between a vendor and its customer, as data with names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Literal

from avatar_core.testing.faults.scenario import QUIET, Scenario

Manner = Literal[
    "answer", "refuse", "reset", "silence", "trickle", "html", "empty", "huge", "twice"
]
Call = Literal["create", "end", "find", "any"]

DATED = "in two seconds, as a date"


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorFault:
    """How calls fail.

    Attributes:
        on: Which calls.
        times: So many of them; 0 for all.
        carried_out: The call is done all the same, and only its answer is lost.
        manner: How it fails: `answer` with `status`; `refuse` the connection; `reset` it; keep
            `silence`; `trickle`, `html`, `empty`, `huge` are answers of 200 that are of no use;
            `twice` is a proxy that delivers a call two times.
        status: Of an `answer`; 0 where the call is answered as it should be.
        headers: Of an `answer`.
        message: Of an `answer`.
        worker: How the worker of a session misbehaves that is sold under this fault.
    """

    on: Call = "create"
    times: int = 1
    carried_out: bool = False
    manner: Manner = "answer"
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = ""
    worker: Scenario = QUIET

    def fits(self, call: str) -> bool:
        """Whether a call of that kind can fail so."""
        return self.on in (call, "any")

    def all_headers(self) -> dict[str, str]:
        """With dates that depend on when they are sent."""
        now = datetime.now(UTC)
        dated = format_datetime(now + timedelta(seconds=2), usegmt=True)
        return {name: dated if value == DATED else value for name, value in self.headers.items()}


def _answers(status: int, message: str, *, times: int = 1, **headers: str) -> VendorFault:
    return VendorFault(
        status=status,
        message=message,
        times=times,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


FAULTS: Mapping[str, VendorFault] = {
    "400": _answers(400, "The face does not exist.", times=0),
    "401": _answers(401, "Invalid access token.", times=0),
    "402": _answers(402, "The account is out of credits.", times=0),
    "403": _answers(403, "This key may not create sessions.", times=0),
    "404": _answers(404, "There is no such route.", times=0),
    "409": _answers(409, "A session of this name exists.", times=0),
    "429": _answers(429, "Too many sessions at once.", Retry_After="2"),
    "429 until a date": _answers(429, "Too many sessions at once.", Retry_After=DATED),
    "429 for ever": _answers(429, "Too many sessions at once.", times=0),
    "500": _answers(500, "Internal error."),
    "500 after create": VendorFault(carried_out=True, status=500, message="Internal error."),
    "502": _answers(502, "Bad gateway."),
    "503": _answers(503, "Maintenance.", Retry_After="1"),
    "503 for ever": _answers(503, "Maintenance.", times=0),
    "reset before create": VendorFault(manner="reset"),
    "reset after create": VendorFault(manner="reset", carried_out=True),
    "every answer is lost": VendorFault(manner="reset", carried_out=True, times=0),
    "time-out before create": VendorFault(manner="silence"),
    "time-out after create": VendorFault(manner="silence", carried_out=True),
    "trickle": VendorFault(manner="trickle", carried_out=True),
    "html": VendorFault(manner="html", carried_out=True),
    "empty 200": VendorFault(manner="empty", carried_out=True),
    "huge body": VendorFault(manner="huge", carried_out=True),
    "redirect": _answers(307, "It has moved.", times=0, Location="https://elsewhere.example/"),
    "refused connection": VendorFault(manner="refuse", on="any"),
    "double delivery": VendorFault(manner="twice"),
    "worker never joins": VendorFault(times=0, worker=Scenario(never_joins=True)),
    "worker joins late": VendorFault(times=0, worker=Scenario(join_delay_s=45.0)),
    "worker leaves": VendorFault(times=0, worker=Scenario(leaves_at_s=3.0)),
    "end fails once": VendorFault(on="end", status=500, message="Internal error."),
    "end is lost": VendorFault(on="end", manner="reset", carried_out=True),
    "find fails once": VendorFault(on="find", status=500, message="Internal error."),
}
"""Every fault by name. A bad certificate is a matter of the server that serves the vendor."""
