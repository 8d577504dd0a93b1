"""Cases: malformed and forged messages of participants to the agent and to the avatar."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from avatar_core.contracts import wire
from avatar_core.contracts.errors import RoomError, WireError
from avatar_core.contracts.link import RoomLink
from tests.faults.case import Case, Environment, Message
from tests.faults.environment import TurnHarness, act_before_a_turn, act_during_a_turn

FORMAT = {"sample_rate": "24000", "num_channels": "1"}
LOUD = bytes(range(256)) * 40
CALL_S = 2.0
IGNORED = "ignored; the turn is heard as usual"


async def send_stream(
    link: RoomLink,
    to: str,
    attributes: Mapping[str, str],
    chunks: Sequence[bytes],
    reason: str = "",
) -> None:
    """Send a byte stream from header to trailer."""
    writer = await link.open_stream(wire.AUDIO_STREAM, to=[to], attributes=attributes)
    for chunk in chunks:
        await writer.write(chunk)
    await writer.aclose(reason)


async def call(link: RoomLink, to: str, method: str, payload: str) -> str:
    """Call an RPC; return its response, or the text of its error."""
    try:
        return await link.call(to, method, payload, timeout_s=CALL_S)
    except RoomError as error:
        return str(error)


def to_avatar(id: str, fault: str, attributes: Mapping[str, str], mentions: list[str]) -> Case:
    """Return a case: the agent opens a stream that does not hold audio."""

    async def act(harness: TurnHarness) -> None:
        await send_stream(harness.agent, harness.avatar.identity, attributes, [LOUD])

    return Case(
        id=f"stream.{id}",
        fault=fault,
        provoke=act_before_a_turn(act),
        error=WireError,
        code="AV410",
        mentions=["agent", *mentions],
    )


def report(
    id: str, fault: str, payload: str, warns: bool = True, mentions: Sequence[str] = ()
) -> Case:
    """Return a case: the avatar sends a report, by packet and by RPC; `{take}` is the take."""

    async def act(harness: TurnHarness) -> None:
        text = payload.replace("{take}", harness.take_id)
        await harness.avatar.send(wire.REPORT_TOPIC, text.encode(), to=["agent"])
        await call(harness.avatar, "agent", wire.TAKE_RPC, text)

    return Case(
        id=f"report.{id}",
        fault=fault,
        provoke=act_during_a_turn(act),
        error=WireError if warns else None,
        code="AV410" if warns else "",
        mentions=["mock-avatar-", *mentions] if warns else (),
        consequence=IGNORED,
    )


def finish(id: str, fault: str, payload: str, warns: bool = True) -> Case:
    """Return a case: the avatar calls `lk.playback_finished`, as a stock worker does."""

    async def act(harness: TurnHarness) -> None:
        await call(harness.avatar, "agent", wire.PLAYBACK_FINISHED, payload)

    return Case(
        id=f"finish.{id}",
        fault=fault,
        provoke=act_during_a_turn(act),
        error=WireError if warns else None,
        code="AV410" if warns else "",
        mentions=["mock-avatar-", wire.PLAYBACK_FINISHED] if warns else (),
        consequence=IGNORED,
    )


async def _break_stream(harness: TurnHarness) -> None:
    harness.avatar.break_streams(sender="agent")


async def _forged_stream(harness: TurnHarness) -> None:
    stranger = harness.conversation.room.join("stranger")
    await send_stream(stranger, harness.avatar.identity, FORMAT, [LOUD])


async def _forged_clear(harness: TurnHarness) -> None:
    stranger = harness.conversation.room.join("stranger")
    to = harness.avatar.identity
    assert await call(stranger, to, wire.CLEAR_BUFFER, "") == wire.REJECT
    await stranger.send(wire.CLEAR_TOPIC, harness.take_id.encode(), to=[to])
    await stranger.aclose()


async def _forged_reports(harness: TurnHarness) -> None:
    stranger = harness.conversation.room.join("stranger")
    done = f'[999999, "{harness.take_id}", 0.1, "done"]'
    await stranger.send(wire.REPORT_TOPIC, done.encode(), to=["agent"])
    assert await call(stranger, "agent", wire.TAKE_RPC, done) == wire.REJECT
    over = wire.Finished(0.1, True).encode()
    assert await call(stranger, "agent", wire.PLAYBACK_FINISHED, over) == wire.REJECT
    await stranger.aclose()


async def _unknown_clear(harness: TurnHarness) -> None:
    for payload in (b"", b"\xff\x00", b"feedfeedfeed", LOUD):
        await harness.agent.send(wire.CLEAR_TOPIC, payload, to=[harness.avatar.identity])


async def _odd_bytes(harness: TurnHarness) -> None:
    chunks = [bytes(1), bytes(479), bytes(4801), bytes(2)]
    await send_stream(harness.agent, harness.avatar.identity, FORMAT, chunks)


async def _empty_stream(harness: TurnHarness) -> None:
    await send_stream(harness.agent, harness.avatar.identity, FORMAT, [])


async def _broken_stream(harness: TurnHarness) -> None:
    await send_stream(
        harness.agent, harness.avatar.identity, FORMAT, [bytes(960)], reason="it broke"
    )


async def _endless_stream(harness: TurnHarness) -> None:
    to = [harness.avatar.identity]
    writer = await harness.agent.open_stream(wire.AUDIO_STREAM, to=to, attributes=FORMAT)
    await writer.write(bytes(961))


async def _long_take_id(harness: TurnHarness) -> None:
    attributes = FORMAT | {wire.TAKE_ATTRIBUTE: "x" * 10_000}
    await send_stream(harness.agent, harness.avatar.identity, attributes, [bytes(960)])


def ignored(
    id: str, fault: str, provoke: Callable[[Environment], Message], consequence: str = IGNORED
) -> Case:
    """Return a case without a message."""
    return Case(id=id, fault=fault, provoke=provoke, error=None, consequence=consequence)


CASES = [
    to_avatar("bare", "no attributes", {}, ["sample_rate", "num_channels"]),
    to_avatar("no-channels", "no channel count", {"sample_rate": "24000"}, ["num_channels"]),
    to_avatar("words", "words in place of numbers", {"sample_rate": "high", "num_channels": "one"},
              ["high"]),
    to_avatar("zero", "0 Hz", FORMAT | {"sample_rate": "0"}, ["'0'"]),
    to_avatar("negative", "-24000 Hz", FORMAT | {"sample_rate": "-24000"}, ["-24000"]),
    to_avatar("absurd", "1 THz", FORMAT | {"sample_rate": "9" * 12}, ["9" * 12]),
    to_avatar("endless", "5000 digits", FORMAT | {"sample_rate": "9" * 5000}, ["999"]),
    to_avatar("channels", "99 channels", FORMAT | {"num_channels": "99"}, ["99"]),
    Case(
        id="stream.stranger",
        fault="audio of a participant that is not the agent",
        provoke=act_during_a_turn(_forged_stream),
        error=WireError,
        code="AV410",
        mentions=["stranger", "agent"],
    ),
    ignored("stream.gap", "a stream breaks in mid-take", act_during_a_turn(_break_stream),
          "the take is cut, and another begins at the position that was heard"),
    ignored("stream.odd", "odd numbers of bytes", act_before_a_turn(_odd_bytes)),
    ignored("stream.empty", "a stream of nothing", act_before_a_turn(_empty_stream)),
    ignored("stream.broken", "a stream that breaks", act_before_a_turn(_broken_stream)),
    ignored("stream.no-trailer", "a stream without an end", act_before_a_turn(_endless_stream)),
    ignored("stream.take-id", "a take id of 10000 characters", act_before_a_turn(_long_take_id)),
    ignored("clear.unknown", "clears of unknown takes", act_during_a_turn(_unknown_clear)),
    ignored("clear.stranger", "a stranger clears", act_during_a_turn(_forged_clear)),
    report("no-json", "not JSON", "nonsense"),
    report("empty", "an empty payload", ""),
    report("object", "a JSON object in place of a list", '{"take": 1}'),
    report("deep", "deeply nested JSON", "[" * 5000),
    report("nan", "a position that is not a number", '[-1, "{take}", NaN, "playing"]'),
    report("infinite", "an endless position", '[-1, "{take}", 1e400, "done"]'),
    report("state", "an unknown state", '[-1, "{take}", 0.1, "dancing"]'),
    report("lost", "a state that only the player may set", '[-1, "{take}", 0.1, "lost"]'),
    report("ahead", "more audio heard than time has passed", '[-1, "{take}", 99.0, "done"]',
           mentions=["99.0 s"]),
    report("negative", "a position before the start", '[-1, "{take}", -5.0, "playing"]',
           warns=False),
    report("unknown", "an unknown take", '[-1, "feedfeedfeed", 0.1, "done"]', warns=False),
    ignored("report.stranger", "a stranger reports", act_during_a_turn(_forged_reports)),
    finish("no-json", "not JSON", "nonsense"),
    finish("nan", "a position that is not a number", '{"playback_position": NaN}'),
    finish("word", "a word in place of a position", '{"playback_position": "much"}'),
    finish("infinite", "an endless position", '{"playback_position": 1e999}'),
    finish("unasked", "an interruption that the agent did not request",
           '{"playback_position": 0.1, "interrupted": true}', warns=False),
]  # fmt: skip
