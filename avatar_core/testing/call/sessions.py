"""The paid sessions of a call, as its providers and its fake vendors counted them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from avatar_core.testing.fake_vendor.account import CLOSED, VendorAccount


@dataclass(slots=True)
class Sessions:
    """The sessions that the providers of a call created.

    Attributes:
        accounts: The accounts at fake vendors, by name of the provider.
    """

    accounts: dict[str, VendorAccount] = field(default_factory=dict)
    _workers: list[tuple[str, str]] = field(default_factory=list)
    _ended: set[tuple[str, str]] = field(default_factory=set)

    @property
    def created(self) -> int:
        """The number of sessions that were created."""
        return len(self._workers) + sum(len(one.sessions) for one in self.accounts.values())

    @property
    def open(self) -> int:
        """The number of sessions that have not ended; after the call, those that nobody ended."""
        paid = [session for one in self.accounts.values() for session in one.sessions]
        left = [one for one in paid if one.ended_at is None or one.end_reason == CLOSED]
        return len(self._open_workers) + len(left)

    @property
    def _open_workers(self) -> Sequence[tuple[str, str]]:
        return [worker for worker in self._workers if worker not in self._ended]

    def begin(self, provider: str, identity: str) -> None:
        """Count a session of a provider without a fake vendor; idempotent.

        Args:
            provider: The name of the provider.
            identity: The identity of the avatar's participant, unique for each session.
        """
        if (provider, identity) not in self._workers:
            self._workers.append((provider, identity))

    def end(self, provider: str, identity: str) -> None:
        """Count the end of a session; idempotent.

        Args:
            provider: The name of the provider.
            identity: The identity of the avatar's participant, unique for each session.
        """
        self._ended.add((provider, identity))

    def __str__(self) -> str:
        return f"{self.created} sessions were created, {self.open} of them have not ended"
