"""Faults as data: seeded and printable. The wrappers in this package apply them."""

from __future__ import annotations

import difflib
import math
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from avatar_core.contracts.errors import ConfigError

_RENDERER = ("renderer_raises", "renderer_sizes", "renderer_none", "renderer_many")
_REPORTS = ("report_loss", "report_double", "absurd", "foreign")
SHARES = ("loss", "duplicate", "reorder", *_REPORTS, *_RENDERER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """How an avatar's worker, its link and its renderer misbehave. All quiet by default.

    Times are seconds after the worker has joined, shares are probabilities, 0 to 1.

    Attributes:
        seed: Of everything that is left to chance.
        stock: Its link passes LiveKit's stock wire alone: neither take ids nor positions.
        unseen: It publishes its sound alone, and no picture.
        never_joins: It is provisioned and never seen.
        join_delay_s: It joins so late.
        leaves_at_s: It leaves the room.
        back_after_s: And comes back after this, 0 for never.
        crash_at_s: It is gone without a word.
        freeze_at_s: It stops doing anything, and stays in the room.
        reconnect_at_s: Its room reconnects in full: same sid, broken streams.
        delay_s, jitter_s: What it sends comes so much later.
        loss, duplicate, reorder: Shares of its lossy packets.
        deaf_at_s, mute_at_s, parted_s: A partition: nothing reaches it, nothing comes from
            it, for so long.
        report_loss, report_double: Shares of its calls that are lost, or come twice.
        report_late_s: Its calls come so late.
        absurd: Share of its reports that say nonsense.
        foreign: Share of its reports on which another participant of the room has a word:
            finished, cut, at an absurd position. In memory only: the token that a worker
            process joins a real room with admits nobody else.
        renderer_raises, renderer_sizes, renderer_none, renderer_many: Shares of pictures
            that fail so: an error, wrong sizes, none at all, three at once.
        renderer_slow_s: Each picture takes so long.
        stall_at_s, stall_s: The renderer hangs once, for so long.
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
        """Read `name=value,name=value`; an empty text is all quiet.

        Raises:
            ConfigError: An unknown name, or a value that is none.
        """
        values: dict[str, str] = {}
        for item in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = item.partition("=")
            values[name.strip()] = value.strip() or "1"
        return cls.read(values)

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """From a mapping, as JSON gives it.

        Raises:
            ConfigError: An unknown name, or a value that is none.
        """
        kinds: dict[str, type[Any]] = {field.name: type(field.default) for field in fields(cls)}
        read: dict[str, Any] = {}
        for name, value in values.items():
            if name not in kinds:
                close = difflib.get_close_matches(name, kinds, n=1)
                raise ConfigError(
                    f"A fault scenario has no field {name!r:.40}.",
                    hint=f"Did you mean {close[0]}?"
                    if close
                    else f"The fields are {', '.join(kinds)}.",
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
                )
            read[name] = kinds[name](number)
        return cls(**read)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields that differ from the defaults; `read` accepts the result."""
        quiet = type(self)()
        return {
            name: value for name, value in asdict(self).items() if value != getattr(quiet, name)
        }

    def random(self, what: str) -> random.Random:
        """Chance for one purpose: the same for the same seed, whatever else is drawn."""
        return random.Random(f"{self.seed} {what}")

    def __str__(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in self.as_dict().items()) or "quiet"


QUIET = Scenario()
"""Nothing misbehaves."""
