"""A road in use: where its takes go, and how what was heard comes back."""

from __future__ import annotations

from dataclasses import dataclass

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import AvatarError
from avatar_core.contracts.playback import PlaybackTracker
from avatar_core.contracts.sink import AudioSink


@dataclass(eq=False, kw_only=True)
class Road:
    """One way to a listener, for the life of a lease.

    Attributes:
        provider: Whose it is, `voice` for the agent's own.
        sink: Carries takes.
        tracker: Says what was heard of them.
        format: The audio it wants, None for a segment's own.
        run_ahead_s: Audio kept on the wire beyond what was heard.
        lost: Why it is gone, once it is.
    """

    provider: str
    sink: AudioSink
    tracker: PlaybackTracker
    format: AudioFormat | None
    run_ahead_s: float
    lost: AvatarError | None = None
