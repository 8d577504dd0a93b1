"""The faults of the matrix as data: how each fault starts, and what avatar-core must do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from avatar_core.playback.monitor.monitor import FIRST_SOUND_S

AT_ONCE_S = 1e-6
"""Time of a fault in a scenario whose clock starts when the test starts the fault."""


class Effect(Enum):
    """The effect of a fault on the speech of the avatar."""

    NONE = auto()
    """The avatar continues; avatar-core must not replace it."""
    LATE = auto()
    """The avatar continues late; avatar-core may replace it."""
    ABSENT = auto()
    """The avatar is dead, muted or unpublished."""
    SILENT = auto()
    """The avatar is present, and its speech stops."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of the matrix.

    Attributes:
        name: Name of the fault.
        effect: What the fault does to the speech of the avatar.
        scenario: Fields of the worker's scenario.
        action: Name of a method of `Actions`, which starts the fault in the room or at the vendor.
        silence_s: Longest silence that the fault itself may cause, in seconds.
        is_constant: Whether the fault exists from the join of the worker.
        is_of_worker: Whether the fault needs a worker.
        of_ours: Whether our own worker can have the fault. Our worker reports what its published
            track has played, and ends if it cannot publish the track. A hang of 0.3 s is longer
            than the limit of its heartbeat.
        of_stock: Whether a worker with the stock protocol can have the fault.
        reports: Whether the fault concerns reports.
    """

    name: str
    effect: Effect
    scenario: str = ""
    action: str = ""
    silence_s: float = 0.0
    is_constant: bool = False
    is_of_worker: bool = True
    of_ours: bool = True
    of_stock: bool = True
    reports: bool = False


def _starts(name: str, effect: Effect, field: str, also: str = "", **options: object) -> Fault:
    scenario = f"{field}_at_s={AT_ONCE_S}{also}"
    return Fault(name, effect, scenario, **options)  # type: ignore[arg-type]


def _constant(name: str, effect: Effect, scenario: str, **options: object) -> Fault:
    return Fault(name, effect, scenario, is_constant=True, **options)  # type: ignore[arg-type]


def _outside(name: str, action: str) -> Fault:
    return Fault(name, Effect.NONE, action=action, is_of_worker=False)


NONE, LATE, ABSENT, SILENT = Effect.NONE, Effect.LATE, Effect.ABSENT, Effect.SILENT
FAULTS = (
    _starts("kill", ABSENT, "crash"),
    _starts("freeze", ABSENT, "freeze"),
    _starts("hang", SILENT, "hang"),
    _starts("hang 2 s", LATE, "hang", ",hang_s=2", silence_s=2.0),
    _starts("hang 0.3 s", NONE, "hang", ",hang_s=0.3", silence_s=0.3, of_ours=False),
    _starts("hang 0.2 s", NONE, "hang", ",hang_s=0.2", silence_s=0.2),
    _starts("silence", SILENT, "silent", of_ours=False),
    _starts("stall", SILENT, "playout_stall"),
    _starts("stall 2 s", LATE, "playout_stall", ",playout_stall_s=2", silence_s=2.0),
    _starts("stall 0.3 s", NONE, "playout_stall", ",playout_stall_s=0.3", silence_s=0.3),
    _starts("mute", ABSENT, "mutes"),
    _starts("server mute", ABSENT, "server_mutes"),
    _starts("unpublish", ABSENT, "unpublishes"),
    _starts("revoked", ABSENT, "revoked"),
    _starts("leaves", ABSENT, "leaves"),
    _starts("rejoins", ABSENT, "leaves", ",back_after_s=0.3"),
    _starts("reconnect", LATE, "reconnect", silence_s=0.5),
    _constant("never joins", ABSENT, "never_joins=1"),
    _constant("joins late", NONE, "join_delay_s=3"),
    _constant("no track", SILENT, "no_audio_track=1", of_ours=False),
    _constant("ignores audio", SILENT, "ignores_audio=1"),
    _constant("discards audio", SILENT, "discards_audio=1", of_ours=False),
    _constant("delay 0.2 s", NONE, "playout_delay_s=0.2", silence_s=0.2),
    _constant("delay 1 s", NONE, "playout_delay_s=1", silence_s=1.0, of_ours=False),
    _constant("delay 3 s", NONE, "playout_delay_s=3", silence_s=3.0, of_ours=False),
    _constant(
        "early reports",
        NONE,
        "playout_delay_s=1,reports_early=1",
        silence_s=1.0,
        of_ours=False,
        reports=True,
    ),
    _constant("late reports", NONE, "report_late_s=1,delay_s=0.1", reports=True),
    _constant("lost reports", NONE, "report_loss=0.5,loss=0.05", reports=True),
    _constant("reports twice", NONE, "report_double=1,duplicate=1", reports=True),
    _constant("absurd reports", NONE, "absurd=0.05", of_stock=False, reports=True),
    _constant("absurd RPCs", NONE, "absurd=0.5", of_ours=False, reports=True),
    _constant("foreign reports", NONE, "foreign=0.5", of_stock=False, reports=True),
    _constant("jitter", NONE, "jitter_s=0.2", of_stock=False, reports=True),
    _constant("greeting", NONE, "greeting_at_s=0.1"),
    _constant("gain", NONE, "gain=0.3"),
    _constant("automatic gain", NONE, "auto_gain=1"),
    _constant("drift", NONE, "drift=0.01", of_ours=False),
    _constant("music", NONE, "music_rms=0.025"),
    _constant("slow renderer", NONE, "renderer_slow_s=0.03", of_stock=False),
    Fault("vendor ends the session", ABSENT, action="end_session"),
    Fault("second sound track", NONE, action="publish_second_track"),
    _outside("listener comes and goes", "let_listener_come_and_go"),
    _outside("agent reconnects", "reconnect_agent"),
    _outside("agent hangs 0.3 s", "hang_agent"),
    _outside("impostor", "let_impostor_speak"),
)
"""All faults, in the order of the reports."""

SILENCE_S = {NONE: 0.5, LATE: 1.8, ABSENT: 1.0, SILENT: 1.8}
"""Longest silence of each effect in seconds, from the limits of the fifth promise: the 95th
percentiles. Without an effect, the limit is the pause between two words plus the
jitter of a switch between takes."""
NEVER_HEARD_S = FIRST_SOUND_S + 1.0
"""Longest silence before the first sound of a worker that was never heard, in seconds."""
