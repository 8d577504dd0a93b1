"""The demo's agent: a real job. What to say, when to stop and whom to kill comes by RPC."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from livekit import rtc
from livekit.agents import Agent, AgentServer, AgentSession, JobContext

from avatar_core.agents.session import create_avatar
from avatar_core.cli.speech import Speech, SpokenText
from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.events import AvatarEvent, AvatarFailed, AvatarJoined, StateChanged
from avatar_core.rtc.link import RtcLink, link_for
from avatar_core.worker.host import ProcessRecord, die_with_parent

AGENT_NAME = "avatar-demo"
PERSON = "you"
REGISTERED = "REGISTERED"
SAY, INTERRUPT, KILL = "demo.say", "demo.interrupt", "demo.kill"
TELL = "demo.tell"
TELL_S = 5.0
TELL_AGAIN_S = 0.5
TELL_TIMES = 60
FRAME_S = 0.02
TTS_SPEED = 5

Facts = dict[str, Any]


def main() -> None:
    """Run the agent server that LiveKit dispatches the job to, until stdin ends."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the parent's to handle
    asyncio.run(_serve_jobs())


async def _serve_jobs() -> None:
    server = AgentServer(
        host="127.0.0.1",
        port=0,
        num_idle_processes=0,
        load_threshold=float("inf"),
        log_level="CRITICAL",
    )
    server.rtc_session(entrypoint, agent_name=AGENT_NAME)
    server.on("worker_registered", lambda *_: print(REGISTERED, flush=True))
    running = asyncio.create_task(server.run(devmode=True))
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, stopping.set)
    stopped = asyncio.create_task(stopping.wait())
    await asyncio.wait((running, stopped), return_when=asyncio.FIRST_COMPLETED)
    await server.aclose()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def entrypoint(ctx: JobContext) -> None:
    """The job: everything a user writes to give an agent a face is in here."""
    await ctx.connect()
    session: AgentSession[None] = AgentSession()
    avatar = create_avatar()
    link = link_for(ctx.room)
    facts: asyncio.Queue[Facts] = asyncio.Queue()
    telling = asyncio.create_task(_tell(link, facts))

    async def say(text: str) -> Facts:
        speech = await asyncio.to_thread(Speech().speak, text)
        said_at = time.time()
        handle = session.say(text, audio=_frames(speech))
        await handle
        history = [item.text_content for item in session.history.items if item.type == "message"]
        return {
            "interrupted": handle.interrupted,
            "history": history[-1] if history else "",
            "said_at": said_at,
        }

    async def interrupt(_: str) -> Facts:
        await session.interrupt()
        return {}

    async def kill(_: str) -> Facts:
        record = ProcessRecord.read(avatar.avatar.state) if avatar.avatar is not None else None
        if record is not None:
            os.kill(record.pid, signal.SIGKILL)
        return {"killed": record.pid if record is not None else None}

    for method, action in ((SAY, say), (INTERRUPT, interrupt), (KILL, kill)):
        _serve(link, method, action)
    for name in ("state_changed", "avatar_joined", "avatar_error"):
        avatar.on(name, lambda event: facts.put_nowait(_fact(event)))
    ctx.add_shutdown_callback(_stopper(telling))

    await avatar.start(session, room=ctx.room)
    await session.start(Agent(instructions="You speak when told to."), room=ctx.room)
    await avatar.wait_for_join()
    facts.put_nowait({"what": "ready", "provider": avatar.provider})


def _serve(link: RtcLink, method: str, action: Callable[[str], Coroutine[Any, Any, Facts]]) -> None:
    async def answer(_: str, payload: str) -> str:
        return json.dumps(await action(payload))

    link.dispatcher.rpc(method, PERSON, answer)


def _fact(event: AvatarEvent) -> Facts:
    if isinstance(event, StateChanged):
        return {"what": "state", "state": event.state.value, "provider": event.provider}
    if isinstance(event, AvatarJoined):
        return {"what": "joined", "provider": event.provider, "join_s": event.join_s}
    if isinstance(event, AvatarFailed):
        return {"what": "failed", "provider": event.provider, "error": str(event.error)}
    return {"what": type(event).__name__}


async def _frames(speech: SpokenText) -> AsyncIterator[rtc.AudioFrame]:
    """The speech as a good TTS brings it: several times faster than it plays."""
    size = 2 * round(speech.rate_hz * FRAME_S)
    for start in range(0, len(speech.pcm), size):
        pcm = speech.pcm[start : start + size]
        yield rtc.AudioFrame(pcm, speech.rate_hz, 1, len(pcm) // 2)
        await asyncio.sleep(FRAME_S / TTS_SPEED)


async def _tell(link: RtcLink, facts: asyncio.Queue[Facts]) -> None:
    while True:
        await _tell_one(link, json.dumps(await facts.get()))


async def _tell_one(link: RtcLink, fact: str) -> None:
    """Tell it, and again where it is lost: the agent may be reconnecting."""
    for _ in range(TELL_TIMES):
        try:
            await link.call(PERSON, TELL, fact, timeout_s=TELL_S)
            return
        except RoomError:
            await asyncio.sleep(TELL_AGAIN_S)


def _stopper(task: asyncio.Task[None]) -> Callable[[], Coroutine[Any, Any, None]]:
    async def stop() -> None:
        task.cancel()

    return stop


if __name__ == "__main__":
    from avatar_core.cli.demo.agent import main as run  # jobs find the entrypoint by this name

    run()
