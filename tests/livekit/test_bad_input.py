"""Nonsense from the room, the application and the machine costs a message, never a session."""

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
from tests.livekit.entry import token
from tests.livekit.in_process import OurProvider
from tests.livekit.stage import MORE_WORDS, TEST_S, WORDS, Stage
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
async def stranger_in(stage: Stage) -> AsyncIterator[rtc.Room]:
    """Somebody whom nobody expects."""
    room = rtc.Room()
    await room.connect(stage.server.url, token(stage.server, stage.room_name, "stranger"))
    try:
        yield room
    finally:
        await room.disconnect()


def short_turns() -> Iterator[Sequence[str]]:
    """Two words at a time, none of them twice."""
    words = iter(VOCABULARY[:-1])
    return zip(words, words, strict=False)


async def send_stream(
    room: rtc.Room, to: str, attributes: dict[str, str], chunks: Sequence[bytes], end: str | None
) -> None:
    """A byte stream of speech; `end` is the reason it ends for, None for no end at all."""
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
    """An RPC; the text of its error where there is one."""
    try:
        return await room.local_participant.perform_rpc(
            destination_identity=to, method=method, payload=payload, response_timeout=5.0
        )
    except rtc.RpcError as error:
        return error.message


# To the worker.


async def test_malformed_streams_of_the_agent_cost_no_later_turn(server: DevServer) -> None:
    async with asyncio.timeout(TEST_S), Stage(server) as stage:
        worker, to, room = stage.worker(), stage.avatar.avatar_identity, stage.room
        turns = short_turns()
        for attributes in BAD_ATTRIBUTES:
            await send_stream(room, to, attributes, [LOUD], "")
        await stage.say_all(next(turns))
        odd = [SILENCE[:1], SILENCE[:479], SILENCE[:4801], SILENCE[:3]]
        await send_stream(room, to, FORMAT, odd, "")
        await stage.say_all(next(turns))
        await send_stream(room, to, FORMAT | {wire.TAKE_ATTRIBUTE: "x" * 10_000}, [SILENCE], "")
        await stage.say_all(next(turns))
        await send_stream(room, to, FORMAT, [], "")
        await send_stream(room, to, FORMAT, [SILENCE], "it broke")
        await stage.say_all(next(turns))
        await send_stream(room, to, FORMAT, [SILENCE], None)
        await stage.say_all(next(turns))
        for payload in JUNK:
            assert await call(room, to, wire.CLEAR_BUFFER, payload) == wire.OK
            await room.local_participant.publish_data(
                payload or b"\xff\x00", topic=wire.CLEAR_TOPIC, destination_identities=[to]
            )
        await stage.say_all(next(turns))
        stage.check_finishes()
        stage.check_words()
        stage.check_history()
        assert stage.errors == []
        assert stage.worker() == worker


async def test_a_stranger_reaches_no_worker(server: DevServer) -> None:
    async with (
        asyncio.timeout(TEST_S),
        Stage(server) as stage,
        stranger_in(stage) as room,
    ):
        to = stage.avatar.avatar_identity
        turn = stage.say(WORDS)
        await stage.heard_word(WORDS[2])
        await send_stream(room, to, FORMAT, [LOUD[:9600]], "")
        for attributes in BAD_ATTRIBUTES:
            await send_stream(room, to, attributes, [LOUD[:960]], "broken")
        for payload in JUNK:
            assert await call(room, to, wire.CLEAR_BUFFER, payload) != wire.OK
            await room.local_participant.publish_data(
                payload or b"\xff\x00", topic=wire.CLEAR_TOPIC, destination_identities=[to]
            )
        await turn.handle
        await stage.say_all(MORE_WORDS)
        stage.check_finishes()
        stage.check_words()
        stage.check_history()
        assert NEVER_SAID not in stage.hearing.begun
        assert stage.errors == []


# To the agent.


async def test_a_stranger_reaches_no_agent(server: DevServer) -> None:
    async with (
        asyncio.timeout(TEST_S),
        Stage(server) as stage,
        stranger_in(stage) as room,
    ):
        turn = stage.say(WORDS)
        await stage.heard_word(WORDS[2])
        await lie_to_agent(lambda method, text: call(room, "agent", method, text), room)
        await turn.handle
        await stage.say_all(MORE_WORDS)
        stage.check()
        assert stage.errors == []


async def test_nonsense_of_the_avatar_itself_is_dropped(server: DevServer) -> None:
    registry = ProviderRegistry()
    registry.register("ours", OurProvider)
    async with asyncio.timeout(TEST_S), Stage(server, "ours", registry=registry) as stage:
        room = OurProvider.workers[stage.avatar.avatar_identity].link.room
        turn = stage.say(WORDS)
        await stage.heard_word(WORDS[2])
        await lie_to_agent(lambda method, text: call(room, "agent", method, text), room)
        await turn.handle
        await stage.say_all(MORE_WORDS)
        stage.check()
        assert stage.errors == []


async def lie_to_agent(tell: Callable[[str, str], Awaitable[str]], room: rtc.Room) -> None:
    """Everything an avatar can say, and none of it true."""
    for payload in BAD_FINISHES:
        await tell(wire.PLAYBACK_FINISHED, payload)
        await tell(wire.PLAYBACK_STARTED, payload)
    await tell(wire.PLAYBACK_FINISHED, json.dumps({"playback_position": 0.1, "interrupted": True}))
    for payload in BAD_REPORTS:
        await tell(wire.TAKE_RPC, payload)
        await room.local_participant.publish_data(
            payload.encode() or b"\xff\x00",
            topic=wire.REPORT_TOPIC,
            destination_identities=["agent"],
        )


# From the application.


async def half_and_half(words: Sequence[str]) -> AsyncIterator[rtc.AudioFrame]:
    """The first half at 24 kHz, the second at 16 kHz, and empty frames between."""
    half = len(words) // 2
    async for frame in frames(WordTones(24_000).speak(words[:half]), 24_000):
        yield frame
    yield rtc.AudioFrame(b"", 24_000, 1, 0)
    yield rtc.AudioFrame(b"", 16_000, 1, 0)
    async for frame in frames(WordTones(16_000).speak(words[half:]), 16_000):
        yield frame


async def test_frames_of_every_rate_and_shape_are_heard(server: DevServer) -> None:
    stereo = b"".join(
        sample + sample
        for pcm in [WordTones(48_000).speak(VOCABULARY[5:10])]
        for sample in (pcm[at : at + 2] for at in range(0, len(pcm), 2))
    )
    async with asyncio.timeout(TEST_S), Stage(server) as stage:
        for turn in (
            stage.say(VOCABULARY[:5], 11_025),
            stage.say_frames(VOCABULARY[5:10], frames(stereo, 48_000, 2)),
            stage.say_frames(VOCABULARY[10:18], half_and_half(VOCABULARY[10:18])),
            stage.say(VOCABULARY[18:23]),
        ):
            await turn.handle
        await stage.quiet()
        stage.check()
        assert stage.errors == []
