"""The cells of the fault matrix: fault x phase of a turn x kind of avatar."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from avatar_core.failover.presence import SAME_SID_S
from avatar_core.testing.faults.scenario import Scenario
from tests.matrix.faults import FAULTS, NEVER_HEARD_S, SILENCE_S, Effect, Fault


class Phase(Enum):
    """The moment at which a fault starts."""

    BEFORE_JOIN = "before join"
    JOINING = "joining"
    FIRST_CHUNK = "first chunk"
    MID_WORD = "mid-word"
    PAUSE = "pause between words"
    LAST_CHUNK = "after the last chunk"
    BETWEEN = "between turns"
    CLEAR = "during a clear"
    PAUSED = "during a pause"
    RECONNECT = "during a reconnect"
    NEXT = "while the next avatar is provisioned"


class Kind(Enum):
    """The kind of avatar. The values of the kinds of workers are fields of their scenarios."""

    OURS = ""
    STOCK = "stock=1"
    SILENT_STOCK = "stock=1,reports_nothing=1"
    ALTERED = "stock=1,gain=0.4,fade_s=0.01,drift=0.01"
    OTHER_VOICE = "stock=1,seed=1"
    VOICE = "voice"

    @property
    def label(self) -> str:
        """The name of the kind in reports."""
        return self.name.lower().replace("_", " ")


HOLD_S = 4.0
"""Seconds for which the first speech waits for the avatar: twice its expected time to join."""
PAUSED_S = 0.5
"""Seconds of a pause."""
UNHEARD_PHASES = (Phase.BEFORE_JOIN, Phase.JOINING, Phase.FIRST_CHUNK, Phase.NEXT)
"""The phases in which the worker with the fault was not heard before."""
ACTION_PHASES = (Phase.MID_WORD, Phase.CLEAR, Phase.PAUSED, Phase.RECONNECT)
"""The phases that differ for a fault that exists from the join of the worker."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the matrix.

    Attributes:
        fault: The fault.
        phase: The moment at which the fault starts.
        kind: The kind of avatar.
    """

    fault: Fault
    phase: Phase
    kind: Kind

    def __str__(self) -> str:
        return f"{self.fault.name} / {self.phase.value} / {self.kind.label}"

    @property
    def is_harmless(self) -> bool:
        """Whether avatar-core must keep the avatar that has the fault."""
        return self.fault.effect is Effect.NONE

    @property
    def longest_silence_s(self) -> float:
        """The longest silence within a turn, and after the call of `say`, in seconds."""
        limit_s = SILENCE_S[self.fault.effect] + self.fault.silence_s
        is_unheard = self.phase in UNHEARD_PHASES or self.fault.is_constant
        if is_unheard and self.fault.effect in (Effect.SILENT, Effect.LATE):
            limit_s = max(limit_s, NEVER_HEARD_S)
        if self.phase in (Phase.BEFORE_JOIN, Phase.JOINING):
            limit_s += HOLD_S
        if self.phase is Phase.RECONNECT:
            limit_s += SAME_SID_S
        if self.phase is Phase.PAUSED:
            limit_s += PAUSED_S
        return limit_s


def makes_sense(cell: Cell) -> bool:
    """Return whether the combination can occur, and differs from the other cells.

    Args:
        cell: The combination of a fault, a phase and a kind.

    Returns:
        Whether the matrix contains the combination.
    """
    fault, phase, kind = cell.fault, cell.phase, cell.kind
    if kind is Kind.VOICE:  # the voice has no worker, no join and no next avatar
        joins = phase in (Phase.BEFORE_JOIN, Phase.JOINING, Phase.NEXT)
        return not (fault.is_of_worker or joins or _is_same_reconnect(cell))
    if kind is Kind.OURS and not fault.of_ours:
        return False
    if kind is not Kind.OURS and not fault.of_stock:
        return False
    if kind is Kind.ALTERED and _has_altered_sound(fault):
        return False  # the sound of this kind is altered already
    if fault.reports and kind is Kind.SILENT_STOCK:
        return False  # this kind never reports
    if "join" in fault.scenario:  # a fault of the join has no effect on later phases
        return phase in (Phase.BEFORE_JOIN, Phase.NEXT)
    if fault.is_constant:
        return phase in ACTION_PHASES
    if fault.action and phase is Phase.BEFORE_JOIN and fault.is_of_worker:
        return False  # there is no participant and no session yet
    return not _is_same_reconnect(cell)


def _has_altered_sound(fault: Fault) -> bool:
    scenario = Scenario.parse(fault.scenario)
    return scenario.alters_speech or scenario.adds_sound


def _is_same_reconnect(cell: Cell) -> bool:
    return cell.fault.action == "reconnect_agent" and cell.phase is Phase.RECONNECT


def all_cells() -> Iterator[Cell]:
    """Yield every cell that makes sense, in the order of faults, phases and kinds.

    Yields:
        The cells.
    """
    for fault in FAULTS:
        for phase in Phase:
            for kind in Kind:
                cell = Cell(fault, phase, kind)
                if makes_sense(cell):
                    yield cell
