"""The faults of a call, and the refusal of faults that cannot have an effect in it."""

from __future__ import annotations

from collections import deque

from avatar_core.agents.session import AvatarSession
from avatar_core.contracts.errors import ConfigError
from avatar_core.testing.call.room import CallRoom
from avatar_core.testing.clock import now
from avatar_core.testing.fake_vendor.fake import FakeVendor
from avatar_core.testing.fake_vendor.front import VendorFront
from avatar_core.testing.faults.by_name import NamedFault
from avatar_core.testing.faults.scenario import QUIET, Scenario

__tracebackhide__ = True  # pytest shows the line of the test, not the frames of this module
DIES, LEAVES, FREEZES = "worker dies", "worker leaves", "worker freezes"
MUTES = ("worker mutes its track", "server mutes the avatar")
REVOKES = "server revokes the permission"
RECONNECTS = "worker reconnects"
OF_THE_SERVER = ("server mutes the avatar", REVOKES)
"""The faults for which the worker's token is not sufficient on a real server."""
HINT = "Remove the fault, or let the call continue until the fault starts."
EARLIER = {
    FREEZES: (FREEZES,),
    RECONNECTS: (FREEZES,),
    **dict.fromkeys(MUTES, (*MUTES, REVOKES)),
    REVOKES: (REVOKES,),
}
"""For a fault that starts in the call, the earlier faults of the same worker after which it has no
effect, besides `DIES` and `LEAVES`."""


class CallFaults:
    """Gives the faults of a call to the workers and the vendors of its providers.

    Args:
        room: The room of the call.
    """

    def __init__(self, room: CallRoom) -> None:
        self._room = room
        self._apis: list[FakeVendor | VendorFront] = []
        """The API of each provider, in the order of the chain."""
        self._has_workers = False
        self._waiting: deque[NamedFault] = deque()
        self._given: list[tuple[NamedFault, float]] = []
        """The faults that a worker has, each with the time at which its worker started."""
        self._of_vendor: list[NamedFault] = []
        self._injected: dict[str, set[str]] = {}
        """The faults that started in the call, by the identity of the avatar."""

    def add_api(self, api: FakeVendor | VendorFront, *, has_workers: bool) -> None:
        """Add the API of the next provider in the chain.

        Args:
            api: The API.
            has_workers: Whether the workers of the provider can have faults.
        """
        self._apis.append(api)
        self._has_workers |= has_workers

    def next_scenario(self) -> Scenario:
        """Return the faults of the worker that starts now.

        Returns:
            The scenario; each fault applies to one worker.
        """
        if not self._waiting:
            return QUIET
        fault = self._waiting.popleft()
        self._given.append((fault, now()))
        return fault.scenario or QUIET

    def prepare(self, fault: NamedFault) -> None:
        """Give a fault to the next worker without one, or to the API of the first provider.

        Args:
            fault: The fault.

        Raises:
            ConfigError: The fault cannot have an effect in this call.
        """
        self._check_chain(fault)
        if fault.vendor is not None:
            self._apis[0].fail(fault.vendor)
            self._of_vendor.append(fault)
        elif self._room.is_real and fault.name in OF_THE_SERVER:
            raise ConfigError(
                f"The fault {fault.name!r} has no effect on a server if the call begins with it, "
                "because the token of a worker does not allow the action.",
                hint=f"Start the fault in the call with `await call.inject({fault.name!r})`.",
            )
        else:
            self._waiting.append(fault)

    async def start(self, fault: NamedFault, avatar: AvatarSession) -> None:
        """Start a fault now: at the live avatar, at the next avatar, or at the next request.

        Args:
            fault: The fault.
            avatar: The avatar.

        Raises:
            ConfigError: The fault cannot start now, or cannot have an effect.
        """
        if fault.stated_s is not None:
            raise ConfigError(
                f"`inject` starts a fault now, so {str(fault)!r} must not contain a time.",
                hint=f"Wait until the fault must start, and call inject({fault.name!r}).",
            )
        if not fault.takes_time:
            self.prepare(fault)
            return
        self._check_provider(fault)
        self._check_avatar(fault.name, avatar)
        identity = avatar.avatar_identity
        try:
            result = self._room.actions[fault.name](avatar)
            if result is not None:
                await result
        except ProcessLookupError:
            raise _no_effect(fault, "the worker of the avatar has ended already") from None
        self._injected.setdefault(identity, set()).add(fault.name)

    def find_unused(self, ended_s: float) -> AssertionError | None:
        """Return an error if faults had no effect, after the call.

        Args:
            ended_s: The loop time in seconds at which the call ended.

        Returns:
            The error with a sentence for each fault; None if there are none.
        """
        found = [(fault, "no avatar started after it was set") for fault in self._waiting]
        found += [
            (fault, f"the call ended {ended_s - began_s:.1f} s after the start of the avatar")
            for fault, began_s in self._given
            if ended_s - began_s < fault.at_s
        ]
        unused = [fault for api in self._apis for fault in api.unused_faults]
        for fault in self._of_vendor:
            if fault.vendor in unused:
                unused.remove(fault.vendor)
                found.append((fault, "no such request reached the vendor after it was set"))
        if not found:
            return None
        said = [f"The fault {str(fault)!r} had no effect: {reason}." for fault, reason in found]
        return AssertionError(" ".join([*said, HINT]))

    def _check_provider(self, fault: NamedFault) -> None:
        if not self._apis:
            raise ConfigError(
                f"The call has no avatar, so the fault {fault.name!r} has no effect.",
                hint="Pass avatar='mock', or another provider, or remove the fault.",
            )

    def _check_chain(self, fault: NamedFault) -> None:
        self._check_provider(fault)
        if fault.vendor is None:
            if not self._has_workers:
                reason = "the test kit starts the worker of no provider of the call"
                raise _no_effect(fault, reason)
        elif isinstance(self._apis[0], VendorFront) and not fault.vendor.fails_create:
            raise _no_effect(
                fault, "the first provider of the call has no vendor, and only creates avatars"
            )

    def _check_avatar(self, name: str, avatar: AvatarSession) -> None:
        if name not in self._room.actions:
            raise ConfigError(
                f"The fault {name!r} cannot start while the avatar is live.",
                hint=f"Pass fault={name + ' at 2 s'!r} to the call. These faults can start at any "
                f"time: {'; '.join(self._room.actions)}.",
            )
        identity = avatar.avatar_identity
        if not identity:
            raise ConfigError(
                f"No avatar is live, so the fault {name!r} has no effect.",
                hint="Wait for the avatar with `await call.avatar.wait_for_join()`.",
            )
        injected = self._injected.get(identity, set())
        earlier = next((one for one in EARLIER.get(name, ()) if one in injected), "")
        ended = next((one for one in (DIES, LEAVES) if one in injected), "")
        if ended or earlier or not self._room.is_present(identity):
            raise ConfigError(
                f"The avatar {identity} {_because(ended or earlier)}, so the fault {name!r} has no "
                "effect.",
                hint="Wait for the next avatar with `await call.until_event('mock joined')`.",
            )


def _because(earlier: str) -> str:
    return f"has the fault {earlier!r} already" if earlier else "has left the room"


def _no_effect(fault: NamedFault, reason: str) -> ConfigError:
    return ConfigError(
        f"The fault {fault.name!r} has no effect, because {reason}.",
        hint="Remove the fault, or pass a provider with a fake vendor, such as avatar='tavus'.",
    )
