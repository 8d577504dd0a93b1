"""Rows: what participants can send to the agent and to the avatar that they should not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from avatar_core.contracts import wire
from avatar_core.contracts.errors import RoomError, WireError
from avatar_core.contracts.link import RoomLink
from tests.faults.case import Ground, Row, Told
from tests.faults.environment import Scene, before, during

FORMAT = {"sample_rate": "24000", "num_channels": "1"}
LOUD = bytes(range(256)) * 40
CALL_S = 2.0
UNHEARD = "dropped; the turn is heard as if it had not come"


async def stream(
    link: RoomLink, to: str, attributes: Mapping[str, str], chunks: Sequence[bytes], why: str = ""
) -> None:
    """A byte stream from beginning to end."""
    writer = await link.open_stream(wire.AUDIO_STREAM, to=[to], attributes=attributes)
    for chunk in chunks:
        await writer.write(chunk)
    await writer.aclose(why)


async def call(link: RoomLink, to: str, method: str, payload: str) -> str:
    """An RPC, and what it answered."""
    try:
        return await link.call(to, method, payload, timeout_s=CALL_S)
    except RoomError as error:
        return str(error)


def to_avatar(id: str, wrong: str, attributes: Mapping[str, str], names: list[str]) -> Row:
    """The agent opens a stream that is no audio."""

    async def act(scene: Scene) -> None:
        await stream(scene.agent, scene.avatar.identity, attributes, [LOUD])

    return Row(
        id=f"stream.{id}",
        wrong=wrong,
        provoke=before(act),
        error=WireError,
        code="AV401",
        names=["agent", *names],
    )


def report(id: str, wrong: str, payload: str, said: bool = True, names: Sequence[str] = ()) -> Row:
    """The avatar reports nonsense, by packet and by call; `{take}` is the one being played."""

    async def act(scene: Scene) -> None:
        text = payload.replace("{take}", scene.take_id)
        await scene.avatar.send(wire.REPORT_TOPIC, text.encode(), to=["agent"])
        await call(scene.avatar, "agent", wire.TAKE_RPC, text)

    return Row(
        id=f"report.{id}",
        wrong=wrong,
        provoke=during(act),
        error=WireError if said else None,
        code="AV401" if said else "",
        names=["mock-avatar-", *names] if said else (),
        instead=UNHEARD,
    )


def finish(id: str, wrong: str, payload: str, said: bool = True) -> Row:
    """The avatar says in a stock worker's words that a segment is over."""

    async def act(scene: Scene) -> None:
        await call(scene.avatar, "agent", wire.PLAYBACK_FINISHED, payload)

    return Row(
        id=f"finish.{id}",
        wrong=wrong,
        provoke=during(act),
        error=WireError if said else None,
        code="AV401" if said else "",
        names=["mock-avatar-", wire.PLAYBACK_FINISHED] if said else (),
        instead=UNHEARD,
    )


async def _break_stream(scene: Scene) -> None:
    scene.avatar.break_streams(sender="agent")


async def _forged_stream(scene: Scene) -> None:
    stranger = scene.talk.room.join("stranger")
    await stream(stranger, scene.avatar.identity, FORMAT, [LOUD])


async def _forged_clear(scene: Scene) -> None:
    stranger = scene.talk.room.join("stranger")
    to = scene.avatar.identity
    assert await call(stranger, to, wire.CLEAR_BUFFER, "") == wire.REJECT
    await stranger.send(wire.CLEAR_TOPIC, scene.take_id.encode(), to=[to])
    await stranger.aclose()


async def _forged_reports(scene: Scene) -> None:
    stranger = scene.talk.room.join("stranger")
    done = f'[999999, "{scene.take_id}", 0.1, "done"]'
    await stranger.send(wire.REPORT_TOPIC, done.encode(), to=["agent"])
    assert await call(stranger, "agent", wire.TAKE_RPC, done) == wire.REJECT
    over = wire.Finished(0.1, True).encode()
    assert await call(stranger, "agent", wire.PLAYBACK_FINISHED, over) == wire.REJECT
    await stranger.aclose()


async def _unknown_clear(scene: Scene) -> None:
    for payload in (b"", b"\xff\x00", b"feedfeedfeed", LOUD):
        await scene.agent.send(wire.CLEAR_TOPIC, payload, to=[scene.avatar.identity])


async def _odd_bytes(scene: Scene) -> None:
    chunks = [bytes(1), bytes(479), bytes(4801), bytes(2)]
    await stream(scene.agent, scene.avatar.identity, FORMAT, chunks)


async def _empty_stream(scene: Scene) -> None:
    await stream(scene.agent, scene.avatar.identity, FORMAT, [])


async def _broken_stream(scene: Scene) -> None:
    await stream(scene.agent, scene.avatar.identity, FORMAT, [bytes(960)], why="it broke")


async def _endless_stream(scene: Scene) -> None:
    to = [scene.avatar.identity]
    writer = await scene.agent.open_stream(wire.AUDIO_STREAM, to=to, attributes=FORMAT)
    await writer.write(bytes(961))


async def _long_take_id(scene: Scene) -> None:
    attributes = FORMAT | {wire.TAKE_ATTRIBUTE: "x" * 10_000}
    await stream(scene.agent, scene.avatar.identity, attributes, [bytes(960)])


def quiet(id: str, wrong: str, provoke: Callable[[Ground], Told], instead: str = UNHEARD) -> Row:
    """Something of which nobody needs to be told."""
    return Row(id=id, wrong=wrong, provoke=provoke, error=None, instead=instead)


ROWS = [
    to_avatar("bare", "no attributes", {}, ["sample_rate", "num_channels"]),
    to_avatar("no-channels", "no channel count", {"sample_rate": "24000"}, ["num_channels"]),
    to_avatar("words", "words for numbers", {"sample_rate": "high", "num_channels": "one"},
              ["high"]),
    to_avatar("zero", "0 Hz", FORMAT | {"sample_rate": "0"}, ["'0'"]),
    to_avatar("negative", "-24000 Hz", FORMAT | {"sample_rate": "-24000"}, ["-24000"]),
    to_avatar("absurd", "1 THz", FORMAT | {"sample_rate": "9" * 12}, ["9" * 12]),
    to_avatar("endless", "5000 digits", FORMAT | {"sample_rate": "9" * 5000}, ["999"]),
    to_avatar("channels", "99 channels", FORMAT | {"num_channels": "99"}, ["99"]),
    Row(
        id="stream.stranger",
        wrong="audio of somebody who is not the agent",
        provoke=during(_forged_stream),
        error=WireError,
        code="AV401",
        names=["stranger", "agent"],
    ),
    quiet("stream.gap", "a stream breaks in mid-take", during(_break_stream),
          "cut, and another take begins where the listener was left"),
    quiet("stream.odd", "odd numbers of bytes", before(_odd_bytes)),
    quiet("stream.empty", "a stream of nothing", before(_empty_stream)),
    quiet("stream.broken", "a stream that breaks", before(_broken_stream)),
    quiet("stream.no-trailer", "a stream without an end", before(_endless_stream)),
    quiet("stream.take-id", "a take id of 10000 letters", before(_long_take_id)),
    quiet("clear.unknown", "clears of takes that there are not", during(_unknown_clear)),
    quiet("clear.stranger", "a stranger clears", during(_forged_clear)),
    report("no-json", "no JSON", "nonsense"),
    report("empty", "nothing at all", ""),
    report("object", "JSON of another kind", '{"take": 1}'),
    report("deep", "JSON without a bottom", "[" * 5000),
    report("nan", "a position that is no number", '[-1, "{take}", NaN, "playing"]'),
    report("infinite", "an endless position", '[-1, "{take}", 1e400, "done"]'),
    report("state", "a state that there is not", '[-1, "{take}", 0.1, "dancing"]'),
    report("lost", "a state that only the player knows", '[-1, "{take}", 0.1, "lost"]'),
    report("ahead", "more heard than time has passed", '[-1, "{take}", 99.0, "done"]',
           names=["99.0 s"]),
    report("negative", "a position before the start", '[-1, "{take}", -5.0, "playing"]',
           said=False),
    report("unknown", "a take that there is not", '[-1, "feedfeedfeed", 0.1, "done"]', said=False),
    quiet("report.stranger", "a stranger reports", during(_forged_reports)),
    finish("no-json", "no JSON", "nonsense"),
    finish("nan", "a position that is no number", '{"playback_position": NaN}'),
    finish("word", "a word for a position", '{"playback_position": "much"}'),
    finish("infinite", "an endless position", '{"playback_position": 1e999}'),
    finish("unasked", "an interruption nobody asked for",
           '{"playback_position": 0.1, "interrupted": true}', said=False),
]  # fmt: skip
