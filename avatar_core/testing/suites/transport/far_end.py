"""The far end of a transport in a test: a local replacement of the avatar that plays the audio."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from avatar_core.contracts.playback import PlaybackTracker
from avatar_core.contracts.sink import AudioSink
from avatar_core.testing.suites.transport.speaker import HeardPiece

FAULTS = ("late ready", "late start", "late cut", "late end", "death", "silence")
"""The faults of a far end, as the attribute `FarEnd.impossible` names them."""


class FarEnd(ABC):
    """Base class of a fake far end, which plays the audio of the sink and reports to the tracker.

    The author of a transport writes the far end in the protocol of the transport. The checks set
    the attributes before they use the transport, and may set them again before a take. A far end
    obeys a cut at once, also if it confirms the cut late or never.

    Attributes:
        impossible: The reason for each fault that the far end cannot have, by its name in `FAULTS`.
            The checks that need the fault do not apply.
        ready_s: Seconds until the far end is ready, so that `AudioSink.open` returns; None means
            never. The fault "late ready".
        start_s: Seconds by which the far end starts to play each take later than it could. The
            fault "late start".
        cut_s: Seconds from a cut to its confirmation; None means never. The fault "late cut".
        end_s: Seconds from the last sound of a take until the far end reports the end of the take;
            None means never. The far end still reports positions. The fault "late end".
    """

    impossible: Mapping[str, str] = MappingProxyType({})
    ready_s: float | None = 0.0
    start_s: float = 0.0
    cut_s: float | None = 0.0
    end_s: float | None = 0.0

    @abstractmethod
    def heard(self) -> Sequence[HeardPiece]:
        """Return the audio that a listener has heard so far.

        Returns:
            The pieces in the order of their times, in the format of the transport. Samples of 0
            between two takes or at the end of a take do not count.
        """

    def problems(self) -> Sequence[str] | None:
        """Return the messages of the sink that broke the limits of the far end.

        Returns:
            A sentence for each message, with the next step of the author; None if the far end has
            no limits.
        """
        return None

    @abstractmethod
    def die(self) -> None:
        """Close the connection: the sound stops, and no message arrives or leaves."""

    @abstractmethod
    def fall_silent(self) -> None:
        """Stop the sound and all messages, but keep the connection open."""

    async def aclose(self) -> None:
        """Free all resources of the far end, after the sink and the tracker were closed."""
        return


@dataclass(frozen=True, slots=True)
class TransportParts:
    """A new sink and tracker, and the far end that they are connected to.

    Attributes:
        sink: The sink under test.
        tracker: The tracker under test.
        far_end: The far end.
    """

    sink: AudioSink
    tracker: PlaybackTracker
    far_end: FarEnd
