"""The faults of a call by name: faults of the avatar's worker, and faults of its vendor's API."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace

from avatar_core.contracts.errors import ConfigError
from avatar_core.testing.fake_vendor.faults import FAULTS, VendorFault
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.testing.faults.unknown_name import unknown_fault
from avatar_core.testing.faults.vendor_faults import VendorFaults

DEFAULT_AT_S = 2.0
"""Seconds after the join at which a fault of a worker starts, if its name states no time."""
MIN_AT_S = 0.001
WORKER_FAULTS = {
    "avatar never joins": "never_joins",
    "avatar joins late": "join_delay_s=45",
    "worker dies": "crash_at_s",
    "worker freezes": "freeze_at_s",
    "worker leaves": "leaves_at_s",
    "worker hangs": "hang_at_s",
    "worker reconnects": "reconnect_at_s",
    "worker falls silent": "silent_at_s",
    "worker stops playing": "playout_stall_at_s",
    "worker mutes its track": "mutes_at_s",
    "worker unpublishes its track": "unpublishes_at_s",
    "server mutes the avatar": "server_mutes_at_s",
    "server revokes the permission": "revoked_at_s",
    "worker publishes no audio": "no_audio_track",
    "worker discards the audio": "discards_audio",
    "worker reports nothing": "reports_nothing",
}
"""The field of `Scenario` for each worker fault. A field whose name ends in `_at_s` is a time in
seconds."""
VENDOR_FAULTS = {
    f"vendor answers {name}" if name[0].isdigit() else f"vendor: {name}": name
    for name in FAULTS
    if not name.startswith("worker")
}
"""The name in `FAULTS` of each fault of a vendor's API."""
FAULT_NAMES = (*WORKER_FAULTS, *VENDOR_FAULTS)
"""The names of all faults of a call."""

_AT = re.compile(r"(?P<name>.*?)(?: at (?P<at_s>\d+(?:\.\d+)?) s)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class NamedFault:
    """A fault of a call.

    Attributes:
        name: The name of the fault, without a time.
        scenario: The faults of the next worker; None for a fault of the vendor's API.
        vendor: The fault of the vendor's API; None for a fault of a worker.
        stated_s: The time after the join that the text states, in seconds; None without one.
    """

    name: str
    scenario: Scenario | None = None
    vendor: VendorFault | None = None
    stated_s: float | None = None

    @property
    def takes_time(self) -> bool:
        """Whether the fault starts at a time after the join of the avatar."""
        return WORKER_FAULTS.get(self.name, "").endswith("_at_s")

    @property
    def at_s(self) -> float:
        """Seconds after the join at which the fault starts; 0 for a fault that takes no time."""
        if not self.takes_time:
            return 0.0
        return DEFAULT_AT_S if self.stated_s is None else self.stated_s

    def __str__(self) -> str:
        return self.name if self.stated_s is None else f"{self.name} at {self.stated_s:.15g} s"


def find_fault(text: str) -> NamedFault:
    """Return the fault with a name such as `vendor answers 402` or `worker dies at 2 s`.

    Args:
        text: A name in `FAULT_NAMES`. A time such as ` at 2 s` may follow the name of a fault that
            starts at a time. The time counts from the join of the avatar.

    Returns:
        The fault.

    Raises:
        ConfigError: No fault has this name, the fault takes no time, or the name is not a text.
    """
    if not isinstance(text, str):
        raise unknown_fault("fault", text, FAULT_NAMES, example="worker dies")
    match = _AT.fullmatch(text.strip())
    assert match is not None
    name, at_s = match["name"], match["at_s"]
    if name not in FAULT_NAMES:
        raise unknown_fault("fault", name, FAULT_NAMES, example="worker dies")
    if name in VENDOR_FAULTS:
        fault = NamedFault(name, vendor=FAULTS[VENDOR_FAULTS[name]])
    else:
        stated_s = None if at_s is None else float(at_s)
        fault = NamedFault(name, _scenario(WORKER_FAULTS[name], at_s), stated_s=stated_s)
    if at_s is not None and not fault.takes_time:
        timed = "; ".join(key for key, field in WORKER_FAULTS.items() if field.endswith("_at_s"))
        raise ConfigError(
            f"The fault {name!r} takes no time.",
            hint=f"Remove ' at {at_s} s'. These faults take a time: {timed}.",
        )
    return fault


def _scenario(field: str, at_s: str | None) -> Scenario:
    """Return the scenario with one fault. Only a worker of a vendor has the faults of one."""
    if field.endswith("_at_s"):
        field = f"{field}={max(float(at_s or DEFAULT_AT_S), MIN_AT_S)}"
    scenario = Scenario.parse(field)
    vendors = {item.name for item in fields(VendorFaults)}
    return replace(scenario, stock=not vendors.isdisjoint(scenario.as_dict()))
