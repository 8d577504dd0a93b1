"""The demo's agent: a real job. What to say, when to stop and whom to kill comes by RPC."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from multiprocessing import forkserver
from typing import Any

from livekit.agents import Agent, AgentServer, AgentSession, JobContext
from livekit.agents.voice.room_io import RoomOptions, TextInputOptions

from avatar_core.agents.avatar_events import AvatarEventName
from avatar_core.agents.create import create_avatar
from avatar_core.contracts.events import AvatarEvent, AvatarFailed, AvatarJoined, StateChanged
from avatar_core.contracts.provisioning import ProvisionedAvatar
from avatar_core.processes import ProcessRecord, die_with_parent
from avatar_core.rtc.admin import remove_participant
from avatar_core.rtc.join import link_for
from avatar_core.rtc.link import RtcLink
from avatar_core.settings import LiveKitSettings
from avatar_demo.answers import GREETING
from avatar_demo.rpc_names import (
    AGENT_NAME,
    INTERRUPT,
    KILL,
    PERSON,
    REGISTERED,
    SAY,
    Facts,
    Job,
)
from avatar_demo.speaker import Talk, Teller

EVENTS: tuple[AvatarEventName, ...] = ("state_changed", "avatar_joined", "avatar_error")


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
        load_fnc=lambda _: 0.0,  # the server sends no job to a worker that seems busy
        load_threshold=float("inf"),
        log_level="CRITICAL",
        preload_modules=["avatar_core.agents.session"],
    )
    server.rtc_session(entrypoint, agent_name=AGENT_NAME)
    server.on("worker_registered", _registered)
    running = asyncio.create_task(server.run(devmode=True))
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, stopping.set)
    stopped = asyncio.create_task(stopping.wait())
    await asyncio.wait((running, stopped), return_when=asyncio.FIRST_COMPLETED)
    await server.aclose()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def _registered(*_: object) -> None:
    print(REGISTERED, flush=True)
    if sys.platform == "linux":
        forkserver.ensure_running()  # jobs are forked from it: its imports, now, are not theirs


async def entrypoint(ctx: JobContext) -> None:
    """The job: everything a user writes to give an agent a face is in here."""
    await ctx.connect()
    job = Job(**json.loads(ctx.job.metadata or "{}"))
    session: AgentSession[None] = AgentSession()
    avatar = create_avatar(job.provider)
    link = link_for(ctx.room)
    teller = Teller(link, PERSON, ctx.wait_for_participant(identity=PERSON))
    talk = Talk(session, teller)

    async def kill(_: str) -> Facts:
        if avatar.avatar is None:
            return {"killed": None}
        how = await _kill(avatar.avatar, ctx.room.name)
        teller.tell("killed", how=how)
        return {"killed": how}

    for method, action in ((SAY, talk.say), (INTERRUPT, talk.interrupt), (KILL, kill)):
        _serve(link, method, action)
    for name in EVENTS:
        avatar.on(name, lambda event: teller.tell(**fact_of(event)))
    ctx.add_shutdown_callback(teller.stop)
    session.on("close", lambda _: ctx.shutdown())

    await avatar.start(session, room=ctx.room)
    await session.start(
        Agent(instructions="You speak when told to."),
        room=ctx.room,
        room_options=RoomOptions(
            text_input=TextInputOptions(talk.answer), participant_identity=PERSON
        ),
    )
    await avatar.wait_for_join()
    teller.tell("ready", provider=avatar.provider)
    if job.talks:
        await talk.begin(GREETING)


async def _kill(avatar: ProvisionedAvatar, room: str) -> str:
    """End its worker without a word; a vendor's, which is out of reach, leaves the room."""
    record = ProcessRecord.read(avatar.state)
    if record is None:
        await remove_participant(LiveKitSettings.load(), room, avatar.identity)
        return "The avatar's worker was put out of the room"
    os.kill(record.pid, signal.SIGKILL)
    return f"SIGKILL to the avatar's worker (pid {record.pid})"


def _serve(link: RtcLink, method: str, action: Callable[[str], Coroutine[Any, Any, Facts]]) -> None:
    async def answer(_: str, payload: str) -> str:
        return json.dumps(await action(payload))

    link.router.rpc(method, PERSON, answer)


def fact_of(event: AvatarEvent) -> Facts:
    """What is told of an event."""
    if isinstance(event, StateChanged):
        return {"what": "state", "state": event.state.value, "provider": event.provider}
    if isinstance(event, AvatarJoined):
        return {"what": "joined", "provider": event.provider, "join_s": event.join_s}
    if isinstance(event, AvatarFailed):
        return {"what": "failed", "provider": event.provider, "error": str(event.error)}
    return {"what": type(event).__name__}


if __name__ == "__main__":
    from avatar_demo.agent import main as run  # jobs find the entrypoint by this name

    run()
