"""Names and payloads of the messages between an agent and an avatar worker.

The `lk.*` names and payloads are exactly those of livekit-agents' avatar classes
(`voice/avatar/_datastream_io.py`, 1.8.9). avatar-core adds the `avatar.*` names: a stream
attribute, an RPC and data topics. Workers that use only livekit-agents' classes ignore these names.
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
PING = "avatar.ping"
"""An RPC that no participant serves: the error in the response shows that the participant lives."""

OK, REJECT = "ok", "reject"
NOT_A_NUMBER = "has a position that is not a finite number."

MAX_QUOTE_CHARS = 60
"""The maximum number of characters of a malformed payload that an error message quotes."""
UPGRADE_HINT = (
    "The speech continues. If this error repeats, upgrade the avatar's worker and avatar-core to "
    "matching versions."
)
"""The hint of each error about a malformed message."""


@dataclass(frozen=True, slots=True)
class Report:
    """A position report, which the worker of avatar-core sends every 0.1 s.

    The reports also serve as the heartbeat of the worker. The first report shows the agent that the
    worker supports the protocol of avatar-core.

    Attributes:
        sequence: A number that increases with each report of a worker. The agent ignores a report
            with a smaller number than an earlier report.
        take_id: Id of the current take; empty if the worker plays no take.
        position_s: Seconds of the take that have left the worker's audio queue.
        state: State of the take.
    """

    sequence: int
    take_id: str
    position_s: float
    state: TakeState

    def encode(self) -> bytes:
        """Return the report as JSON for one data packet.

        Returns:
            A JSON array in UTF-8, shorter than 100 bytes.
        """
        return json.dumps(
            [self.sequence, self.take_id, round(self.position_s, 4), self.state.value]
        ).encode()

    @classmethod
    def decode(cls, payload: bytes | str) -> Report:
        """Decode the payload of a data packet.

        Args:
            payload: The payload as received.

        Returns:
            The report.

        Raises:
            WireError: The payload is not a report, or the position is not a finite number.
        """
        try:
            sequence, take_id, position_s, state = json.loads(payload)
            report = cls(int(sequence), str(take_id), float(position_s), TakeState(state))
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raise malformed_message(_quote(payload), "is not a playback report.") from error
        if not math.isfinite(report.position_s):
            raise malformed_message(_quote(payload), NOT_A_NUMBER)
        return report


@dataclass(frozen=True, slots=True)
class Finished:
    """The payload of the RPC `lk.playback_finished`.

    Attributes:
        position_s: Seconds of the segment that were heard.
        interrupted: Whether the segment was interrupted.
    """

    position_s: float
    interrupted: bool

    def encode(self) -> str:
        """Return the payload as JSON.

        Returns:
            A JSON object with exactly the three keys that an agent of livekit-agents accepts.
        """
        return json.dumps(
            {
                "playback_position": self.position_s,
                "interrupted": self.interrupted,
                "synchronized_transcript": None,
            }
        )

    @classmethod
    def decode(cls, payload: str) -> Finished:
        """Decode the payload of the RPC.

        Missing keys, other keys and keys in camelCase are allowed.

        Args:
            payload: The payload as received.

        Returns:
            The decoded payload. A missing position means 0 s.

        Raises:
            WireError: The payload is not a JSON object, or the position is not a finite number.
        """
        try:
            fields = json.loads(payload)
            position = fields.get("playback_position", fields.get("playbackPosition", 0.0))
            finished = cls(float(position), bool(fields.get("interrupted", False)))
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise malformed_message(_quote(payload), f"is not a {PLAYBACK_FINISHED}.") from error
        if not math.isfinite(finished.position_s):
            message = f"{PLAYBACK_FINISHED} {_quote(payload)}"
            raise malformed_message(message, NOT_A_NUMBER)
        return finished


def malformed_message(message: str, reason: str) -> WireError:
    """Create the error about a malformed message.

    The error text is the sentence `{message} {reason}`.

    Args:
        message: The name or a quotation of the message, as the subject of the sentence.
        reason: The rest of the sentence, without any content of the message.

    Returns:
        The error, whose attribute `reason` contains the argument `reason`.
    """
    error = WireError(
        f"A participant sent a malformed message: {message} {reason}", hint=UPGRADE_HINT
    )
    error.reason = reason
    return error


def _quote(payload: bytes | str) -> str:
    start = payload[:MAX_QUOTE_CHARS]
    return repr(start.decode(errors="replace") if isinstance(start, bytes) else start)


def stream_attributes(format: AudioFormat, take_id: str) -> dict[str, str]:
    """Return the attributes of an audio stream.

    A worker that uses only livekit-agents' classes reads the rate and the number of channels.

    Args:
        format: Format of the audio in the stream.
        take_id: Id of the take that the stream carries.

    Returns:
        The attribute values by name.
    """
    return {
        "sample_rate": str(format.rate_hz),
        "num_channels": str(format.channels),
        TAKE_ATTRIBUTE: take_id,
    }


def read_stream_attributes(attributes: Mapping[str, str]) -> tuple[AudioFormat, str]:
    """Read the audio format and the take id from the attributes of an audio stream.

    Args:
        attributes: Attributes of the stream.

    Returns:
        The audio format and the take id. The take id is empty if the agent uses only
        livekit-agents' classes.

    Raises:
        WireError: `sample_rate` or `num_channels` is missing or out of range.
    """
    try:
        format = AudioFormat(int(attributes["sample_rate"]), int(attributes["num_channels"]))
    except (KeyError, ValueError, TypeError, AudioError) as error:
        raise WireError(
            f"The stream attributes {dict(attributes)!r:.120} do not describe an audio format.",
            hint="Send sample_rate and num_channels as decimal strings.",
        ) from error
    return format, attributes.get(TAKE_ATTRIBUTE, "")[:64]
