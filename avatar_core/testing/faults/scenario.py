"""Scenarios: the faults of one worker as data, with a seed, so that a test can repeat them."""

from __future__ import annotations

import difflib
import math
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import ConfigError
from avatar_core.testing.faults.vendor_faults import VendorFaults

_RENDERER = ("renderer_raises", "renderer_sizes", "renderer_none", "renderer_many")
_REPORTS = ("report_loss", "report_double", "absurd", "foreign")
SHARES = ("loss", "duplicate", "reorder", "drift", "music_rms", *_REPORTS, *_RENDERER)
"""Names of the fields that are shares or probabilities, from 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario(VendorFaults):
    """The faults of an avatar's worker, its room link and its renderer; by default there are none.

    Fields that end in `_at_s` are seconds after the worker has joined; 0 disables the fault, except
    for `stall_at_s`. Other fields that end in `_s` are durations in seconds. The fields in `SHARES`
    are probabilities or shares from 0 to 1. The base class `VendorFaults` contains the faults of a
    vendor's worker, and its base class `SoundFaults` contains the faults of the sound.

    Attributes:
        seed: Seed of all random decisions.
        stock: The worker uses LiveKit's stock protocol only: it neither reads take ids nor sends
            position reports.
        unseen: The worker publishes its audio track and does not publish a video track.
        never_joins: The worker reports that it is ready, but never joins the room.
        join_delay_s: Seconds until the worker joins. The worker reports that it is ready before
            this delay.
        leaves_at_s: Time at which the worker leaves the room.
        back_after_s: Seconds after which a worker that has left joins again, without faults; 0
            means never.
        crash_at_s: Time at which the worker's process is killed.
        freeze_at_s: Time at which the worker stops all work; its participant stays in the room.
        reconnect_at_s: Time at which the worker's room connection makes a full reconnect, which
            breaks its streams.
        delay_s, jitter_s: Delay of each unreliable packet: `delay_s` plus a random time of up to
            `jitter_s`.
        loss, duplicate, reorder: Probabilities that an unreliable packet is lost, is sent twice, or
            is delayed by 50 ms so that a later packet overtakes it.
        deaf_at_s, mute_at_s, parted_s: Time from which the worker receives no messages, time from
            which the worker sends no messages, and the duration of both.
        report_loss, report_double: Probabilities that an RPC of the worker is lost, or is sent
            twice.
        report_late_s: Delay of each RPC of the worker.
        absurd: Probability that an invalid payload replaces a position report or the payload of an
            RPC.
        foreign: Probability that an intruder sends forged messages about the take after a position
            report. Only rooms in memory support this fault, because a worker process has a single
            token.
        renderer_raises, renderer_sizes, renderer_none, renderer_many: Probabilities that the
            renderer raises an error, returns a frame of a wrong size, returns no frame, or returns
            each frame three times.
        renderer_slow_s: Delay of each call of the renderer.
        stall_at_s, stall_s: The first call of the renderer after `stall_at_s` hangs for `stall_s`
            seconds; a `stall_s` of 0 disables the hang.
    """

    seed: int = 0
    stock: bool = False
    unseen: bool = False
    never_joins: bool = False
    join_delay_s: float = 0.0
    leaves_at_s: float = 0.0
    back_after_s: float = 0.0
    crash_at_s: float = 0.0
    freeze_at_s: float = 0.0
    reconnect_at_s: float = 0.0
    delay_s: float = 0.0
    jitter_s: float = 0.0
    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    deaf_at_s: float = 0.0
    mute_at_s: float = 0.0
    parted_s: float = 0.0
    report_loss: float = 0.0
    report_double: float = 0.0
    report_late_s: float = 0.0
    absurd: float = 0.0
    foreign: float = 0.0
    renderer_raises: float = 0.0
    renderer_sizes: float = 0.0
    renderer_none: float = 0.0
    renderer_many: float = 0.0
    renderer_slow_s: float = 0.0
    stall_at_s: float = 0.0
    stall_s: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the scenario that a text like `loss=0.1,stock` describes.

        Args:
            text: Items `name=value`, separated by commas. A name without a value has the value 1.
                An empty text is a scenario without faults.

        Returns:
            The scenario.

        Raises:
            ConfigError: A name is not a field of a scenario, or a value is out of range.
        """
        values: dict[str, str] = {}
        for item in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = item.partition("=")
            values[name.strip()] = value.strip() or "1"
        return cls.read(values)

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """Return the scenario whose fields have the given values.

        Args:
            values: Values by field name: numbers, or strings that hold a number. A missing field
                keeps its default.

        Returns:
            The scenario.

        Raises:
            ConfigError: A name is not a field of a scenario, or a value is out of range.
        """
        kinds: dict[str, type[Any]] = {field.name: type(field.default) for field in fields(cls)}
        read: dict[str, Any] = {}
        for name, value in values.items():
            if name not in kinds:
                if close := difflib.get_close_matches(name, kinds, n=1):
                    raise ConfigError(
                        f"A fault scenario has no field {name!r:.40}.",
                        hint=f"Did you mean {close[0]}?",
                        code=ErrorCode.TEST_FAULT,
                    )
                raise ConfigError(  # the text may be a key, so the message does not quote it
                    "A fault scenario has no field with this name.",
                    hint=f"The fields are {', '.join(kinds)}.",
                    code=ErrorCode.TEST_FAULT,
                )
            least = -math.inf if name == "seed" else 0.0
            most = 1.0 if name in SHARES else math.inf
            try:
                number = float(value)
                fits = math.isfinite(number) and least <= number <= most
            except (TypeError, ValueError):
                fits = False
            if not fits:
                what = "a share from 0 to 1" if name in SHARES else "a number of 0 or more"
                raise ConfigError(
                    f"The field {name} of a fault scenario cannot have the value {value!r:.40}.",
                    hint=f"Set {name} to {what}.",
                    code=ErrorCode.TEST_FAULT,
                )
            read[name] = kinds[name](number)
        return cls(**read)

    def as_dict(self) -> dict[str, Any]:
        """Return the scenario's fields that differ from the defaults.

        Returns:
            Values by field name, JSON-safe; `read` accepts them.
        """
        quiet = type(self)()
        return {
            name: value for name, value in asdict(self).items() if value != getattr(quiet, name)
        }

    def random(self, what: str) -> random.Random:
        """Return a random generator for one purpose; each purpose has independent random numbers.

        Args:
            what: Name of the purpose. The same seed and purpose always give the same random
                numbers.

        Returns:
            A new random generator.
        """
        return random.Random(f"{self.seed} {what}")

    def __str__(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.as_dict().items()) or "quiet"


QUIET = Scenario()
"""A scenario without faults."""
