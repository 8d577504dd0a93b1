"""The agent of the demo, a LiveKit job that the user controls by RPC."""

from __future__ import annotations

import asyncio
import json
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
from avatar_demo.responses import GREETING
from avatar_demo.rpc_names import (
    AGENT_NAME,
    INTERRUPT,
    KILL,
    REGISTERED,
    SAY,
    USER,
    Job,
    Payload,
)
from avatar_demo.speaker import RpcNotifier, Speaker

EVENTS: tuple[AvatarEventName, ...] = ("state_changed", "avatar_joined", "avatar_error")


def main() -> None:
    """Run the agent server, to which LiveKit dispatches the job, until stdin closes."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process handles Ctrl-C
    asyncio.run(_serve_jobs())


async def _serve_jobs() -> None:
    server = AgentServer(
        host="127.0.0.1",
        port=0,
        num_idle_processes=0,
        load_fnc=lambda _: 0.0,  # livekit-server dispatches no job to a busy agent server
        load_threshold=float("inf"),
        log_level="CRITICAL",
        preload_modules=["avatar_core.agents.session"],
    )
    server.rtc_session(entrypoint, agent_name=AGENT_NAME)
    server.on("worker_registered", _on_registered)
    running = asyncio.create_task(server.run(devmode=True))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, stop.set)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
    await server.aclose()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def _on_registered(*_: object) -> None:
    print(REGISTERED, flush=True)
    if sys.platform == "linux":
        forkserver.ensure_running()  # imports once what every job, forked from it, needs


async def entrypoint(ctx: JobContext) -> None:
    """Run one conversation with an avatar in the room of a job.

    Args:
        ctx: The job, whose metadata is a `Job` as JSON or empty.

    Raises:
        AvatarError: The provider cannot be used, or the avatar did not join within 30 s.
    """
    await ctx.connect()
    job = Job(**json.loads(ctx.job.metadata or "{}"))
    session: AgentSession[None] = AgentSession()
    avatar = create_avatar(job.provider)
    link = link_for(ctx.room)
    notifier = RpcNotifier(link, USER, ctx.wait_for_participant(identity=USER))
    speaker = Speaker(session, notifier)

    async def kill(_: str) -> Payload:
        if avatar.avatar is None:
            return {"killed": None}
        method = await _kill(avatar.avatar, ctx.room.name)
        notifier.notify("killed", method=method)
        return {"killed": method}

    for name, action in ((SAY, speaker.say), (INTERRUPT, speaker.interrupt), (KILL, kill)):
        _register_rpc(link, name, action)
    for event_name in EVENTS:
        avatar.on(event_name, lambda event: notifier.notify(**describe_event(event)))
    ctx.add_shutdown_callback(notifier.stop)
    session.on("close", lambda _: ctx.shutdown())

    await avatar.start(session, room=ctx.room)
    await session.start(
        Agent(instructions="You say what the user asks you to say."),
        room=ctx.room,
        room_options=RoomOptions(
            text_input=TextInputOptions(speaker.respond), participant_identity=USER
        ),
    )
    await avatar.wait_for_join()
    notifier.notify("ready", provider=avatar.provider)
    if job.interactive:
        await speaker.start_saying(GREETING)


async def _kill(avatar: ProvisionedAvatar, room: str) -> str:
    """Kill the avatar's worker process, or remove a worker of a vendor from the room."""
    record = ProcessRecord.read(avatar.state)
    if record is None:
        await remove_participant(LiveKitSettings.load(), room, avatar.identity)
        return "Removed the avatar's worker from the room"
    if not record.kill():
        return f"The avatar's worker had already ended (pid {record.pid})"
    return f"Sent SIGKILL to the avatar's worker (pid {record.pid})"


def _register_rpc(
    link: RtcLink, method: str, action: Callable[[str], Coroutine[Any, Any, Payload]]
) -> None:
    async def handle(_: str, payload: str) -> str:
        return json.dumps(await action(payload))

    link.router.rpc(method, USER, handle)


def describe_event(event: AvatarEvent) -> Payload:
    """Convert an event of the avatar to a JSON object for the user.

    Args:
        event: One of the events in `EVENTS`.

    Returns:
        An object with the `type` of the event and, depending on the type, its state, provider,
        join time in seconds, and error.
    """
    if isinstance(event, StateChanged):
        return {"type": "state", "state": event.state.value, "provider": event.provider}
    if isinstance(event, AvatarJoined):
        return {"type": "joined", "provider": event.provider, "join_s": event.join_s}
    if isinstance(event, AvatarFailed):
        return {"type": "failed", "provider": event.provider, "error": str(event.error)}
    return {"type": type(event).__name__}


if __name__ == "__main__":
    from avatar_demo.agent import main as run  # jobs import the entrypoint by this module's name

    run()
