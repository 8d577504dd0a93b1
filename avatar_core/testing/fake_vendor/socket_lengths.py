"""Notices messages whose audio is shorter or longer than a vendor accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from avatar_core.bases.socket_messages import SocketOptions
from avatar_core.contracts.audio import AudioFormat

if TYPE_CHECKING:
    from avatar_core.testing.fake_vendor.socket_dialog import Command

ROUNDING_S = 1e-4
"""Seconds by which a message may miss a limit, because limits are not always whole samples."""


class Limited(Protocol):
    """A vendor with limits.

    Attributes:
        format: The format of the audio that the vendor expects.
        limits: The limits; None for none.
        problems: Each message that broke a limit, as a sentence with a next step.
    """

    format: AudioFormat
    limits: SocketOptions | None
    problems: list[str]


class MessageLengths:
    """Compares the audio of each message of one socket with the limits of a vendor.

    Args:
        vendor: The vendor, which keeps the problems.
    """

    def __init__(self, vendor: Limited) -> None:
        self._vendor = vendor
        self._take_id = ""
        self._is_first = True
        self._short: str | None = None

    def note(self, command: Command) -> None:
        """Check a message of the customer.

        Args:
            command: The command of the message.
        """
        if command.kind in ("begin", "end", "cut"):
            self._begin_take()
        elif command.kind == "audio" and self._vendor.limits is not None:
            self._check(command, self._vendor.limits)

    def _begin_take(self) -> None:
        self._is_first, self._short = True, None

    def _check(self, command: Command, limits: SocketOptions) -> None:
        if command.take_id != self._take_id:
            self._begin_take()
        if self._short is not None:
            self._vendor.problems.append(self._short)
        size_s = self._vendor.format.duration_s(len(command.pcm))
        is_first = self._is_first and limits.first_chunk_s > 0
        name = "first_chunk_s" if is_first else "min_chunk_s"
        least_s, most_s = getattr(limits, name), limits.max_chunk_s
        self._take_id, self._is_first, self._short = command.take_id, False, None
        received = f"The vendor received a message with {size_s:.3f} s of audio, but accepts"
        if size_s > most_s + ROUNDING_S:
            self._vendor.problems.append(
                f"{received} at most {most_s:g} s. Set max_chunk_s of the provider to {most_s:g}, "
                "and send each chunk of encode in a message of its own."
            )
        elif size_s < least_s - ROUNDING_S and limits.pads_last:
            self._vendor.problems.append(
                f"{received} no less than {least_s:g} s. Set {name} of the provider to "
                f"{least_s:g} and pads_last to True, and send each chunk of encode in one message."
            )
        elif size_s < least_s - ROUNDING_S:
            self._short = (
                f"{received} less than {least_s:g} s only at the end of a take. Set {name} of the "
                f"provider to {least_s:g}, and send each chunk of encode in one message."
            )
