"""Invalid messages, streams and frames are dropped, and never end a session."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager

import pytest
from livekit import rtc

from avatar_core.contracts import wire
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.testing.audio.tones import VOCABULARY, WordTones
from avatar_core.testing.server import DevServer
from avatar_core.testing.server.tokens import create_token
from tests.livekit.in_process_worker import InProcessProvider
from tests.livekit.live_conversation import (
    MORE_SPOKEN_WORDS,
    SPOKEN_WORDS,
    TEST_S,
    LiveConversation,
)
from tests.livekit.turns import frames

pytestmark = [pytest.mark.livekit, pytest.mark.alone]

REFUSED_WITHIN_S = 10.0
NEVER_SAID = VOCABULARY[-1]
LOUD = WordTones().speak([NEVER_SAID] * 3)
SILENCE = bytes(9600)
FORMAT = {"sample_rate": "24000", "num_channels": "1"}
JUNK = ("", "nonsense", "null", "[]", "{}", '{"playback_position": NaN}', "[" * 5000)

BAD_ATTRIBUTES: tuple[dict[str, str], ...] = (
    {},
    {"sample_rate": "24000"},
    {"num_channels": "1"},
    {"sample_rate": "nan", "num_channels": "1"},
    {"sample_rate": "0", "num_channels": "1"},
    {"sample_rate": "-24000", "num_channels": "1"},
    {"sample_rate": "999999999999", "num_channels": "1"},
    {"sample_rate": "24000", "num_channels": "0"},
    {"sample_rate": "24000", "num_channels": "99"},
    {"sample_rate": "24000.5", "num_channels": "one"},
)
BAD_FINISHES = (
    *JUNK,
    '{"playback_position": "much", "interrupted": false}',
    '{"playback_position": NaN, "interrupted": false}',
    '{"playback_position": Infinity, "interrupted": true}',
    '{"playback_position": -1e300, "interrupted": {}}',
)
BAD_REPORTS = (
    *JUNK,
    '[1, "feedfeedfeed", NaN, "playing"]',
    '[1, "feedfeedfeed", 1e400, "done"]',
    '[1, "feedfeedfeed", 1.0, "nonsense"]',
    '[2, "feedfeedfeed", 99.0, "done"]',
    "[3, null, null, null]",
    '{"take": 1}',
)


@asynccontextmanager
async def join_as_stranger(conversation: LiveConversation) -> AsyncIterator[rtc.Room]:
    """Join the room as a participant that neither the agent nor the worker expects."""
    room = rtc.Room()
    await room.connect(
        conversation.server.url,
        create_token(conversation.server, conversation.room_name, "stranger"),
    )
    try:
        yield room
    finally:
        await room.disconnect()


def short_turns() -> Iterator[Sequence[str]]:
    """Yield two words at a time, no word twice."""
    unused = iter(VOCABULARY[:-1])
    return zip(unused, unused, strict=False)


async def send_stream(
    room: rtc.Room, to: str, attributes: dict[str, str], chunks: Sequence[bytes], end: str | None
) -> None:
    """Send a byte stream of speech; `end` is the reason for its end, None leaves it open."""
    writer = await room.local_participant.stream_bytes(
        secrets.token_hex(4),
        topic=wire.AUDIO_STREAM,
        destination_identities=[to],
        attributes=attributes,
    )
    for chunk in chunks:
        await writer.write(chunk)
    if end is not None:
        await writer.aclose(reason=end)


async def call(room: rtc.Room, to: str, method: str, payload: str) -> str:
    """Call an RPC; return its response, or the message of its error."""
    try:
        return await room.local_participant.perform_rpc(
            destination_identity=to, method=method, payload=payload, response_timeout=5.0
        )
    except rtc.RpcError as error:
        return error.message


# Sent to the worker


@pytest.mark.slow
async def test_malformed_streams_do_not_affect_later_turns(server: DevServer) -> None:
    async with asyncio.timeout(TEST_S), LiveConversation(server) as conversation:
        worker, to, room = (
            conversation.worker(),
            conversation.avatar.avatar_identity,
            conversation.room,
        )
        turns = short_turns()
        for attributes in BAD_ATTRIBUTES:
            await send_stream(room, to, attributes, [LOUD], "")
        await conversation.say_all(next(turns))
        odd = [SILENCE[:1], SILENCE[:479], SILENCE[:4801], SILENCE[:3]]
        await send_stream(room, to, FORMAT, odd, "")
        await conversation.say_all(next(turns))
        await send_stream(room, to, FORMAT | {wire.TAKE_ATTRIBUTE: "x" * 10_000}, [SILENCE], "")
        await conversation.say_all(next(turns))
        await send_stream(room, to, FORMAT, [], "")
        await send_stream(room, to, FORMAT, [SILENCE], "it broke")
        await conversation.say_all(next(turns))
        await send_stream(room, to, FORMAT, [SILENCE], None)
        await conversation.say_all(next(turns))
        for payload in JUNK:
            assert await call(room, to, wire.CLEAR_BUFFER, payload) == wire.OK
            await room.local_participant.publish_data(
                payload or b"\xff\x00", topic=wire.CLEAR_TOPIC, destination_identities=[to]
            )
        await conversation.say_all(next(turns))
        conversation.check_finishes()
        conversation.check_speech()
        conversation.check_history()
        assert conversation.errors == []
        assert conversation.worker() == worker


async def test_worker_ignores_messages_of_an_unknown_participant(server: DevServer) -> None:
    async with (
        asyncio.timeout(TEST_S),
        LiveConversation(server) as conversation,
        join_as_stranger(conversation) as room,
    ):
        to = conversation.avatar.avatar_identity
        turn = conversation.say(SPOKEN_WORDS)
        await conversation.wait_for_word(SPOKEN_WORDS[2])
        await send_stream(room, to, FORMAT, [LOUD[:9600]], "")
        for attributes in BAD_ATTRIBUTES:
            await send_stream(room, to, attributes, [LOUD[:960]], "broken")
        for payload in JUNK:
            assert await call(room, to, wire.CLEAR_BUFFER, payload) != wire.OK
            await room.local_participant.publish_data(
                payload or b"\xff\x00", topic=wire.CLEAR_TOPIC, destination_identities=[to]
            )
        await turn.handle
        await conversation.say_all(MORE_SPOKEN_WORDS)
        conversation.check_finishes()
        conversation.check_speech()
        conversation.check_history()
        assert NEVER_SAID not in conversation.meter.partly_heard
        assert conversation.errors == []


# Sent to the agent


async def test_agent_ignores_messages_of_an_unknown_participant(server: DevServer) -> None:
    async with (
        asyncio.timeout(TEST_S),
        LiveConversation(server) as conversation,
        join_as_stranger(conversation) as room,
    ):
        turn = conversation.say(SPOKEN_WORDS)
        await conversation.wait_for_word(SPOKEN_WORDS[2])
        await send_bad_reports(lambda method, text: call(room, "agent", method, text), room)
        await turn.handle
        await conversation.say_all(MORE_SPOKEN_WORDS)
        conversation.check()
        assert conversation.errors == []


async def test_invalid_reports_of_the_avatar_are_dropped(server: DevServer) -> None:
    registry = ProviderRegistry()
    registry.register("ours", InProcessProvider)
    async with (
        asyncio.timeout(TEST_S),
        LiveConversation(server, "ours", registry=registry) as conversation,
    ):
        room = InProcessProvider.workers[conversation.avatar.avatar_identity].link.room
        turn = conversation.say(SPOKEN_WORDS)
        await conversation.wait_for_word(SPOKEN_WORDS[2])
        await send_bad_reports(lambda method, text: call(room, "agent", method, text), room)
        await turn.handle
        await conversation.say_all(MORE_SPOKEN_WORDS)
        conversation.check()
        assert conversation.errors == []


async def send_bad_reports(rpc: Callable[[str, str], Awaitable[str]], room: rtc.Room) -> None:
    """Send every message that an avatar can send, with invalid or false contents."""
    for payload in BAD_FINISHES:
        await rpc(wire.PLAYBACK_FINISHED, payload)
        await rpc(wire.PLAYBACK_STARTED, payload)
    await rpc(wire.PLAYBACK_FINISHED, json.dumps({"playback_position": 0.1, "interrupted": True}))
    for payload in BAD_REPORTS:
        await rpc(wire.TAKE_RPC, payload)
        await room.local_participant.publish_data(
            payload.encode() or b"\xff\x00",
            topic=wire.REPORT_TOPIC,
            destination_identities=["agent"],
        )


# Sent by the application


async def frames_at_two_rates(spoken_words: Sequence[str]) -> AsyncIterator[rtc.AudioFrame]:
    """Yield the first half at 24 kHz and the second at 16 kHz, with empty frames between."""
    half = len(spoken_words) // 2
    async for frame in frames(WordTones(24_000).speak(spoken_words[:half]), 24_000):
        yield frame
    yield rtc.AudioFrame(b"", 24_000, 1, 0)
    yield rtc.AudioFrame(b"", 16_000, 1, 0)
    async for frame in frames(WordTones(16_000).speak(spoken_words[half:]), 16_000):
        yield frame


@pytest.mark.slow
async def test_audio_frames_of_any_format_are_heard(server: DevServer) -> None:
    stereo = b"".join(
        sample + sample
        for pcm in [WordTones(48_000).speak(VOCABULARY[5:10])]
        for sample in (pcm[at : at + 2] for at in range(0, len(pcm), 2))
    )
    async with asyncio.timeout(TEST_S), LiveConversation(server) as conversation:
        for turn in (
            conversation.say(VOCABULARY[:5], 11_025),
            conversation.say_frames(VOCABULARY[5:10], frames(stereo, 48_000, 2)),
            conversation.say_frames(VOCABULARY[10:18], frames_at_two_rates(VOCABULARY[10:18])),
            conversation.say(VOCABULARY[18:23]),
        ):
            await turn.handle
        await conversation.wait_for_silence()
        conversation.check()
        assert conversation.errors == []
