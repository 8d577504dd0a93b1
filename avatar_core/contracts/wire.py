"""What is said between agent and worker: the names, and the payloads read without trust.

The `lk.*` names and payloads are those of livekit-agents' avatar classes
(`voice/avatar/_datastream_io.py`, 1.8.9), exactly. The `avatar.*` ones are ours, put
only where stock participants ignore them: a stream attribute, an extra RPC, data topics.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import AudioError, WireError
from avatar_core.contracts.playback import TakeState

AUDIO_STREAM = "lk.audio_stream"
CLEAR_BUFFER = "lk.clear_buffer"
PLAYBACK_STARTED = "lk.playback_started"
PLAYBACK_FINISHED = "lk.playback_finished"
PUBLISH_ON_BEHALF = "lk.publish_on_behalf"

TAKE_ATTRIBUTE = "avatar.take"
TAKE_RPC = "avatar.take"
REPORT_TOPIC = "avatar.report"
CLEAR_TOPIC = "avatar.clear"

OK, REJECT = "ok", "reject"

SHOWN = 60
"""Letters of a malformed payload that its error quotes."""
NEXT = "Speech goes on; if this repeats, bring the avatar's worker and avatar-core together."
"""For whoever reads of a report that makes no sense."""


@dataclass(frozen=True, slots=True)
class Report:
    """A worker's word on a take: also its heartbeat, and by the first its announcement.

    Attributes:
        sequence: Rises with each report of a worker; an older one is dropped.
        take_id: The take on its transport, empty while there is none.
        position_s: Seconds of the take that left its queue.
        state: Of that take.
    """

    sequence: int
    take_id: str
    position_s: float
    state: TakeState

    def encode(self) -> bytes:
        """As JSON, under 100 bytes: it fits one packet."""
        return json.dumps(
            [self.sequence, self.take_id, round(self.position_s, 4), self.state.value]
        ).encode()

    @classmethod
    def decode(cls, payload: bytes | str) -> Report:
        """Read a report.

        Raises:
            WireError: It is not one.
        """
        try:
            sequence, take_id, position_s, state = json.loads(payload)
            report = cls(int(sequence), str(take_id), float(position_s), TakeState(state))
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise nonsense(_shown(payload), "is no playback report.") from error
        if not math.isfinite(report.position_s):
            raise nonsense(_shown(payload), "has a position that is no number.")
        return report


@dataclass(frozen=True, slots=True)
class Finished:
    """The payload of `lk.playback_finished`."""

    position_s: float
    interrupted: bool

    def encode(self) -> str:
        """Exactly the three keys a stock agent accepts; any other would raise there."""
        return json.dumps(
            {
                "playback_position": self.position_s,
                "interrupted": self.interrupted,
                "synchronized_transcript": None,
            }
        )

    @classmethod
    def decode(cls, payload: str) -> Finished:
        """Read leniently: missing, extra and camelCase keys are accepted, nonsense is not.

        Raises:
            WireError: It is no JSON object, or the position is no number.
        """
        try:
            fields = json.loads(payload)
            position = fields.get("playback_position", fields.get("playbackPosition", 0.0))
            finished = cls(float(position), bool(fields.get("interrupted", False)))
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise nonsense(_shown(payload), f"is no {PLAYBACK_FINISHED}.") from error
        if not math.isfinite(finished.position_s):
            what = f"{PLAYBACK_FINISHED} {_shown(payload)}"
            raise nonsense(what, "has a position that is no number.")
        return finished


def nonsense(what: str, reason: str) -> WireError:
    """The error about a report; its reason is the same for all of a kind."""
    error = WireError(f"{what} {reason}", hint=NEXT)
    error.reason = reason
    return error


def _shown(payload: bytes | str) -> str:
    start = payload[:SHOWN]
    return repr(start.decode(errors="replace") if isinstance(start, bytes) else start)


def stream_attributes(format: AudioFormat, take_id: str) -> dict[str, str]:
    """Attributes of an audio stream; a stock receiver reads the first two."""
    return {
        "sample_rate": str(format.rate_hz),
        "num_channels": str(format.channels),
        TAKE_ATTRIBUTE: take_id,
    }


def read_stream_attributes(attributes: Mapping[str, str]) -> tuple[AudioFormat, str]:
    """The format of an audio stream and its take id, empty from a stock agent.

    Raises:
        WireError: `sample_rate` or `num_channels` is missing or absurd.
    """
    try:
        format = AudioFormat(int(attributes["sample_rate"]), int(attributes["num_channels"]))
    except (KeyError, ValueError, TypeError, AudioError) as error:
        raise WireError(
            f"the attributes {dict(attributes)!r:.120} are no audio format.",
            hint="They need sample_rate and num_channels as decimal strings.",
        ) from error
    return format, attributes.get(TAKE_ATTRIBUTE, "")[:64]
