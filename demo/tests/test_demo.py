"""The command of the README, and that nothing of it stays behind however it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest
from avatar_demo import services
from avatar_demo.web_server import listen

from avatar_core.provisioning.ledger import Ledger
from tests.support.processes import Death, family

pytestmark = [pytest.mark.livekit, pytest.mark.timeout(180)]

START = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
from avatar_core.cli import app
app()
"""
DEMO = (sys.executable, "-c", START, "demo")
GONE_S = 10.0
SPEAKS = ("--seconds", "600"), "says"
SERVES = ("--no-open",), "Your agent is at"
FILM = "a.mp4"
RECORDS = ("--record", FILM), "heard"


async def demo(
    *arguments: str, cwd: Path | None = None, **environment: str
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *DEMO,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "160", **environment},
    )


async def lines(process: asyncio.subprocess.Process) -> AsyncIterator[str]:
    assert process.stdout is not None
    async for line in process.stdout:
        yield line.decode()


async def until_it_says(process: asyncio.subprocess.Process, what: str) -> None:
    told = []
    async for line in lines(process):
        told.append(line)
        if what in line:
            return
    raise AssertionError("".join(told))


def still_there(members: dict[str, Death], within_s: float) -> list[str]:
    """Who of them lives on; they are ended then."""
    left = [name for name, member in members.items() if not member.within(within_s)]
    for member in members.values():
        member.close()
    return left


@pytest.mark.alone
@pytest.mark.parametrize(
    ("provider", "words"),
    [("mock", "SIGKILL to the avatar's worker"), ("voice", "There is no avatar")],
)
async def test_the_demo_checks_itself(provider: str, words: str) -> None:
    process = await demo("--seconds", "10", AVATAR_PROVIDER=provider)
    told = "".join([line async for line in lines(process)])
    assert await process.wait() == 0, told
    assert words in told
    assert "none skipped" in told


async def test_a_wrong_provider_is_told_in_a_line_before_anything_starts() -> None:
    process = await demo(AVATAR_PROVIDER="moc")
    told = [line async for line in lines(process)]
    assert await process.wait() == 2
    assert len(told) == 1
    assert told[0].startswith("[AV101]")
    assert "Did you mean 'mock'?" in told[0]


async def test_a_taken_port_is_told_in_a_line_before_anything_starts() -> None:
    with listen(0) as taken:
        process = await demo("--no-open", DEMO_PORT=str(taken.getsockname()[1]))
        told = [line async for line in lines(process)]
    assert await process.wait() == 2
    assert len(told) == 1
    assert "is taken" in told[0]


@pytest.mark.parametrize(
    ("arguments", "says", "number"),
    [
        (*SPEAKS, signal.SIGINT),
        (*SPEAKS, signal.SIGHUP),
        (*SERVES, signal.SIGTERM),
        (*RECORDS, signal.SIGTERM),
    ],
)
async def test_a_signal_leaves_nothing_but_the_film(
    arguments: tuple[str, ...], says: str, number: int, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "ledger")
    process = await demo(*arguments, AVATAR_LEDGER=str(tmp_path / "ledger"), cwd=tmp_path)
    await until_it_says(process, says)
    assert len(ledger.read_all()) == (0 if "--no-open" in arguments else 1)
    members = family(process.pid)
    assert len(members) >= 3, members
    os.killpg(process.pid, number)
    rest = "".join([line async for line in lines(process)])
    assert await process.wait() == 128 + number, rest
    assert rest.endswith("Stopped.\n")
    assert "Traceback" not in rest
    assert still_there(members, GONE_S) == []
    assert ledger.read_all() == []
    assert (tmp_path / FILM).exists() == (FILM in arguments)


@pytest.mark.parametrize(("arguments", "says"), [SPEAKS, SERVES])
async def test_kill_leaves_nothing(arguments: tuple[str, ...], says: str) -> None:
    process = await demo(*arguments)
    await until_it_says(process, says)
    members = family(process.pid)
    process.kill()
    await process.wait()
    assert still_there(members, GONE_S) == []


async def test_a_server_that_cannot_start_is_told_in_a_line(tmp_path: Path) -> None:
    broken = tmp_path / "livekit-server"
    broken.write_text("#!/bin/sh\necho out of order >&2\nexit 3\n")
    broken.chmod(0o755)
    process = await demo(PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    told = "".join([line async for line in lines(process)])
    assert await process.wait() == 1
    assert "[AV404]" in told
    assert "Traceback" not in told


def livekit_server(demo: psutil.Process) -> psutil.Process:
    (watchdog,) = [child for child in demo.children() if "watchdog.py" in str(child.cmdline())]
    (server,) = watchdog.children()
    return server


def agent_server(demo: psutil.Process) -> psutil.Process:
    (server,) = [child for child in demo.children() if services.AGENT in child.cmdline()]
    return server


@pytest.mark.parametrize(
    ("arguments", "says", "which", "told"),
    [
        (*SPEAKS, livekit_server, "livekit-server at"),
        (*SPEAKS, agent_server, "the agent server is gone"),
        (*SERVES, agent_server, "the agent server is gone"),
    ],
)
async def test_a_server_that_goes_is_told_in_a_line(
    arguments: tuple[str, ...],
    says: str,
    which: Callable[[psutil.Process], psutil.Process],
    told: str,
) -> None:
    process = await demo(*arguments)
    await until_it_says(process, says)
    members = family(process.pid)
    which(psutil.Process(process.pid)).kill()
    rest = [line async for line in lines(process)]
    assert await process.wait() == 1, rest
    assert [told in line for line in rest if line.startswith("[AV404]")] == [True], rest
    assert "Traceback" not in "".join(rest)
    assert still_there(members, GONE_S) == []
