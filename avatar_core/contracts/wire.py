"""Names and payloads of the messages between agent and worker.

The `lk.*` names and payloads are exactly those of livekit-agents' avatar classes
(`voice/avatar/_datastream_io.py`, 1.8.9). The `avatar.*` names are ours. They are used only where
stock participants ignore them: in a stream attribute, an extra RPC and data topics.
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
NOT_A_NUMBER = "has a position that is not a finite number."

MAX_QUOTE_CHARS = 60
"""Characters of a malformed payload that an error quotes."""
UPGRADE_HINT = (
    "The speech continues. If this error repeats, upgrade the avatar's worker and avatar-core to "
    "matching versions."
)
"""Hint of every error about a malformed message."""


@dataclass(frozen=True, slots=True)
class Report:
    """A position report of our worker, sent every 0.13 s; it is also the worker's heartbeat.

    The first report announces that the worker speaks our protocol.

    Attributes:
        sequence: Increases with each report of a worker; older reports are ignored.
        take_id: Id of the current take; empty while there is none.
        position_s: Seconds of the take that have left the worker's audio queue.
        state: State of the take.
    """

    sequence: int
    take_id: str
    position_s: float
    state: TakeState

    def encode(self) -> bytes:
        """Return the report as JSON of less than 100 bytes, which fits into one packet."""
        return json.dumps(
            [self.sequence, self.take_id, round(self.position_s, 4), self.state.value]
        ).encode()

    @classmethod
    def decode(cls, payload: bytes | str) -> Report:
        """Return the report that a payload holds.

        Args:
            payload: The payload as received.

        Raises:
            WireError: The payload is not a report.
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
        """Return the payload as JSON with the three keys that a stock agent accepts.

        A stock agent raises an error for any other key.
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
        """Return the message that a payload holds; keys may be missing, extra or in camelCase.

        Args:
            payload: The payload as received.

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
    """Return the error about a malformed message.

    Args:
        message: The message, or a quote of it: the subject of the sentence.
        reason: The rest of the sentence, without any content of the message.
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
    """Return the attributes of an audio stream; a stock receiver reads rate and channels.

    Args:
        format: Format of the audio in the stream.
        take_id: Id of the take.
    """
    return {
        "sample_rate": str(format.rate_hz),
        "num_channels": str(format.channels),
        TAKE_ATTRIBUTE: take_id,
    }


def read_stream_attributes(attributes: Mapping[str, str]) -> tuple[AudioFormat, str]:
    """Return the format of an audio stream and its take id.

    Args:
        attributes: Attributes of the stream.

    Returns:
        The format and the take id, which is empty in a stream of a stock agent.

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
