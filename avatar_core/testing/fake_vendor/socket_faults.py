"""Faults of a vendor's WebSocket as data, each with a name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from avatar_core.testing.faults.unknown_name import unknown_fault

SocketFaultMode = Literal[
    "refuse", "hang", "unready", "abort", "close", "cut off", "stall", "mute", "send", "late"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketFault:
    """A fault of the socket of a session.

    Attributes:
        mode: How the socket fails. `refuse` refuses the handshake with `status`; `hang` sends no
            response to the handshake; `unready` never sends the message `ready`; `abort` breaks the
            connection; `close` closes it with `code`; `cut off` loses everything without a sign;
            `stall` receives nothing more; `mute` sends no reports; `send` sends `message`; `late`
            repeats the reports of each take when the next take begins.
        at_s: Seconds of audio that the vendor has received before an `abort`, `close`, `cut off`,
            `stall` or `send`; 0 means right after the handshake.
        times: The number of sockets that have the fault; 0 for all sockets.
        status: The HTTP status of the mode `refuse`.
        code: The close code of the mode `close`.
        message: The message of the mode `send`.
        ends_session: Whether the vendor forgets the session, so that no other socket can be opened.
    """

    mode: SocketFaultMode
    at_s: float = 0.0
    times: int = 1
    status: int = 403
    code: int = 1011
    message: str | bytes = ""
    ends_session: bool = False


MID_TAKE_S = 1.0
"""Seconds of audio before a fault in mid-take."""

SOCKET_FAULTS: Mapping[str, SocketFault] = {
    "refused handshake": SocketFault(mode="refuse", times=0),
    "bad token": SocketFault(mode="refuse", status=401, times=0),
    "handshake fails once": SocketFault(mode="refuse", status=503),
    "no handshake": SocketFault(mode="hang", times=0),
    "never ready": SocketFault(mode="unready", times=0),
    "drops in mid-take": SocketFault(mode="abort", at_s=MID_TAKE_S),
    "drops for good": SocketFault(mode="abort", at_s=MID_TAKE_S, ends_session=True),
    "drops every time": SocketFault(mode="abort", at_s=MID_TAKE_S, times=0),
    "dead socket": SocketFault(mode="cut off", at_s=MID_TAKE_S, ends_session=True),
    "stops reading": SocketFault(mode="stall", at_s=MID_TAKE_S, ends_session=True),
    "never confirms": SocketFault(mode="mute", times=0),
    "garbage": SocketFault(mode="send", at_s=MID_TAKE_S, message=b"\xff{\x00", times=0),
    "wrong JSON": SocketFault(mode="send", at_s=MID_TAKE_S, message='["nothing"]', times=0),
    "huge message": SocketFault(mode="send", at_s=MID_TAKE_S, message="x" * 2_000_000),
    "closes normally": SocketFault(mode="close", code=1000, at_s=MID_TAKE_S),
    "closes by policy": SocketFault(mode="close", code=1008, at_s=MID_TAKE_S),
    "closes on error": SocketFault(mode="close", code=1011, at_s=MID_TAKE_S),
    "closes with own code": SocketFault(mode="close", code=4001, at_s=MID_TAKE_S),
    "late messages": SocketFault(mode="late", times=0),
}
"""Every fault of a socket by name."""


class FaultySockets:
    """The faults that a test has added to a vendor, as a part of the vendor's class."""

    _socket_faults: list[list[Any]] | None = None

    def fail_socket(self, fault: str | SocketFault) -> None:
        """Add a fault of the sockets, which applies to sockets that are opened later.

        Args:
            fault: A name in `SOCKET_FAULTS`, or a fault.

        Raises:
            ConfigError: `SOCKET_FAULTS` does not contain the name.
        """
        if not isinstance(fault, SocketFault):
            if not isinstance(fault, str) or fault not in SOCKET_FAULTS:
                known = SOCKET_FAULTS
                raise unknown_fault("fault of a socket", fault, known, example="never ready")
            fault = SOCKET_FAULTS[fault]
        self._pending_faults().append([fault, fault.times or -1])

    def next_socket_fault(self) -> SocketFault | None:
        """Return the fault of the next socket, and count this use of the fault.

        Returns:
            The first fault from `fail_socket` that is not used up, or None.
        """
        for pending in self._pending_faults():
            if pending[1] != 0:
                pending[1] -= 1
                fault: SocketFault = pending[0]
                return fault
        return None

    def _pending_faults(self) -> list[list[Any]]:
        """Return the faults, each with the number of sockets that still have the fault."""
        if self._socket_faults is None:
            self._socket_faults = []
        return self._socket_faults
