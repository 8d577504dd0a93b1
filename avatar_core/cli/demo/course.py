"""The course of the demo: set up, speak, interrupt, speak on, kill, check, clean up."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from livekit import api

from avatar_core.cli.demo import agent
from avatar_core.cli.demo.person import Heard, Person
from avatar_core.cli.demo.view import View
from avatar_core.cli.speech import SpokenText
from avatar_core.contracts.clock import loop_time
from avatar_core.contracts.errors import AvatarError, ConfigError, ServerError
from avatar_core.devserver import DevServer
from avatar_core.devserver.find import cache_dir
from avatar_core.engine.registry import ProviderRegistry
from avatar_core.engine.selection import resolve
from avatar_core.settings import AvatarSettings, LiveKitSettings

PARAGRAPH = (
    "Hello, I am your agent, and this is my face. "
    "You may interrupt me at any time, and I will stop at once, for I know how far you heard me."
)
SENTENCES = (
    "Now I speak on, and somewhere in this sentence my face is taken away from me.",
    "You hear every word all the same, as my own voice takes over where the avatar fell silent.",
    "No word is lost, and nothing hangs.",
    "Whoever pays for the avatar pays for it once, and it is always ended.",
    "Change one value, and another face says the same.",
)
SENTENCE_S = 5.5
INTERRUPT_AT, KILL_AT = 0.55, 0.5
STOP_S = 12.0
REGISTER_S = 30.0
AGENT_LOG = cache_dir() / "logs" / f"demo-{os.getpid()}.log"


def run(seconds: float | None, *, allow_remote: bool) -> int:
    """Run the demo; the exit code is 0 if every word was heard as it must be."""
    os.environ["AVATAR_PROVIDER"] = os.environ.get("AVATAR_PROVIDER") or "mock"
    logging.getLogger("livekit").setLevel(logging.CRITICAL)  # what matters, the view shows
    view = View()
    try:
        resolve(None, ProviderRegistry(), AvatarSettings.load())
        return asyncio.run(_course(view, seconds, allow_remote))
    except ConfigError as error:
        view.error(error)
        return 2
    except AvatarError as error:
        view.error(error)
        return 1
    except TimeoutError:
        view.error(ServerError("a step of the demo took too long.", hint=f"See {AGENT_LOG}."))
        return 1
    except KeyboardInterrupt:
        view.line("Stopped.")
        return 130


async def _course(view: View, seconds: float | None, allow_remote: bool) -> int:
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        with view.setting_up("Looking for a livekit-server") as progress:
            server = await stack.enter_async_context(
                DevServer.from_environment(progress=progress, allow_remote=allow_remote)
            )
            _offer(server)
            view.step("livekit-server", server.url, time.monotonic() - began)
            progress("Starting the agent server")
            await stack.enter_async_context(_agent_server(AGENT_LOG))
            view.step("agent server", "registered", time.monotonic() - began)
            progress("Waiting for the agent and its avatar")
            person = Person(view.told)
            room = f"demo-{secrets.token_hex(4)}"
            await stack.enter_async_context(_dispatched(server, room))
            stack.push_async_callback(person.leave)
            await person.join(server.url, _token(server, room))
            await person.agent_ready()
            view.step("agent and avatar", "ready", time.monotonic() - began)
        return await _conversation(view, person, seconds)


async def _conversation(view: View, person: Person, seconds: float | None) -> int:
    view.says(PARAGRAPH)
    cut_at = 0.0

    async def interrupt(first_at: float, speech: SpokenText) -> None:
        nonlocal cut_at
        await _until(first_at + INTERRUPT_AT * speech.duration_s)
        cut_at = loop_time()
        await person.interrupt()

    first = await person.listen_to(PARAGRAPH, interrupt)
    last_at = person.ear.last_sound_before(cut_at + 1.0) or cut_at
    view.heard(first)
    view.measure("from speech to first sound", first.latency_s)
    view.measure("silent after the interruption", max(0.0, last_at - cut_at))

    count = max(1, min(len(SENTENCES), round(((seconds or 25.0) - 7.0) / SENTENCE_S)))
    text = " ".join(SENTENCES[:count])
    view.says(text)
    killed_at: float | None = None

    async def kill(first_at: float, speech: SpokenText) -> None:
        nonlocal killed_at
        word, start_s, end_s = speech.words[int(KILL_AT * len(speech.words))]
        await _until(first_at + (start_s + end_s) / 2)
        at = loop_time()
        pid = await person.kill_avatar()
        if pid is None:
            view.line("There is no avatar to kill: the agent speaks by its own voice.")
        else:
            killed_at = at
            view.line(f"SIGKILL to the avatar's worker (pid {pid}) in mid-word, at “{word}”.")

    second = await person.listen_to(text, kill)
    view.heard(second)
    view.measure("from speech to first sound", second.latency_s)
    if killed_at is not None:
        view.measure("silence around the kill", person.ear.silence_around(killed_at))
    view.fact("video frames seen", str(person.pictures))
    data = f"{await person.data_bytes() / 1000:.1f} kB; its raw speech is 48 kB a second"
    view.fact("data of the agent that reached the listener", data)
    faults = _faults(first, second, allowed_twice=0 if killed_at is None else 1)
    view.verdict(first, second, faults)
    while seconds is None:
        for sentence in SENTENCES[2:]:
            view.says(sentence)
            view.heard(await person.listen_to(sentence))
    return 1 if faults else 0


def _faults(first: Heard, second: Heard, *, allowed_twice: int) -> list[str]:
    faults = [f"“{word}” was skipped" for word in (*first.skipped, *second.skipped)]
    faults += [f"“{word}” came twice" for word in first.doubled]
    if not first.facts["interrupted"]:
        faults.append("the interruption was not one")
    if second.facts["interrupted"]:
        faults.append("the second speech did not come to its end")
    if len(second.doubled) > allowed_twice:
        faults.append(f"{len(second.doubled)} words came twice: {', '.join(second.doubled)}")
    return faults


async def _until(at: float) -> None:
    await asyncio.sleep(max(0.0, at - loop_time()))


# Set-up.


def _offer(server: DevServer) -> None:
    """Jobs run in child processes, which read the server from the environment, as anywhere."""
    os.environ.update(
        LIVEKIT_URL=server.url,
        LIVEKIT_API_KEY=server.api_key,
        LIVEKIT_API_SECRET=server.api_secret,
    )
    LiveKitSettings.load()


@asynccontextmanager
async def _agent_server(log: Path) -> AsyncIterator[None]:
    # In a process of its own: livekit-agents turns SIGINT off while it starts a job.
    log.parent.mkdir(parents=True, exist_ok=True)
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        agent.__name__,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=log.open("wb"),
        start_new_session=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        async with asyncio.timeout(REGISTER_S):
            while (line := await child.stdout.readline()).decode().strip() != agent.REGISTERED:
                if not line:
                    raise ServerError(
                        "the agent server ended as it started.",
                        hint=f"Its log is {log}.",
                    )
        yield
    finally:
        child.stdin.close()
        try:
            async with asyncio.timeout(STOP_S):
                await child.wait()
        except TimeoutError:
            child.kill()
            await child.wait()


@asynccontextmanager
async def _dispatched(server: DevServer, room: str) -> AsyncIterator[None]:
    async with api.LiveKitAPI(server.url, server.api_key, server.api_secret) as client:
        await client.agent_dispatch.create_dispatch(
            api.CreateAgentDispatchRequest(agent_name=agent.AGENT_NAME, room=room)
        )
        try:
            yield
        finally:
            async with asyncio.timeout(STOP_S):
                await client.room.delete_room(api.DeleteRoomRequest(room=room))


def _token(server: DevServer, room: str) -> str:
    return (
        api.AccessToken(server.api_key, server.api_secret)
        .with_identity(agent.PERSON)
        .with_grants(api.VideoGrants(room_join=True, room=room))
        .to_jwt()
    )
