"""Each payload that a participant can send is decoded or raises WireError."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from avatar_core.contracts.audio import MAX_CHANNELS, MAX_RATE_HZ, MIN_RATE_HZ, AudioFormat
from avatar_core.contracts.errors import WireError
from avatar_core.contracts.playback import TakeState
from avatar_core.contracts.wire import (
    TAKE_ATTRIBUTE,
    Finished,
    Report,
    read_stream_attributes,
    stream_attributes,
)

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
)
NEAR_REPORT = st.tuples(
    SCALARS, SCALARS, SCALARS, st.sampled_from([s.value for s in TakeState]) | JSON
)
NEAR_FINISHED = st.fixed_dictionaries(
    {},
    optional={
        "playback_position": JSON,
        "playbackPosition": JSON,
        "interrupted": JSON,
        "synchronized_transcript": JSON,
        "more": JSON,
    },
)
TAKE_IDS = st.text("0123456789abcdef", min_size=12, max_size=12)
FORMATS = st.builds(
    AudioFormat, st.integers(MIN_RATE_HZ, MAX_RATE_HZ), st.integers(1, MAX_CHANNELS)
)


def decode_or_none(decode: Any, payload: Any) -> Any:
    """Return the decoded payload, or None where `decode` raises WireError."""
    try:
        return decode(payload)
    except WireError:
        return None


@given(st.binary() | st.text() | (JSON | NEAR_REPORT).map(json.dumps))
@example(b"[" * 100_000)
@example("[1e999, 1, 1, 1]")
@example("[1, 2, NaN, 4]")
@example('[1, "x", ' + "9" * 5000 + ', "done"]')
@example(b"\xff\xfe[\x00")
def test_report_decodes_or_raises_wire_error(payload: bytes | str) -> None:
    report = decode_or_none(Report.decode, payload)
    if report is not None:
        assert isinstance(report.sequence, int)
        assert isinstance(report.take_id, str)
        assert math.isfinite(report.position_s)
        assert isinstance(report.state, TakeState)


@given(st.text() | (JSON | NEAR_FINISHED).map(json.dumps) | st.binary())
@example("[" * 100_000)
@example('{"playback_position": ' + "9" * 400 + "}")
@example('{"playback_position": Infinity}')
def test_finished_decodes_or_raises_wire_error(payload: str | bytes) -> None:
    finished = decode_or_none(Finished.decode, payload)
    if finished is not None:
        assert math.isfinite(finished.position_s)
        assert isinstance(finished.interrupted, bool)


@given(
    st.dictionaries(
        st.sampled_from(["sample_rate", "num_channels", TAKE_ATTRIBUTE, "other"]),
        st.text() | st.integers().map(str),
    )
)
@example({"sample_rate": "9" * 5000, "num_channels": "1"})
def test_stream_attributes_decode_or_raise_wire_error(attributes: dict[str, str]) -> None:
    read = decode_or_none(read_stream_attributes, attributes)
    if read is not None:
        format, take_id = read
        assert MIN_RATE_HZ <= format.rate_hz <= MAX_RATE_HZ
        assert len(take_id) <= 64


@given(
    st.integers(0, 2**53), TAKE_IDS | st.just(""), st.floats(0, 86_400), st.sampled_from(TakeState)
)
def test_report_is_equal_after_encoding_and_decoding(
    sequence: int, take_id: str, position_s: float, state: TakeState
) -> None:
    sent = Report(sequence, take_id, position_s, state)
    assert len(sent.encode()) < 100
    read = Report.decode(sent.encode())
    assert read == Report(sequence, take_id, read.position_s, state)
    assert abs(read.position_s - position_s) <= 1e-4


@given(st.floats(0, 86_400), st.booleans())
def test_finished_is_equal_after_encoding_and_has_the_livekit_keys(
    position_s: float, interrupted: bool
) -> None:
    sent = Finished(position_s, interrupted)
    assert Finished.decode(sent.encode()) == sent
    assert json.loads(sent.encode()).keys() == {
        "playback_position",
        "interrupted",
        "synchronized_transcript",
    }


def test_livekit_agents_accepts_our_finished_payload() -> None:
    from livekit.agents.voice.io import PlaybackFinishedEvent

    event = PlaybackFinishedEvent(**json.loads(Finished(1.5, True).encode()))
    assert (event.playback_position, event.interrupted) == (1.5, True)


@pytest.mark.parametrize(
    "payload",
    [
        '{"playbackPosition": 1.5, "interrupted": true}',
        '{"playback_position": "1.5", "interrupted": 1, "x": 0}',
    ],
)
def test_finished_accepts_missing_extra_and_camel_case_keys(payload: str) -> None:
    assert Finished.decode(payload) == Finished(1.5, True)


@given(FORMATS, TAKE_IDS)
def test_stream_attributes_are_equal_after_encoding_and_decoding(
    format: AudioFormat, take_id: str
) -> None:
    attributes = stream_attributes(format, take_id)
    assert all(isinstance(value, str) for value in attributes.values())
    assert read_stream_attributes(attributes) == (format, take_id)


def test_stream_of_a_stock_agent_has_no_take_id() -> None:
    assert read_stream_attributes({"sample_rate": "24000", "num_channels": "1"}) == (
        AudioFormat(24_000),
        "",
    )
